#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "capture/captured_table.h"
#include "capture/pg_connection.h"

namespace bw {

// Every table that FOR ALL TABLES publishes, with partitions and their partitioned tables, by name.
// Reads only; inside a transaction with an imported snapshot, as of that snapshot.
std::vector<CapturedTable> ReadTables(PgConnection* connection);

// The columns of the table's primary key now, in table order; none when it has no usable one. The
// stream does not say which columns they are for a table with REPLICA IDENTITY FULL.
std::vector<std::string> ReadPrimaryKey(PgConnection* connection, std::string_view schema,
                                        std::string_view table);

}  // namespace bw
