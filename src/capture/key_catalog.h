#pragma once

#include <optional>

#include "capture/full_key.h"
#include "capture/pg_connection.h"
#include "capture/pgoutput_message.h"
#include "spool/spool_state.h"

namespace bw {

// The primary key of one table as it is in the catalog now, whatever its replica identity: without
// columns when the table has none, or one whose columns are not all in the stream; nothing when the
// table was dropped. Reads only catalog rows, so it never waits for a lock on a table.
std::optional<TableKey> ReadPrimaryKey(PgConnection* connection, RelationId relation);

// The index that identifies the table's rows as it is in the catalog now; with REPLICA IDENTITY
// FULL, that is the primary key. Without columns when there is none; nothing when the table was
// dropped. Never waits for a lock on a table either.
std::optional<IdentityKey> ReadIdentityKey(PgConnection* connection, RelationId relation);

}  // namespace bw
