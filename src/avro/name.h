#pragma once

#include <string>
#include <string_view>

namespace bw {

// A PostgreSQL name as an Avro name, byte by byte as the original Bottled Water did it: letters,
// '_' and (except as first byte) digits stay, every other byte becomes "_%02x_".
// "crêpes" -> "cr_c3__aa_pes", "a-b" -> "a_2d_b", "1a" -> "_31_a".
//
// Not injective: "a-b" and "a_2d_b" give the same name, and the caller has to resolve that (for
// columns: FieldNames in avro/field_names.h). An empty name gives an empty result, which no Avro
// parser accepts. Pure; accepts any bytes.
std::string AvroSafeName(std::string_view name);

// The namespace of a table's record schemas: "bottledwater." and the Avro-safe schema name.
std::string AvroNamespace(std::string_view postgres_schema);

}  // namespace bw
