#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/error.h"
#include "capture/captured_table.h"
#include "capture/pg_connection.h"
#include "capture/publication.h"
#include "capture/table_filter.h"

// Which tables are in the publication by name, which should be, and the statements that get there.
//
// A table belongs in it as long as PostgreSQL allows UPDATE and DELETE when they are published. On
// a table in it without a replica identity, or that has lost it, they fail for everybody.

namespace bw {

// How long our statements may wait for a lock. Others queued behind them wait as long.
constexpr Duration kPublicationLockTimeout{50};

// A row of pg_publication_rel. Its OID identifies one period of membership: a table that is removed
// and added again gets another.
struct PublicationMember {
  uint32_t row_oid = 0;
  uint32_t table_oid = 0;
};

// Reads only system catalogs, so it never waits for a lock on a table.
std::vector<PublicationMember> ReadMembers(PgConnection* connection,
                                           const std::string& publication);

// A short text that changes whenever a table, its name, its replica identity, its place in a
// hierarchy, its membership, or who may read it changes (except rights through another role). Reads
// only system catalogs.
std::string ReadMembershipSignature(PgConnection* connection, const std::string& publication);

// The changes that put every table where it belongs.
struct MembershipPlan {
  std::vector<const CapturedTable*> join;
  std::vector<const CapturedTable*> take_out;
  // Selected tables of which only inserts can be captured.
  std::vector<const CapturedTable*> inserts_only;
};

// Whether the relay's own publications publish partitions under their root's name. PostgreSQL can
// do that from 13 on; before, and with --partitions=leaf, each partition is a table. Pure.
bool JoinsRoots(const CaptureOptions& options, int server_version);

// Whether it is a table that the relay's own publications have by name: a partition or its root.
// Pure.
bool IsUnit(const CapturedTable& table, bool joins_roots);

// `tables` are all tables. Tables that the filter leaves out are never added, and removed only when
// UPDATE and DELETE would fail on them. Pure.
MembershipPlan PlanMembership(const std::vector<CapturedTable>& tables,
                              const std::vector<PublicationMember>& members,
                              const TableFilter& filter, bool joins_roots);

// Tables without replica identity. A partition is listed only if its partitioned table is not; but
// where roots do not join, partitions alone. Pure.
std::vector<const CapturedTable*> UnkeyedTables(const std::vector<CapturedTable>& tables,
                                                bool joins_roots = true);
// Tables without replica identity whose updates or deletes these publications publish; of a tree,
// the root where it is one of them. Pure.
std::vector<const CapturedTable*> HarmedTables(const std::vector<CapturedTable>& tables,
                                               const std::vector<Publication>& publications);
// Why a table that seems to have a replica identity has none, for after its name: " (its key ...)".
// Otherwise empty. Pure.
std::string IdentityNote(const CapturedTable& table);
// Whether PostgreSQL refuses UPDATE and DELETE on an unkeyed table once they are published. Pure.
bool RefusesUpdates(const CapturedTable& unkeyed, int server_version);
// What an owner can run to give it one, each statement an OwnLine(): all alternatives, or only the
// one that makes another index the identity. Pure.
std::string IdentityRemedies(const CapturedTable& table);
std::string IndexRemedy(const CapturedTable& table);

// Always with ONLY: inheriting children would be added too, and they do not share their parent's
// key. Pure.
std::string AddMemberSql(const std::string& publication, const CapturedTable& table);
std::string DropMembersSql(const std::string& publication,
                           const std::vector<const CapturedTable*>& tables);

struct RefusedChange {
  const CapturedTable* table = nullptr;
  Error error;
  std::string sql;
};

// Adds or removes the tables, many in one statement, or one by one where that fails. No statement
// waits longer than kPublicationLockTimeout for a lock: sets the session's lock_timeout. Returns
// the refused ones; throws when the connection is lost.
enum class MemberChange { kAdd, kDrop };
std::vector<RefusedChange> ChangeMembers(PgConnection* connection, const std::string& publication,
                                         MemberChange change,
                                         const std::vector<const CapturedTable*>& tables);

// --- Log messages about tables without replica identity, with the remedies. Pure ---------------

// What the relay's own publication, which holds tables with a key by name, cannot prevent.
std::string LimitsText(const std::string& publication);
// For one in the relay's own publications.
std::string InsertsOnlyText(const CapturedTable& table);
// For one in a publication that the relay does not alter.
std::string HarmedText(const CapturedTable& table, const std::string& publication,
                       int server_version);
// For one that the relay has removed from its publication.
std::string TakenOutText(const CapturedTable& table, const std::string& publication,
                         bool is_selected);

}  // namespace bw
