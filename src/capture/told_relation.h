#pragma once

#include "capture/captured_table.h"
#include "capture/pgoutput_message.h"
#include "spool/spool_state.h"

namespace bw {

// What the stream has said about a relation: the name and key under which its rows arrive.
struct ToldRelation {
  TableKey form;  // Without its schema.
  ReplicaIdentity identity = ReplicaIdentity::kDefault;
};

// Whether rows keep arriving under an outdated name or key. pgoutput announces a relation again
// when that very relation was altered; but PostgreSQL 15 announces, only after a reconnect,
//
//   a schema that was renamed
//   with publish_via_partition_root, a root that was renamed, moved or got another replica
//     identity: it checks only the leaf that has the row, which was not altered
//
// Pure.
bool IsOutdated(const ToldRelation& told, const CapturedTable& now);

}  // namespace bw
