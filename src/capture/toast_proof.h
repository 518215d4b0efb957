#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/lsn.h"
#include "base/stop.h"
#include "capture/pgoutput_message.h"
#include "capture/toast_plan.h"
#include "spool/toast_cache.h"

// Whether a value that was sent long ago is still the row's.
//
// Values change without being sent: ALTER TABLE rewrites the table, a table is out of the
// publication for a while, another column gets the name. All of it makes PostgreSQL announce the
// relation before its next row, but for what toast_proof.cc says of versions before 15. So what was
// sent since the relation's latest announcement on this connection is certain. But a relation is
// also announced after ANALYZE, and on each new connection. Then the catalog decides:
//
// A fingerprint is what each such event changes: the table's file, the tables above it and its
// links to them, memberships of them all in publications, each column's number and the xmin of its
// pg_attribute row. It was first seen at an LSN F, when everything that committed below F was done
// or would show in the next look. When a later look sees it again, no such event was committed
// between F and that look, in particular not between a change that committed at or above F and any
// change that we are sent now. So entries from F on are certain. When it is another one, F becomes
// the LSN of that look.
//
// A look must see the transaction whose rows ask: it may have altered the table itself, and a
// walsender sends a commit before others see it. All other transactions that altered the table
// before this row was written were visible by then, since they had locked it.
//
// What no fingerprint can show has none, and nothing is kept of it:
// - Partitioned tables that are published as one. Partitions bring rows, take each other's place,
//   and may have a replica identity by which another key is no change.
// - Columns whose text depends on more than the row: enums and their arrays (labels are renamed),
//   composites (attributes are added), reg* types and aclitem (names), money (lc_monetary), ranges
//   that users have made. Such a value would be as it was sent, not as it is; as a key it would be
//   another row's.
// - Tables of publications by which rows come or change unseen: toast_proof.cc has which.
//
// Another list of publications than before is ToastCache::RequireSource's matter.

namespace bw {

class PgConnection;
class ServerCatalog;

// SQL, of a pg_attribute a: whether the text of its values may change although the row does not.
extern const char* const kTextMayChange;

struct TableFingerprint {
  uint32_t relation = 0;
  std::string table;
  struct Column {
    uint32_t type_oid = 0;
    std::string signature;
  };
  std::map<std::string, Column> columns;  // By name, those that can be relied on.
  Lsn lsn;                                // Of the server's WAL when it was seen.
};

// Of those of the relations that have one, as of now, or of the connection's snapshot. Locks
// nothing.
std::vector<TableFingerprint> ReadFingerprints(PgConnection* connection,
                                               const std::vector<uint32_t>& relations,
                                               const std::vector<std::string>& publications);

// As of now. One without columns when the relation has none, or is gone. Nothing when transaction
// `xid` is not visible, or if it `may_wait`, does not become visible within a second: the relay may
// be the synchronous standby that it waits for.
std::optional<TableFingerprint> LookAtTable(ServerCatalog* catalog, RelationId relation,
                                            uint32_t xid, bool may_wait,
                                            const std::vector<std::string>& publications,
                                            const Stop& stop);

// What is known after `seen` was seen at `since`. Pure.
ToastProof MergeProof(const ToastProof* kept, const TableFingerprint& seen, Lsn since);

// Whether a value of this column, sent at `position` for a row with this key, is still the row's,
// if the latest look is in `proof`. Pure.
bool IsProven(const ToastProof& proof, const std::vector<ToastPlan::Column>& key,
              const std::string& column, const Position& position);

}  // namespace bw
