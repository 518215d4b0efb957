#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/error.h"
#include "capture/captured_table.h"
#include "capture/pg_connection.h"
#include "capture/table_filter.h"

// Which tables are in the publication by name, which should be, and the statements in between.
//
// A table belongs into it as long as PostgreSQL lets UPDATE and DELETE pass when they are
// published. One that is in it and has no replica identity (any more) refuses them to everybody.

namespace bw {

// How long a statement of ours may wait for a lock. Who waits behind it waits as long.
constexpr Duration kPublicationLockTimeout{50};

// A row of pg_publication_rel. Its OID stands for one stay of the table in the publication: a table
// that is taken out and added again has another.
struct PublicationMember {
  uint32_t row_oid = 0;
  uint32_t table_oid = 0;
};

// Reads system catalogs only: waits for nobody's lock on a table.
std::vector<PublicationMember> ReadMembers(PgConnection* connection,
                                           const std::string& publication);

// A short text that changes whenever a table, its name, its replica identity, its place in a
// hierarchy, its membership, or who may read it changes (but for rights by way of another role). Reads system catalogs only.
std::string ReadMembershipSignature(PgConnection* connection, const std::string& publication);

// What is to be done so that every table is where it belongs.
struct MembershipPlan {
  std::vector<const CapturedTable*> join;
  std::vector<const CapturedTable*> take_out;
  // Selected tables of which only inserts can be captured.
  std::vector<const CapturedTable*> inserts_only;
};

// Whether it has the form that a publication by name can hold. Before PostgreSQL 13 not a
// partitioned table, else not a partition. Pure.
bool IsUnit(const CapturedTable& table, int server_version);

// `tables` are all that there are. Tables that the filter leaves out are never added, and taken out
// only when they would refuse UPDATE and DELETE. Pure.
MembershipPlan PlanMembership(const std::vector<CapturedTable>& tables,
                              const std::vector<PublicationMember>& members,
                              const TableFilter& filter, int server_version);

// Tables without replica identity; a partition is only named when its partitioned table is not.
// Pure.
std::vector<const CapturedTable*> UnkeyedTables(const std::vector<CapturedTable>& tables);
// Why a table that seems to have one has none, in parentheses after its name: " (its key ...)".
// Else empty. Pure.
std::string IdentityNote(const CapturedTable& table);
// Whether PostgreSQL refuses UPDATE and DELETE on an unkeyed table once they are published. Pure.
bool RefusesUpdates(const CapturedTable& unkeyed, int server_version);
// What an owner can run to give it one, a statement a line (OwnLine): everything, and what makes
// another index the identity. Pure.
std::string IdentityRemedies(const CapturedTable& table);
std::string IndexRemedy(const CapturedTable& table);

// Always with ONLY: a child that inherits would come along, and does not share its parent's key.
// Pure.
std::string AddMemberSql(const std::string& publication, const CapturedTable& table);

struct RefusedChange {
  const CapturedTable* table = nullptr;
  Error error;
  std::string sql;
};

// Adds or removes the tables, many in one statement, and one by one where that fails. No statement
// waits for a lock for longer than kPublicationLockTimeout: sets the session's lock_timeout.
// Returns those that were refused; throws when the connection is lost.
enum class MemberChange { kAdd, kDrop };
std::vector<RefusedChange> ChangeMembers(PgConnection* connection, const std::string& publication,
                                         MemberChange change,
                                         const std::vector<const CapturedTable*>& tables);

}  // namespace bw
