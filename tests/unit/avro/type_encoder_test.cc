#include "avro/type_encoder.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <utility>

#include "avro/binary_format.h"
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

// As an array's element: a backslash before each quote and each backslash.
std::string InQuotes(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + '"';
}

ValueStatus StatusOf(uint32_t oid, std::string_view text, int32_t typmod = -1) {
  const ColumnType type = ColumnTypeOf(oid, typmod, {}, NoUserType);
  std::vector<char> room(EncodedBytesMax(type, text));
  char* cursor = room.data();
  const ValueStatus status = EncodeTextValue(type, text, &cursor);
  EXPECT_EQ(cursor == room.data(), status != ValueStatus::kOk) << text;
  return status;
}

TEST(TypeEncoder, EncodesDecimalsInAsFewBytesAsPossible) {
  const auto encode = [](std::string_view text, int32_t precision, int32_t scale) {
    return EncodeOne(type_oid::kNumeric, text, NumericTypmod(precision, scale));
  };
  EXPECT_EQ(encode("0", 4, 0), "\x02\x00"s);
  EXPECT_EQ(encode("-0.0", 4, 1), "\x02\x00"s);
  EXPECT_EQ(encode("12.50", 4, 2), "\x04\x04\xe2"s);
  EXPECT_EQ(encode("-1", 4, 0), "\x02\xff");
  EXPECT_EQ(encode("127", 4, 0), "\x02\x7f");
  EXPECT_EQ(encode("128", 4, 0), "\x04\x00\x80"s);
  EXPECT_EQ(encode("-128", 4, 0), "\x02\x80");
  EXPECT_EQ(encode("-129", 4, 0), "\x04\xff\x7f");
  EXPECT_EQ(encode("255", 4, 0), "\x04\x00\xff"s);
  EXPECT_EQ(encode("0.00099", 2, 5), "\x02\x63");
  EXPECT_EQ(encode("99900", 3, -2), "\x06\x01\x86\x3c");
  // Beyond a machine word: 2^63, -2^63, 2^64.
  EXPECT_EQ(encode("9223372036854775808", 30, 0), "\x12\x00\x80\0\0\0\0\0\0\0"s);
  EXPECT_EQ(encode("-9223372036854775808", 30, 0), "\x10\x80\0\0\0\0\0\0\0"s);
  EXPECT_EQ(encode("18446744073709551616", 30, 0), "\x12\x01\0\0\0\0\0\0\0\0"s);
  EXPECT_EQ(encode("-18446744073709551617", 30, 0), "\x12\xfe\xff\xff\xff\xff\xff\xff\xff\xff");
}

TEST(TypeEncoder, PadsDecimalsToTheirScale) {
  const int32_t typmod = NumericTypmod(10, 3);
  const std::string full = EncodeOne(type_oid::kNumeric, "12.500", typmod);
  EXPECT_EQ(full, "\x04\x30\xd4");
  for (const char* text : {"12.5", "12.50", "12.50000", "0012.5"}) {
    EXPECT_EQ(EncodeOne(type_oid::kNumeric, text, typmod), full) << text;
  }
}

TEST(TypeEncoder, LeavesToTextWhatADecimalCannotHold) {
  const int32_t typmod = NumericTypmod(5, 2);
  for (const char* text : {"NaN", "Infinity", "-Infinity", "1.001", "1000", "-1000.00"}) {
    EXPECT_EQ(StatusOf(type_oid::kNumeric, text, typmod), ValueStatus::kTextBeside) << text;
  }
  EXPECT_EQ(StatusOf(type_oid::kNumeric, "999.99", typmod), ValueStatus::kOk);
  for (const char* text : {"", "-", "1.", ".5", "1e5", "1.2.3", "-NaN", "+1", "1 ", "inf", "--1"}) {
    EXPECT_EQ(StatusOf(type_oid::kNumeric, text, typmod), ValueStatus::kMalformed) << text;
  }
}

TEST(TypeEncoder, EncodesArraysInOneBlock) {
  EXPECT_EQ(EncodeOne(kInt4Array, "{}"), "\0"s);
  EXPECT_EQ(EncodeOne(kInt4Array, "{1,NULL,-1}"), "\x06\x02\x02\x00\x02\x01\x00"s);
  EXPECT_EQ(EncodeOne(kBoolArray, "{t,f}"), "\x04\x02\x01\x02\x00\x00"s);
  EXPECT_EQ(EncodeOne(kTextArray, R"({NULL,"NULL","",a b,"a,b"})"),
            "\x0a\x00\x02\x08NULL\x02\x00\x02\x06"
            "a b\x02\x06"
            "a,b\x00"s);
  EXPECT_EQ(EncodeOne(kTextArray, R"({"\"","\\","a\\\"b","{}"})"),
            "\x08\x02\x02\"\x02\x02\\\x02\x08"
            "a\\\"b\x02\x04{}\x00"s);
  EXPECT_EQ(EncodeOne(kByteaArray, R"({"\\x00ff","\\x"})"), "\x04\x02\x04\x00\xff\x02\x00\x00"s);
  EXPECT_EQ(EncodeOne(kBoxArray, "{(1,1),(0,0);(2,2),(1,1)}"),
            "\x04\x02\x16(1,1),(0,0)\x02\x16(2,2),(1,1)\x00"s);
  EXPECT_EQ(EncodeOne(kNumericArray, "{1.5,NULL}", NumericTypmod(3, 1)),
            "\x04\x02\x02\x0f\x00\x00"s);
  EXPECT_EQ(EncodeOne(kTimestampArray, R"({"1970-01-01 00:00:00.000001",infinity})"),
            "\x04\x02\x02\x02\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01\x00"s);
}

