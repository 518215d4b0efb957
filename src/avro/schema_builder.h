#pragma once

#include <optional>
#include <string>

#include "avro/table.h"

namespace bw {

// The Avro schemas of a table as JSON text, the same bytes for an equal table in every run: the
// spool and the registry recognise a schema by its text.
//
// A record named after the Avro-safe table name in the namespace "bottledwater.<schema>"; every
// field is
//   {"name": <FieldNames>, "type": ["null", T], "default": null, "postgresql_type": "integer"}
// and, when the field's name is not the column's, "postgresql_name" with the original.
// A table without columns has a record without fields. Names that are not valid UTF-8 (SQL_ASCII
// databases) show U+FFFD in these two properties only.
//
// Throws a row Error when avro-c refuses the result. Pure and thread-safe.

// All columns.
std::string BuildValueSchema(const Table& table);

// The key columns in table order; none when the table has no key.
std::optional<std::string> BuildKeySchema(const Table& table);

}  // namespace bw
