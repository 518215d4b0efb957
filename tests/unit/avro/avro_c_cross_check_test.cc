// Reads random rows of ours back with avro-c's generic reader: an independent word on whether
// schema and body agree.

#include <avro.h>
#include <gtest/gtest.h>

#include <charconv>
#include <cmath>
#include <random>

#include "avro/date_time_text.h"
#include "avro/schema_builder.h"
#include "unit/avro/avro_test_util.h"

namespace bw {
namespace {

class Row {
 public:
  Row(const std::string& schema_json, const std::string& body) {
    EXPECT_EQ(avro_schema_from_json_length(schema_json.data(), schema_json.size(), &schema_), 0);
    class_ = avro_generic_class_from_schema(schema_);
    EXPECT_EQ(avro_generic_value_new(class_, &row_), 0);
    avro_reader_t reader = avro_reader_memory(body.data(), static_cast<int64_t>(body.size()));
    EXPECT_EQ(avro_value_read(reader, &row_), 0) << avro_strerror();
    char rest = 0;
    EXPECT_NE(avro_read(reader, &rest, 1), 0) << "bytes after the row";
    avro_reader_free(reader);
  }
  Row(const Row&) = delete;
  Row& operator=(const Row&) = delete;
  ~Row() {
    avro_value_decref(&row_);
    avro_value_iface_decref(class_);
    avro_schema_decref(schema_);
  }

  bool IsNull(size_t i) {
    avro_value_t field;
    int branch = -1;
    EXPECT_EQ(avro_value_get_by_index(&row_, i, &field, nullptr), 0);
    EXPECT_EQ(avro_value_get_discriminant(&field, &branch), 0);
    return branch == 0;
  }
  avro_value_t Value(size_t i) {
    avro_value_t field;
    avro_value_t value;
    EXPECT_EQ(avro_value_get_by_index(&row_, i, &field, nullptr), 0);
    EXPECT_EQ(avro_value_get_current_branch(&field, &value), 0);
    return value;
  }
  bool Boolean(size_t i) {
    avro_value_t value = Value(i);
    int boolean = -1;
    EXPECT_EQ(avro_value_get_boolean(&value, &boolean), 0);
    return boolean == 1;
  }
  int64_t Int(size_t i) {
    avro_value_t value = Value(i);
    int32_t number = 0;
    EXPECT_EQ(avro_value_get_int(&value, &number), 0);
    return number;
  }
  int64_t Long(size_t i) {
    avro_value_t value = Value(i);
    int64_t number = 0;
    EXPECT_EQ(avro_value_get_long(&value, &number), 0);
    return number;
  }
  float Float(size_t i) {
    avro_value_t value = Value(i);
    float number = 0;
    EXPECT_EQ(avro_value_get_float(&value, &number), 0);
    return number;
  }
  double Double(size_t i) {
    avro_value_t value = Value(i);
    double number = 0;
    EXPECT_EQ(avro_value_get_double(&value, &number), 0);
    return number;
  }
  std::string String(size_t i) {
    avro_value_t value = Value(i);
    const char* text = nullptr;
    size_t size_with_nul = 0;
    EXPECT_EQ(avro_value_get_string(&value, &text, &size_with_nul), 0);
    return {text, size_with_nul - 1};
  }
  std::string Bytes(size_t i) {
    avro_value_t value = Value(i);
    const void* bytes = nullptr;
    size_t size = 0;
    EXPECT_EQ(avro_value_get_bytes(&value, &bytes, &size), 0);
    return {static_cast<const char*>(bytes), size};
  }

 private:
  avro_schema_t schema_ = nullptr;
  avro_value_iface_t* class_ = nullptr;
  avro_value_t row_{};
};

class RandomValues {
 public:
  int64_t Integer(int64_t min, int64_t max) {
    return std::uniform_int_distribution<int64_t>(min, max)(random_);
  }
  // Any length of varint is as likely as any other.
  int64_t AnyLong() { return static_cast<int64_t>(random_()) >> Integer(0, 63); }
  template <typename Float, typename Bits>
  Float AnyFinite() {
    for (;;) {
      const auto value = std::bit_cast<Float>(static_cast<Bits>(random_()));
      if (std::isfinite(value)) return value;
    }
  }
  std::string Bytes(int64_t size_max, int byte_min, int byte_max) {
    std::string bytes(static_cast<size_t>(Integer(0, size_max)), '\0');
    for (char& byte : bytes) byte = static_cast<char>(Integer(byte_min, byte_max));
    return bytes;
  }

