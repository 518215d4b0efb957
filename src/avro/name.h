#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "avro/table.h"

namespace bw {

// A PostgreSQL name as an Avro name, byte by byte as the original Bottled Water did it: letters,
// '_' and (except as first byte) digits stay, every other byte becomes "_%02x_".
// "crêpes" -> "cr_c3__aa_pes", "a-b" -> "a_2d_b", "1a" -> "_31_a".
//
// Not injective: "a-b" and "a_2d_b" give the same name, and the caller has to resolve that (for
// columns: FieldNames). An empty name gives an empty result, which no Avro
// parser accepts. Pure; accepts any bytes.
std::string AvroSafeName(std::string_view name);

// The namespace of a table's record schemas: "bottledwater." and the Avro-safe schema name.
std::string AvroNamespace(std::string_view postgres_schema);

// The Avro field names of the table's columns, in their order; no two are equal. A field has the
// column's Avro-safe name. When several columns would get the same one, the column with exactly
// this name in PostgreSQL keeps it, else the first one does; the others get "_2", "_3", ...,
// skipping the safe names of all columns. Key and value schema use the same names.
std::vector<std::string> FieldNames(const Table& table);

// The names of the text fields beside the columns (avro/row_form.h), in the columns' order: the
// field's name and "__text", with "_2", "_3", ... where a field or an earlier text field has that
// name. Empty for columns whose type holds all values. With `key_only`, those of the key's record,
// for which the key's columns alone count: another column that is added or dropped must not change
// the bytes of keys.
std::vector<std::string> TextFieldNames(const Table& table,
                                        const std::vector<std::string>& field_names, bool key_only);

}  // namespace bw
