#pragma once

#include <string>
#include <vector>

#include "avro/table.h"

namespace bw {

// The Avro field names of the table's columns, in their order; no two are equal. A name is the
// column's Avro-safe name. When several columns meet in one, a column that is called so in
// PostgreSQL keeps it, else the first one does; the others get "_2", "_3", ..., skipping what any
// column of the table is or wants to be called. Key and value schema use the same names.
std::vector<std::string> FieldNames(const Table& table);

}  // namespace bw
