#include "avro/type_encoder.h"

#include <gtest/gtest.h>

#include <array>
#include <utility>

#include "unit/avro/avro_test_util.h"

namespace bw {
namespace {

using std::string_literals::operator""s;

void ExpectRefused(uint32_t type_oid, std::string_view text) {
  const Error error = ErrorOf([&] { EncodeOne(type_oid, text); });
  EXPECT_EQ(error.kind(), ErrorKind::kRow) << text;
}

TEST(TypeEncoder, EncodesBooleans) {
  EXPECT_EQ(EncodeOne(type_oid::kBool, "t"), "\x01");
  EXPECT_EQ(EncodeOne(type_oid::kBool, "f"), "\0"s);
  for (const char* text : {"", "true", "1", "T", "tf"}) ExpectRefused(type_oid::kBool, text);
}

TEST(TypeEncoder, EncodesIntegersAsZigZagVarints) {
  EXPECT_EQ(EncodeOne(type_oid::kInt4, "0"), "\0"s);
  EXPECT_EQ(EncodeOne(type_oid::kInt4, "-1"), "\x01");
  EXPECT_EQ(EncodeOne(type_oid::kInt4, "1"), "\x02");
  EXPECT_EQ(EncodeOne(type_oid::kInt2, "-64"), "\x7f");
  EXPECT_EQ(EncodeOne(type_oid::kInt2, "64"), "\x80\x01");
  EXPECT_EQ(EncodeOne(type_oid::kInt2, "-32768"), "\xff\xff\x03");
  EXPECT_EQ(EncodeOne(type_oid::kInt4, "2147483647"), "\xfe\xff\xff\xff\x0f");
  EXPECT_EQ(EncodeOne(type_oid::kInt4, "-2147483648"), "\xff\xff\xff\xff\x0f");
  EXPECT_EQ(EncodeOne(type_oid::kInt8, "9223372036854775807"),
            "\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01");
  EXPECT_EQ(EncodeOne(type_oid::kInt8, "-9223372036854775808"),
            "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01");
}

TEST(TypeEncoder, RefusesIntegersThatAreNone) {
  for (const uint32_t oid : {type_oid::kInt2, type_oid::kInt4, type_oid::kInt8, type_oid::kOid}) {
    for (const char* text : {"", "-", "+1", " 1", "1 ", "1.0", "0x1", "1e3", "NaN"}) {
      ExpectRefused(oid, text);
    }
  }
  ExpectRefused(type_oid::kInt4, "2147483648");
  ExpectRefused(type_oid::kInt8, "9223372036854775808");
  ExpectRefused(type_oid::kOid, "4294967296");
  ExpectRefused(type_oid::kXid, "-1");
}

TEST(TypeEncoder, EncodesUnsignedTypesAsLong) {
  for (const uint32_t oid : {type_oid::kOid, type_oid::kXid, type_oid::kCid}) {
    EXPECT_EQ(EncodeOne(oid, "4294967295"), "\xfe\xff\xff\xff\x1f");
  }
}

TEST(TypeEncoder, EncodesFloatsLittleEndian) {
  EXPECT_EQ(EncodeOne(type_oid::kFloat4, "1.5"), "\x00\x00\xc0\x3f"s);
  EXPECT_EQ(EncodeOne(type_oid::kFloat4, "-0"), "\x00\x00\x00\x80"s);
  EXPECT_EQ(EncodeOne(type_oid::kFloat4, "NaN"), "\x00\x00\xc0\x7f"s);
  EXPECT_EQ(EncodeOne(type_oid::kFloat4, "1e-45"), "\x01\x00\x00\x00"s);
  EXPECT_EQ(EncodeOne(type_oid::kFloat4, "3.4028235e+38"), "\xff\xff\x7f\x7f");
  EXPECT_EQ(EncodeOne(type_oid::kFloat8, "1.5"), "\0\0\0\0\0\0\xf8\x3f"s);
  EXPECT_EQ(EncodeOne(type_oid::kFloat8, "-0"), "\0\0\0\0\0\0\0\x80"s);
  EXPECT_EQ(EncodeOne(type_oid::kFloat8, "Infinity"), "\0\0\0\0\0\0\xf0\x7f"s);
  EXPECT_EQ(EncodeOne(type_oid::kFloat8, "-Infinity"), "\0\0\0\0\0\0\xf0\xff"s);
  EXPECT_EQ(EncodeOne(type_oid::kFloat8, "NaN"), "\0\0\0\0\0\0\xf8\x7f"s);
  EXPECT_EQ(EncodeOne(type_oid::kFloat8, "5e-324"), "\x01\0\0\0\0\0\0\0"s);
  EXPECT_EQ(EncodeOne(type_oid::kFloat8, "1.7976931348623157e+308"),
            "\xff\xff\xff\xff\xff\xff\xef\x7f");
}

TEST(TypeEncoder, RefusesFloatsThatAreNone) {
  for (const uint32_t oid : {type_oid::kFloat4, type_oid::kFloat8}) {
    for (const char* text : {"", "-", ".", "1.5x", "nan", "inf", "-inf", "infinity", "-NaN",
                             "0x1p3", "1e", " 1", "+1", "1e999"}) {
      ExpectRefused(oid, text);
    }
  }
}

TEST(TypeEncoder, KeepsNumericsExactly) {
  const std::string digits = std::string(131072, '9') + "." + std::string(16383, '1');
  for (const std::string& text :
       {"0"s, "-0.00"s, "123.4500"s, "NaN"s, "Infinity"s, "-Infinity"s, digits}) {
    EXPECT_TRUE(EncodeOne(type_oid::kNumeric, text).ends_with(text));
  }
  EXPECT_EQ(EncodeOne(type_oid::kNumeric, "1.50"),
            "\x08"
            "1.50");
  for (const char* text : {"", "-", "1.", ".5", "1e5", "1.2.3", "-NaN", "+1", "1 ", "inf", "--1"}) {
    ExpectRefused(type_oid::kNumeric, text);
  }
}

TEST(TypeEncoder, CopiesTextsWithTheirLength) {
  constexpr uint32_t kUserType = 16999;
  constexpr uint32_t kTextArray = 1009;
  EXPECT_EQ(EncodeOne(type_oid::kText, ""), "\0"s);
  EXPECT_EQ(EncodeOne(type_oid::kText, "crêpes"),
            "\x0e"
            "crêpes");
  EXPECT_EQ(EncodeOne(type_oid::kBpchar, "a  "),
            "\x06"
            "a  ");
  EXPECT_EQ(EncodeOne(kUserType, "happy"),
            "\x0a"
            "happy");
  for (const char* text : {"{NULL,\"NULL\",\"a,b\"}", "{{1,2},{3,4}}", "{}", "[2:3]={a,b}"}) {
    EXPECT_TRUE(EncodeOne(kTextArray, text).ends_with(text));
  }
  EXPECT_EQ(EncodeOne(type_oid::kText, std::string(64, 'x')), "\x80\x01" + std::string(64, 'x'));
  EXPECT_EQ(EncodeOne(type_oid::kJson, "{ }"), "\x06{ }");
}

TEST(TypeEncoder, EncodesBytesFromBothForms) {
  EXPECT_EQ(EncodeOne(type_oid::kBytea, "\\x"), "\0"s);
  EXPECT_EQ(EncodeOne(type_oid::kBytea, "\\x00fFa0"), "\x06\x00\xff\xa0"s);
  EXPECT_EQ(EncodeOne(type_oid::kBytea, ""), "\0"s);
  EXPECT_EQ(EncodeOne(type_oid::kBytea, "a\\\\b\\000\\377"),
            "\x0a"
            "a\\b\0\xff"s);
  for (const char* text :
       {"\\x0", "\\x0g", "\\xzz", "\\", "a\\", "\\8", "\\00", "\\400", "\\08x"}) {
    ExpectRefused(type_oid::kBytea, text);
  }
}

TEST(TypeEncoder, EncodesUuids) {
  const std::string uuid = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11";
  EXPECT_EQ(EncodeOne(type_oid::kUuid, uuid), "\x48" + uuid);
  for (const char* text :
       {"", "a0eebc99", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a1g",
        "a0eebc9999c0b-4ef8-bb6d-6bb9bd380a11", "{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}"}) {
    ExpectRefused(type_oid::kUuid, text);
  }
}

TEST(TypeEncoder, EncodesDatesAndTimesAsNumbers) {
  EXPECT_EQ(EncodeOne(type_oid::kDate, "1970-01-02"), "\x02");
  EXPECT_EQ(EncodeOne(type_oid::kDate, "infinity"), "\xfe\xff\xff\xff\x0f");
  EXPECT_EQ(EncodeOne(type_oid::kDate, "-infinity"), "\xff\xff\xff\xff\x0f");
  EXPECT_EQ(EncodeOne(type_oid::kTime, "00:00:00.000001"), "\x02");
  EXPECT_EQ(EncodeOne(type_oid::kTimestamp, "1969-12-31 23:59:59.999999"), "\x01");
  EXPECT_EQ(EncodeOne(type_oid::kTimestamptz, "1970-01-01 00:00:00.000001+00"), "\x02");
  EXPECT_EQ(EncodeOne(type_oid::kTimestamptz, "infinity"),
            "\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01");
}

TEST(TypeEncoder, SaysWhenATimestampIsOutOfRange) {
  const Error error =
      ErrorOf([] { EncodeOne(type_oid::kTimestamp, "294276-12-31 23:59:59.999999"); });
  EXPECT_EQ(error.kind(), ErrorKind::kRow);
  const std::string what = error.what();
  EXPECT_NE(what.find("cannot hold its value"), std::string::npos) << what;
  EXPECT_EQ(what.find("294276"), std::string::npos) << "the value must not be told";
}

// Whatever the text: no crash, no byte outside of the promised room, nothing moved on refusal.
TEST(TypeEncoder, StaysInItsRoomForEveryTruncationOfEveryType) {
  const std::array<std::pair<ValueKind, std::string>, 15> samples{{
      {ValueKind::kBoolean, "t"},
      {ValueKind::kInt, "-2147483648"},
      {ValueKind::kLong, "-9223372036854775808"},
      {ValueKind::kUnsigned, "4294967295"},
      {ValueKind::kFloat, "-3.4028235e+38"},
      {ValueKind::kDouble, "-1.7976931348623157e+308"},
      {ValueKind::kNumeric, "-123456.789"},
      {ValueKind::kString, "crêpes"},
      {ValueKind::kJson, "{\"a\": [1]}"},
      {ValueKind::kUuid, "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"},
      {ValueKind::kBytes, "\\x00ff10"},
      {ValueKind::kDate, "0044-03-15 BC"},
      {ValueKind::kTime, "12:30:00.123456"},
      {ValueKind::kTimestamp, "0044-03-15 12:30:00.123456 BC"},
      {ValueKind::kTimestamptz, "0044-03-15 12:30:00.123456-05:30:17 BC"},
  }};
  for (const auto& [kind, text] : samples) {
    for (size_t length = 0; length <= text.size(); ++length) {
      // An exact heap copy, so that a sanitizer sees a read behind the text or the room.
      const std::vector<char> copy(text.begin(),
                                   text.begin() + static_cast<std::ptrdiff_t>(length));
      std::vector<char> room(length + kFieldOverheadBytesMax);
      char* cursor = room.data();
      const auto status = EncodeTextValue(kind, {copy.data(), copy.size()}, &cursor);
      if (status != ValueStatus::kOk) {
        EXPECT_EQ(cursor, room.data());
      } else {
        EXPECT_GT(cursor, room.data());
        EXPECT_LE(cursor, room.data() + room.size());
      }
      if (length == text.size()) {
        EXPECT_EQ(status, ValueStatus::kOk) << text;
      }
    }
  }
}

}  // namespace
}  // namespace bw
