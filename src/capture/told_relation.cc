#include "capture/told_relation.h"

#include "capture/full_key.h"

namespace bw {

bool IsOutdated(const ToldRelation& told, const CapturedTable& now) {
  // A table that was moved to another schema is announced, but a reconnect does no harm.
  if (told.form.table.schema != now.table.schema) return true;
  if (!now.partitioned) return false;
  if (told.form.table.table != now.table.name || told.identity != now.identity) return true;
  // With FULL the noted key stays until the table is re-read.
  return now.identity != ReplicaIdentity::kFull &&
         IsOtherKey(told.form, KeyFormOf(now.oid, now.table));
}

}  // namespace bw
