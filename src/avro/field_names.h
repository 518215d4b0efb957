#pragma once

#include <string>
#include <vector>

#include "avro/table.h"

namespace bw {

// The Avro field names of the table's columns, in their order; no two are equal. A field has the
// column's Avro-safe name. When several columns would get the same one, the column with exactly
// this name in PostgreSQL keeps it, else the first one does; the others get "_2", "_3", ...,
// skipping the safe names of all columns. Key and value schema use the same names.
std::vector<std::string> FieldNames(const Table& table);

}  // namespace bw
