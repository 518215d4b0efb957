#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "avro/row_encoder.h"
#include "avro/type_oid.h"
#include "base/error.h"
#include "support/make_table.h"

namespace bw {

inline constexpr uint32_t kBoolArray = 1000;
inline constexpr uint32_t kByteaArray = 1001;
inline constexpr uint32_t kInt4Array = 1007;
inline constexpr uint32_t kTextArray = 1009;
inline constexpr uint32_t kInt8Array = 1016;
inline constexpr uint32_t kBoxArray = 1020;
inline constexpr uint32_t kFloat8Array = 1022;
inline constexpr uint32_t kTimestampArray = 1115;
inline constexpr uint32_t kNumericArray = 1231;
inline constexpr uint32_t kJsonbArray = 3807;

// A column of every type that has an Avro type of its own, one without, and arrays.
inline Table MakeTableOfAllTypes() {
  return MakeTable({MakeColumn("bool", type_oid::kBool),
                    MakeColumn("int2", type_oid::kInt2),
                    MakeColumn("int4", type_oid::kInt4, true),
                    MakeColumn("int8", type_oid::kInt8),
                    MakeColumn("oid", type_oid::kOid),
                    MakeColumn("float4", type_oid::kFloat4),
                    MakeColumn("float8", type_oid::kFloat8),
                    MakeColumn("numeric", type_oid::kNumeric),
                    MakeColumn("text", type_oid::kText),
                    MakeColumn("jsonb", type_oid::kJsonb),
                    MakeColumn("uuid", type_oid::kUuid),
                    MakeColumn("bytea", type_oid::kBytea),
                    MakeColumn("date", type_oid::kDate),
                    MakeColumn("time", type_oid::kTime),
                    MakeColumn("timestamp", type_oid::kTimestamp),
                    MakeColumn("timestamptz", type_oid::kTimestamptz),
                    MakeColumn("interval", type_oid::kInterval),
                    MakeColumn("decimal", type_oid::kNumeric, false, NumericTypmod(10, 2)),
                    MakeColumn("ints", kInt4Array),
                    MakeColumn("texts", kTextArray),
                    MakeColumn("decimals", kNumericArray, false, NumericTypmod(10, 2))});
}

// A column of an enum with these symbols, or of an array of it.
inline Column MakeEnumColumn(std::string name, std::vector<std::string> symbols,
                             bool is_array = false) {
  Column column = MakeColumn(std::move(name), 16999);
  column.type.kind = is_array ? ValueKind::kArray : ValueKind::kEnum;
  if (is_array) column.type.element = ValueKind::kEnum;
  column.type.symbols = std::move(symbols);
  return column;
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
inline std::string EncodeOne(uint32_t type_oid, std::string_view text, int32_t typmod = -1) {
  const std::string body =
      Encode(MakeTable({MakeColumn("c", type_oid, false, typmod)}), {TextValue::Text(text)});
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