 private:
  std::mt19937_64 random_{20261121};
};

template <typename Number>
std::string Shortest(Number number) {
  char text[64];
  return {text, std::to_chars(text, text + sizeof(text), number).ptr};
}

std::string Hex(const std::string& bytes) {
  std::string text = "\\x";
  char digits[3];
  for (const char byte : bytes) {
    std::snprintf(digits, sizeof(digits), "%02x", static_cast<unsigned char>(byte));
    text += digits;
  }
  return text;
}

TEST(AvroC, ReadsRandomRowsAsTheyWereWritten) {
  const Table table =
      MakeTable({MakeColumn("b", type_oid::kBool), MakeColumn("i", type_oid::kInt4),
                 MakeColumn("l", type_oid::kInt8), MakeColumn("o", type_oid::kOid),
                 MakeColumn("f", type_oid::kFloat4), MakeColumn("d", type_oid::kFloat8),
                 MakeColumn("t", type_oid::kText), MakeColumn("y", type_oid::kBytea)});
  const std::string schema = BuildValueSchema(table);
  RandomValues random;
  for (int round = 0; round < 2000; ++round) {
    const bool boolean = random.Integer(0, 1) == 1;
    const auto int4 = static_cast<int32_t>(random.AnyLong());
    const int64_t int8 = random.AnyLong();
    const int64_t oid = random.Integer(0, UINT32_MAX);
    const auto float4 = random.AnyFinite<float, uint32_t>();
    const auto float8 = random.AnyFinite<double, uint64_t>();
    const std::string text = random.Bytes(300, 1, 127);
    const std::string bytes = random.Bytes(300, 0, 255);
    const std::vector<std::string> texts = {boolean ? "t" : "f",
                                            std::to_string(int4),
                                            std::to_string(int8),
                                            std::to_string(oid),
                                            Shortest(float4),
                                            Shortest(float8),
                                            text,
                                            Hex(bytes)};
    std::vector<TextValue> values = Texts(texts);
    const auto null_column = static_cast<size_t>(random.Integer(0, 15));
    if (null_column < values.size()) values[null_column] = TextValue::Null();

    Row row(schema, Encode(table, values));
    for (size_t i = 0; i < values.size(); ++i) ASSERT_EQ(row.IsNull(i), i == null_column);
    if (null_column != 0) {
      EXPECT_EQ(row.Boolean(0), boolean);
    }
    if (null_column != 1) {
      EXPECT_EQ(row.Int(1), int4);
    }
    if (null_column != 2) {
      EXPECT_EQ(row.Long(2), int8);
    }
    if (null_column != 3) {
      EXPECT_EQ(row.Long(3), oid);
    }
    if (null_column != 4) {
      EXPECT_EQ(row.Float(4), float4);
    }
    if (null_column != 5) {
      EXPECT_EQ(row.Double(5), float8);
    }
    if (null_column != 6) {
      EXPECT_EQ(row.String(6), text);
    }
    if (null_column != 7) {
      EXPECT_EQ(row.Bytes(7), bytes);
    }
  }
}

TEST(AvroC, ReadsEveryTypeUnderItsSchema) {
  const Table table = MakeTableOfAllTypes();
  const std::vector<std::string> texts = {"t",
                                          "-32768",
                                          "2147483647",
                                          "-9223372036854775808",
                                          "4294967295",
                                          "NaN",
                                          "-Infinity",
                                          "-123.4500",
                                          "crêpes",
                                          "{}",
                                          "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
                                          "\\x00",
                                          "-infinity",
                                          "24:00:00",
                                          "infinity",
                                          "0044-03-15 12:00:00+00 BC",
                                          "P1Y2M"};
  Row row(BuildValueSchema(table), Encode(table, Texts(texts)));
  EXPECT_TRUE(row.Boolean(0));
  EXPECT_EQ(row.Int(1), INT16_MIN);
  EXPECT_EQ(row.Int(2), INT32_MAX);
  EXPECT_EQ(row.Long(3), INT64_MIN);
  EXPECT_EQ(row.Long(4), UINT32_MAX);
  EXPECT_TRUE(std::isnan(row.Float(5)));
  EXPECT_EQ(row.Double(6), -INFINITY);
  for (const size_t i : {7u, 8u, 9u, 10u, 16u}) EXPECT_EQ(row.String(i), texts[i]);
  EXPECT_EQ(row.Bytes(11), std::string(1, '\0'));
  EXPECT_EQ(row.Int(12), INT32_MIN);
  EXPECT_EQ(row.Long(13), 86'400'000'000);
  EXPECT_EQ(row.Long(14), INT64_MAX);
  int64_t ides = 0;
  EXPECT_EQ(ParseTimestamptz(texts[15], &ides), ValueStatus::kOk);
  EXPECT_EQ(row.Long(15), ides);
}

}  // namespace
}  // namespace bw