// The count is written before the elements, whose number is only known after them.
TEST(TypeEncoder, CountsElementsOfAnyNumber) {
  for (const size_t count : {1u, 63u, 64u, 65u, 8191u, 8192u, 100'000u}) {
    std::string ints = "{";
    std::string texts = "{";
    for (size_t i = 0; i < count; ++i) {
      ints += i == 0 ? "7" : ",7";
      texts += i == 0 ? R"(",,")" : R"(,",,")";  // More delimiters than elements.
    }
    char buffer[kVarintBytesMax];
    const std::string length(buffer, WriteLong(static_cast<int64_t>(count), buffer));
    std::string seven;
    std::string commas;
    for (size_t i = 0; i < count; ++i) {
      seven += "\x02\x0e";
      commas += "\x02\x04,,";
    }
    EXPECT_EQ(EncodeOne(kInt4Array, ints + "}"), length + seven + '\0');
    EXPECT_EQ(EncodeOne(kTextArray, texts + "}"), length + commas + '\0');
  }
}

TEST(TypeEncoder, LeavesToTextWhatAnArrayCannotHold) {
  for (const char* text : {"{{1,2},{3,4}}", "[0:1]={1,2}", "[-3:-3]={1}", "[2:2][1:1]={{1}}",
                           R"({{"}","{"},{"\"","a"}})", "{{{1}}}"}) {
    EXPECT_EQ(StatusOf(kInt4Array, text), ValueStatus::kTextBeside) << text;
    EXPECT_EQ(StatusOf(kTextArray, text), ValueStatus::kTextBeside) << text;
  }
  EXPECT_EQ(StatusOf(kNumericArray, "{1.5,NaN}", NumericTypmod(3, 1)), ValueStatus::kTextBeside);
  EXPECT_EQ(StatusOf(kNumericArray, "{1.5,NaN}"), ValueStatus::kOk);
  EXPECT_EQ(StatusOf(kTimestampArray, R"({"294276-12-31 23:59:59.999999"})"),
            ValueStatus::kTextBeside);
}

TEST(TypeEncoder, RefusesArraysThatAreNone) {
  for (const char* text :
       {"",           "{",        "}",        "1,2",     "{1",   "{1,}",     "{,1}",
        "{,}",        "{1}x",     "{1}}",     "{1,{2}}", "{{1}", "{{1}}}",   "[0:1={1,2}",
        "[0:1]{1,2}", "[0:]={1}", "[]={1}",   "[0:1]=",  "{\"1", "{\"1\"2}", "{1\"2\"}",
        "{\\1}",      "{\"1\\",   "{\"\\\"}", "{{1},2",  "{}}",  "{} "}) {
    EXPECT_EQ(StatusOf(kTextArray, text), ValueStatus::kMalformed) << text;
  }
  for (const char* text : {"{a}", "{1.5}", "{2147483648}", "{\"\"}", "{null}", "{ 1}"}) {
    EXPECT_EQ(StatusOf(kInt4Array, text), ValueStatus::kMalformed) << text;
  }
}

// --numeric=double
TEST(TypeEncoder, RoundsNumericsToTheNearestDouble) {
  const auto encode = [](std::string_view text) {
    char room[400];
    char* cursor = room;
    EXPECT_EQ(EncodeTextValue({.kind = ValueKind::kDouble}, text, &cursor), ValueStatus::kOk)
        << text;
    return std::bit_cast<double>(ReadLittleEndian<uint64_t>(room + 1));
  };
  EXPECT_EQ(encode("12.50"), 12.5);
  EXPECT_EQ(encode("0.1"), 0.1);
  EXPECT_EQ(encode("9007199254740993"), 9007199254740992.0);
  const std::string large = "9" + std::string(308, '9');
  EXPECT_EQ(encode(large), std::numeric_limits<double>::infinity());
  EXPECT_EQ(encode("-" + large + ".5"), -std::numeric_limits<double>::infinity());
  const std::string small = "0." + std::string(330, '0') + "1";
  EXPECT_EQ(encode(small), 0.0);
  EXPECT_TRUE(std::signbit(encode("-" + small)));
}

// Whatever the text: no crash, no byte outside of the promised room, nothing moved on refusal.
TEST(TypeEncoder, StaysInItsRoomForEveryTruncationOfEveryType) {
  const std::vector<std::pair<ValueKind, std::string>> scalars{
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
  };
  std::vector<std::pair<ColumnType, std::string>> samples;
  for (const auto& [kind, text] : scalars) {
    samples.emplace_back(ColumnType{.kind = kind}, text);
    const ColumnType array{.kind = ValueKind::kArray, .element = kind};
    samples.emplace_back(array, "{NULL," + InQuotes(text) + "," + InQuotes(text) + "}");
  }
  samples.emplace_back(ColumnType{.kind = ValueKind::kDecimal, .precision = 12, .scale = 5},
                       "-123456.789");
  samples.emplace_back(
      ColumnType{
          .kind = ValueKind::kArray, .element = ValueKind::kDecimal, .precision = 50, .scale = 40},
      "{0,1,0.1,9,-9,0,0}");
  for (const auto& [type, text] : samples) {
    for (size_t length = 0; length <= text.size(); ++length) {
      // An exact heap copy, so that a sanitizer sees a read behind the text or the room.
      const std::vector<char> copy(text.begin(),
                                   text.begin() + static_cast<std::ptrdiff_t>(length));
      const std::string_view cut(copy.data(), copy.size());
      std::vector<char> room(EncodedBytesMax(type, cut));
      char* cursor = room.data();
      const auto status = EncodeTextValue(type, cut, &cursor);
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
