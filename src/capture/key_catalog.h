#pragma once

#include <optional>
#include <vector>

#include "capture/pg_connection.h"
#include "capture/pgoutput_message.h"
#include "spool/spool_state.h"

namespace bw {

// Keys as the catalog has them now. Both read rows of the catalog only, so they wait for nobody's
// lock on a table.

// The key of each table with REPLICA IDENTITY FULL: its primary key; no columns when it has none,
// or one whose columns are not all in the stream.
std::vector<TableKey> ReadFullKeys(PgConnection* connection);
// The same of one table, whatever its replica identity is now; nothing when it was dropped.
std::optional<TableKey> ReadFullKey(PgConnection* connection, RelationId relation);

}  // namespace bw
