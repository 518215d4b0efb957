#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "avro/column_type.h"
#include "avro/postgres_type_name.h"
#include "avro/table.h"

// Tables as capture describes them.

namespace bw {

inline std::optional<UserType> NoUserType(uint32_t) { return std::nullopt; }

inline Column MakeColumn(std::string name, uint32_t type_oid, bool key = false,
                         int32_t typmod = -1) {
  Column column;
  column.name = std::move(name);
  column.type_oid = type_oid;
  column.typmod = typmod;
  column.type_name = PostgresTypeName(type_oid, typmod);
  column.type = ColumnTypeOf(type_oid, typmod, {}, NoUserType);
  column.key = key;
  return column;
}

inline Table MakeTable(std::vector<Column> columns) {
  return {"public", "test", std::move(columns)};
}

// atttypmod of numeric(precision,scale).
inline constexpr int32_t NumericTypmod(int32_t precision, int32_t scale) {
  return ((precision << 16) | (scale & 0x7FF)) + 4;
}

}  // namespace bw
