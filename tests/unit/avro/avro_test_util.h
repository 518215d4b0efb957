#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "avro/column_type.h"
#include "avro/postgres_type_name.h"
#include "avro/row_encoder.h"
#include "avro/table.h"
#include "avro/type_oid.h"
#include "base/error.h"

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

// A column of every type that has an Avro type of its own, and one without.
inline Table MakeTableOfAllTypes() {
  return MakeTable({MakeColumn("bool", type_oid::kBool), MakeColumn("int2", type_oid::kInt2),
                    MakeColumn("int4", type_oid::kInt4, true), MakeColumn("int8", type_oid::kInt8),
                    MakeColumn("oid", type_oid::kOid), MakeColumn("float4", type_oid::kFloat4),
                    MakeColumn("float8", type_oid::kFloat8),
                    MakeColumn("numeric", type_oid::kNumeric), MakeColumn("text", type_oid::kText),
                    MakeColumn("jsonb", type_oid::kJsonb), MakeColumn("uuid", type_oid::kUuid),
                    MakeColumn("bytea", type_oid::kBytea), MakeColumn("date", type_oid::kDate),
                    MakeColumn("time", type_oid::kTime),
                    MakeColumn("timestamp", type_oid::kTimestamp),
                    MakeColumn("timestamptz", type_oid::kTimestamptz),
                    MakeColumn("interval", type_oid::kInterval)});
}

// The texts as views; the strings must outlive them.
inline std::vector<TextValue> Texts(const std::vector<std::string>& texts) {
  std::vector<TextValue> values;
  for (const std::string& text : texts) values.push_back(TextValue::Text(text));
  return values;
}

inline std::string Encode(const Table& table, const std::vector<TextValue>& values) {
  std::string body;
  RowEncoder(table).EncodeValue(values, {}, &body);
  return body;
}

// The body of a one-column table without its union branch.
inline std::string EncodeOne(uint32_t type_oid, std::string_view text) {
  const std::string body = Encode(MakeTable({MakeColumn("c", type_oid)}), {TextValue::Text(text)});
  EXPECT_EQ(body.front(), '\x02');
  return body.substr(1);
}

// Runs `operation` and gives its Error; fails the test when it throws none.
template <typename Operation>
Error ErrorOf(Operation operation) {
  try {
    operation();
  } catch (const Error& error) {
    return error;
  }
  ADD_FAILURE() << "no Error was thrown";
  return Error(ErrorKind::kUsage, "none");
}

}  // namespace bw
