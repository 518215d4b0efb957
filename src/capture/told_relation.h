#pragma once

#include "capture/captured_table.h"
#include "capture/pgoutput_message.h"
#include "spool/spool_state.h"

namespace bw {

// What the stream has said of a relation: under which name and key its rows arrive.
struct ToldRelation {
  TableKey form;  // Without its schema.
  ReplicaIdentity identity = ReplicaIdentity::kDefault;
};

// Whether rows go on under another name or key than the table has in the catalog, although their
// transactions know better. pgoutput announces a relation again when that very relation has
// changed; in PostgreSQL 15 it does not announce, until the connection is new,
//
//   a schema that was renamed
//   with publish_via_partition_root, a root that was renamed, moved or got another replica
//     identity: it looks at the leaf that the row is in, and that has not changed
//
// Pure.
bool IsOutdated(const ToldRelation& told, const CapturedTable& now);

}  // namespace bw
