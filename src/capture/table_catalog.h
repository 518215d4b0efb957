#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "capture/captured_table.h"
#include "capture/pg_connection.h"

namespace bw {

// SQL, for a pg_class c: what a publication can hold. As is_publishable_class() in the server's
// pg_publication.c: permanent ordinary and partitioned tables that are not part of the system
// (FirstNormalObjectId).
inline constexpr const char* kPublishableTable =
    "c.relkind IN ('r', 'p') AND c.relpersistence = 'p' AND c.oid >= 16384";

// Every table that FOR ALL TABLES publishes, with partitions and their partitioned tables, by name.
// Reads only, and waits for nobody's lock on a table; inside a transaction with an imported snapshot,
// as of that snapshot. A table that is dropped meanwhile may be among them.
std::vector<CapturedTable> ReadTables(PgConnection* connection);

// The columns of the table's primary key now, in table order; none when it has no usable one. The
// stream does not say which columns they are for a table with REPLICA IDENTITY FULL.
std::vector<std::string> ReadPrimaryKey(PgConnection* connection, std::string_view schema,
                                        std::string_view table);

}  // namespace bw
