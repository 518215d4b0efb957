// Reads random rows of ours back with avro-c's generic reader: an independent word on whether
// schema and body agree.

#include <avro.h>
#include <gtest/gtest.h>
#include <strings.h>

#include <charconv>
#include <cmath>
#include <optional>
#include <random>

#include "avro/date_time_text.h"
#include "avro/json_writer.h"
#include "avro/schema_builder.h"
#include "unit/avro/avro_test_util.h"

namespace bw {
namespace {

using OptionalTexts = std::vector<std::optional<std::string>>;

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

  // Of an array: strings and bytes as they are, integers as text.
  OptionalTexts Elements(size_t i) {
    avro_value_t array = Value(i);
    size_t count = 0;
    EXPECT_EQ(avro_value_get_size(&array, &count), 0);
    OptionalTexts elements;
    for (size_t j = 0; j < count; ++j) {
      avro_value_t element;
      avro_value_t value;
      int branch = -1;
      EXPECT_EQ(avro_value_get_by_index(&array, j, &element, nullptr), 0);
      EXPECT_EQ(avro_value_get_discriminant(&element, &branch), 0);
      EXPECT_EQ(avro_value_get_current_branch(&element, &value), 0);
      elements.push_back(branch == 0 ? std::nullopt : std::optional(TextOf(&value)));
    }
    return elements;
  }

 private:
  static std::string TextOf(avro_value_t* value) {
    const void* bytes = nullptr;
    const char* text = nullptr;
    size_t size = 0;
    int32_t int32 = 0;
    int64_t int64 = 0;
    switch (avro_value_get_type(value)) {
      case AVRO_BYTES:
        EXPECT_EQ(avro_value_get_bytes(value, &bytes, &size), 0);
        return {static_cast<const char*>(bytes), size};
      case AVRO_STRING:
        EXPECT_EQ(avro_value_get_string(value, &text, &size), 0);
        return {text, size - 1};
      case AVRO_INT32:
        EXPECT_EQ(avro_value_get_int(value, &int32), 0);
        return std::to_string(int32);
      default:
        EXPECT_EQ(avro_value_get_long(value, &int64), 0);
        return std::to_string(int64);
    }
  }

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
                                          "P1Y2M",
                                          "1250.00",
                                          "{1,NULL,-3}",
                                          "{a,\"b c\",NULL}",
                                          "{0.01,-99999999.99}"};
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
  EXPECT_EQ(row.Bytes(17), "\x01\xe8\x48");
  EXPECT_EQ(row.Elements(18), (OptionalTexts{"1", std::nullopt, "-3"}));
  EXPECT_EQ(row.Elements(19), (OptionalTexts{"a", "b c", std::nullopt}));
  EXPECT_EQ(row.Elements(20), (OptionalTexts{"\x01", "\xfd\xab\xf4\x1c\x01"}));
}

// The number in two's complement, computed bit by bit.
std::string TwosComplement(const std::string& digits, bool is_negative) {
  std::string bytes;  // The lowest one first.
  std::string rest = digits;
  while (!rest.empty()) {
    int carry = 0;
    std::string quotient;
    for (const char digit : rest) {
      carry = carry * 10 + (digit - '0');
      if (!quotient.empty() || carry >= 256) quotient += static_cast<char>('0' + carry / 256);
      carry %= 256;
    }
    bytes += static_cast<char>(carry);
    rest = quotient;
  }
  if (bytes.empty() || static_cast<unsigned char>(bytes.back()) >= 0x80) bytes += '\0';
  if (is_negative) {
    int carry = 1;
    for (char& byte : bytes) {
      carry += 255 - static_cast<unsigned char>(byte);
      byte = static_cast<char>(carry);
      carry >>= 8;
    }
    while (bytes.size() > 1 && bytes.back() == '\xff' &&
           static_cast<unsigned char>(bytes[bytes.size() - 2]) >= 0x80) {
      bytes.pop_back();
    }
  }
  return {bytes.rbegin(), bytes.rend()};
}

