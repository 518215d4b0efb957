#pragma once

#include <optional>
#include <string>

#include "avro/row_form.h"
#include "avro/table.h"

namespace bw {

// The Avro schemas of a table as JSON text, the same bytes for an equal table in every run: the
// spool and the registry recognise a schema by its text.
//
// A record named after the Avro-safe table name in the namespace "bottledwater.<schema>"; every
// field is
//   {"name": <FieldNames>, "type": ["null", T], "default": null, "postgresql_type": "integer"}
// and, when the field's name is not the column's, "postgresql_name" with the original; for an enum
// "postgresql_enum" with its labels (not in a key schema, which must not change when the enum gets
// another one); for a domain over json, jsonb or a numeric that is text, or
// over arrays of them, "postgresql_base_type": "json", "numeric", "json[]" or "numeric[]". T is
// what ColumnType says (avro/README.md). Where a form has a text beside a column, the next field is
//   {"name": <TextFieldNames>, "type": ["null", "string"], "default": null,
//    "postgresql_text_of": <name of the column's field>}
// An Avro enum is called <record>__<field>__enum, in the record's namespace: so names do not depend
// on other columns, none is that of a primitive type, which Avro reserves, and none makes a package
// of what is a class in generated code.
// With Table::with_docs, the value's record and its fields have the comments as "doc". A key's have
// none: its bytes begin with its schema's id, so a comment would make another key of every row.
// A table without columns has a record without fields. Names that are not valid UTF-8 (SQL_ASCII
// databases) show U+FFFD in these properties only. Forms differ in nothing but the text fields.
//
// Throws a row Error when avro-c refuses the result. Pure and thread-safe.

// All columns.
std::string BuildValueSchema(const Table& table, RowForm form = RowForm::kNative);

// The key columns in table order; none when the table has no key.
std::optional<std::string> BuildKeySchema(const Table& table, RowForm form = RowForm::kNative);

}  // namespace bw
