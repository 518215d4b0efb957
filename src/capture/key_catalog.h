#pragma once

#include <optional>

#include "capture/full_key.h"
#include "capture/pg_connection.h"
#include "capture/pgoutput_message.h"
#include "spool/spool_state.h"

namespace bw {

// The primary key of one table as the catalog has it now, whatever its replica identity is: no
// columns when it has none, or one whose columns are not all in the stream; nothing when the table
// was dropped. Reads rows of the catalog only, so it waits for nobody's lock on a table.
std::optional<TableKey> ReadPrimaryKey(PgConnection* connection, RelationId relation);

// As the catalog has it now: the index that identifies the table's rows, which is the primary key
// with REPLICA IDENTITY FULL; without columns when there is none. Nothing when the table was
// dropped. Waits for nobody's lock either.
std::optional<IdentityKey> ReadIdentityKey(PgConnection* connection, RelationId relation);

}  // namespace bw