TEST(AvroC, ReadsRandomDecimals) {
  RandomValues random;
  for (int round = 0; round < 2000; ++round) {
    const auto precision = static_cast<int32_t>(random.Integer(1, round % 10 == 0 ? 1000 : 40));
    const auto scale = static_cast<int32_t>(random.Integer(0, precision));
    std::string digits;
    for (int64_t i = random.Integer(1, precision); i > 0; --i) {
      digits += static_cast<char>('0' + random.Integer(i == precision ? 1 : 0, 9));
    }
    digits.erase(0, digits.find_first_not_of('0'));
    const bool is_negative = !digits.empty() && random.Integer(0, 1) == 1;
    std::string text = digits;
    if (text.size() <= static_cast<size_t>(scale)) {
      text.insert(0, static_cast<size_t>(scale) + 1 - text.size(), '0');
    }
    if (scale > 0) text.insert(text.size() - static_cast<size_t>(scale), 1, '.');
    if (is_negative) text.insert(0, 1, '-');

    const Table table =
        MakeTable({MakeColumn("n", type_oid::kNumeric, false, NumericTypmod(precision, scale)),
                   MakeColumn("a", kNumericArray, false, NumericTypmod(precision, scale))});
    const std::string array = "{" + text + ",NULL," + text + "}";
    const std::string body = Encode(table, {TextValue::Text(text), TextValue::Text(array)});
    const std::string schema = BuildValueSchema(table);
    Row row(schema, body);
    const std::string bytes = TwosComplement(digits, is_negative);
    ASSERT_EQ(row.Bytes(0), bytes) << text;
    ASSERT_EQ(row.Elements(1), (OptionalTexts{bytes, std::nullopt, bytes})) << text;
    std::string json;
    AppendJson(CompiledSchema::Parse(schema), JsonStyle::kPlain, body, &json);
    ASSERT_EQ(json, R"({"n":")" + text + R"(","a":[")" + text + R"(",null,")" + text + R"("]})");
  }
}

// As array_out() prints an element.
std::string ElementText(const std::string& text) {
  const bool is_null = text.size() == 4 && strcasecmp(text.c_str(), "NULL") == 0;
  if (!text.empty() && !is_null && text.find_first_of("\"\\{}, \t\n\v\f\r") == text.npos)
    return text;
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + '"';
}

TEST(AvroC, ReadsRandomArrays) {
  const Table table = MakeTable(
      {MakeColumn("t", kTextArray), MakeColumn("y", kByteaArray), MakeColumn("l", kInt8Array)});
  const std::string schema = BuildValueSchema(table);
  const std::string kAwkward = "\"\\{}, aNULnul";
  RandomValues random;
  for (int round = 0; round < 2000; ++round) {
    const auto count = static_cast<size_t>(random.Integer(0, round % 100 == 0 ? 300 : 5));
    OptionalTexts texts, bytes, longs;
    std::string array_t, array_y, array_l;
    for (size_t i = 0; i < count; ++i) {
      std::string text = random.Bytes(6, 0, static_cast<int>(kAwkward.size()) - 1);
      for (char& c : text) c = kAwkward[static_cast<size_t>(c)];
      const std::string raw = random.Bytes(6, 0, 255);
      const int64_t number = random.AnyLong();
      const bool is_null = random.Integer(0, 4) == 0;
      const auto add = [&](const std::string& shown, const std::string& value, std::string* array,
                           OptionalTexts* values) {
        *array += (i == 0 ? "" : ",") + (is_null ? "NULL" : shown);
        values->push_back(is_null ? std::nullopt : std::optional(value));
      };
      add(ElementText(text), text, &array_t, &texts);
      add(ElementText(Hex(raw)), raw, &array_y, &bytes);
      add(std::to_string(number), std::to_string(number), &array_l, &longs);
    }
    const std::vector<std::string> row_texts = {"{" + array_t + "}", "{" + array_y + "}",
                                                "{" + array_l + "}"};
    Row row(schema, Encode(table, Texts(row_texts)));
    ASSERT_EQ(row.Elements(0), texts) << row_texts[0];
    ASSERT_EQ(row.Elements(1), bytes) << row_texts[1];
    ASSERT_EQ(row.Elements(2), longs) << row_texts[2];
  }
}

TEST(AvroC, ReadsTextsBeside) {
  const Table table = MakeTable({MakeColumn("n", type_oid::kNumeric, true, NumericTypmod(4, 1)),
                                 MakeColumn("a", kInt4Array)});
  const std::vector<std::string> texts = {"NaN", "{{1}}"};
  const std::vector<TextValue> values = Texts(texts);
  const RowEncoder encoder(table);
  std::string value;
  std::string key;
  const RowForm form = encoder.EncodeValue(values, {}, &value).form;
  EXPECT_EQ(encoder.EncodeKey(values, {}, &key), form);
  Row value_row(BuildValueSchema(table, form), value);
  EXPECT_TRUE(value_row.IsNull(0));
  EXPECT_EQ(value_row.String(1), "NaN");
  EXPECT_TRUE(value_row.IsNull(2));
  EXPECT_EQ(value_row.String(3), "{{1}}");
  Row key_row(*BuildKeySchema(table, form), key);
  EXPECT_TRUE(key_row.IsNull(0));
  EXPECT_EQ(key_row.String(1), "NaN");
}

}  // namespace
}  // namespace bw
