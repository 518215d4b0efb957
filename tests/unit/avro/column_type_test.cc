#include "avro/column_type.h"

#include <gtest/gtest.h>

#include <map>
#include <utility>

#include "avro/postgres_type_name.h"
#include "avro/type_oid.h"

namespace bw {
namespace {

constexpr uint32_t kNumericArray = 1231;
constexpr uint32_t kInt4Array = 1007;
constexpr uint32_t kBoxArray = 1020;

constexpr uint32_t kMoneyDomain = 20001;     // numeric(10,2)
constexpr uint32_t kMood = 20002;            // an enum
constexpr uint32_t kMoodDomain = 20003;      // over kMood
constexpr uint32_t kMoodArray = 20004;       // kMood[]
constexpr uint32_t kMoneyArray = 20005;      // kMoneyDomain[]
constexpr uint32_t kPricesDomain = 20006;    // over numeric(10,2)[]
constexpr uint32_t kPricesArray = 20007;     // kPricesDomain[]
constexpr uint32_t kMoodsDomain = 20008;     // over kMood[]
constexpr uint32_t kBoxDomainArray = 20009;  // of a domain over box
constexpr uint32_t kBoxDomain = 20010;
constexpr uint32_t kTextDomain = 20011;
constexpr uint32_t kComposite = 20012;
constexpr uint32_t kIntervalDomain = 20013;
constexpr uint32_t kDropped = 20099;

constexpr int32_t Typmod(int32_t precision, int32_t scale) {
  return ((precision << 16) | (scale & 0x7FF)) + 4;
}

std::optional<UserType> Find(uint32_t oid) {
  static const std::map<uint32_t, UserType> types = {
      {kMoneyDomain, {.base_oid = type_oid::kNumeric, .base_typmod = Typmod(10, 2)}},
      {kMood, {.labels = {"sad", "ok"}}},
      {kMoodDomain, {.base_oid = kMood}},
      {kMoodArray, {.element_oid = kMood}},
      {kMoneyArray, {.element_oid = kMoneyDomain}},
      {kPricesDomain, {.base_oid = kNumericArray, .base_typmod = Typmod(10, 2)}},
      {kPricesArray, {.element_oid = kPricesDomain}},
      {kMoodsDomain, {.base_oid = kMoodArray}},
      {kBoxDomainArray, {.element_oid = kBoxDomain, .delimiter = ';'}},
      {kBoxDomain, {.base_oid = type_oid::kBox}},
      {kTextDomain, {.base_oid = type_oid::kVarchar, .base_typmod = 24}},
      {kComposite, {}},
      {kIntervalDomain, {.base_oid = type_oid::kInterval}},
  };
  EXPECT_GE(oid, 10000u) << "a built-in type was looked up";
  const auto found = types.find(oid);
  if (found == types.end()) return std::nullopt;
  return found->second;
}

ColumnType TypeOf(uint32_t oid, int32_t typmod = -1, const TypeForms& forms = {}) {
  return ColumnTypeOf(oid, typmod, forms, Find);
}

ColumnType Scalar(ValueKind kind) { return {.kind = kind}; }
ColumnType Decimal(int32_t precision, int32_t scale) {
  return {.kind = ValueKind::kDecimal, .precision = precision, .scale = scale};
}
ColumnType ArrayOf(ColumnType element, char delimiter = ',') {
  element.element = element.kind;
  element.kind = ValueKind::kArray;
  element.delimiter = delimiter;
  return element;
}

TEST(ColumnType, OfBuiltInTypesIsTheirKind) {
  for (uint32_t oid = 1; oid < 10000; ++oid) {
    if (BuiltinElementType(oid) == 0) {
      EXPECT_EQ(TypeOf(oid), Scalar(KindOfType(oid))) << oid;
    } else {
      const char delimiter = oid == kBoxArray ? ';' : ',';
      EXPECT_EQ(TypeOf(oid), ArrayOf(Scalar(KindOfType(BuiltinElementType(oid))), delimiter))
          << oid;
    }
  }
}

TEST(ColumnType, OfANumericWithAModifierIsADecimal) {
  const auto of = [](int32_t precision, int32_t scale) {
    return TypeOf(type_oid::kNumeric, Typmod(precision, scale));
  };
  EXPECT_EQ(of(10, 2), Decimal(10, 2));
  EXPECT_EQ(of(1000, 0), Decimal(1000, 0));
  EXPECT_EQ(of(1000, 1000), Decimal(1000, 1000));
  EXPECT_EQ(of(1000, -1000), Decimal(2000, 0));
  // numeric(3,-2) holds 99900, numeric(2,5) holds 0.00099.
  EXPECT_EQ(of(3, -2), Decimal(5, 0));
  EXPECT_EQ(of(2, 5), Decimal(5, 5));
  EXPECT_EQ(TypeOf(type_oid::kNumeric), Scalar(ValueKind::kNumeric));
  // What no server sends is text.
  EXPECT_EQ(of(0, 0), Scalar(ValueKind::kNumeric));
  EXPECT_EQ(of(2001, 0), Scalar(ValueKind::kNumeric));
}

TEST(ColumnType, OfANumericIsWhatIsAskedFor) {
  const TypeForms string{.numeric = NumericForm::kString};
  const TypeForms floating{.numeric = NumericForm::kDouble};
  const int32_t typmod = Typmod(10, 2);
  EXPECT_EQ(TypeOf(type_oid::kNumeric, typmod, string), Scalar(ValueKind::kNumeric));
  EXPECT_EQ(TypeOf(type_oid::kNumeric, typmod, floating), Scalar(ValueKind::kDouble));
  EXPECT_EQ(TypeOf(type_oid::kNumeric, -1, floating), Scalar(ValueKind::kNumeric));
  EXPECT_EQ(TypeOf(kMoneyDomain, -1, floating), Scalar(ValueKind::kDouble));
  EXPECT_EQ(TypeOf(kNumericArray, typmod, string), ArrayOf(Scalar(ValueKind::kNumeric)));
  EXPECT_EQ(TypeOf(kNumericArray, typmod, floating), ArrayOf(Scalar(ValueKind::kDouble)));
}

TEST(ColumnType, OfAnIntervalIsWhatIsAskedFor) {
  constexpr uint32_t kIntervalArray = 1187;
  const TypeForms text{.intervals = IntervalForm::kText};
  const TypeForms micros{.intervals = IntervalForm::kMicros};
  EXPECT_EQ(TypeOf(type_oid::kInterval), Scalar(ValueKind::kString));
  EXPECT_EQ(TypeOf(type_oid::kInterval, -1, text), Scalar(ValueKind::kIntervalText));
  EXPECT_EQ(TypeOf(type_oid::kInterval, -1, micros), Scalar(ValueKind::kIntervalMicros));
  EXPECT_EQ(TypeOf(kIntervalArray, -1, text), ArrayOf(Scalar(ValueKind::kIntervalText)));
  EXPECT_EQ(TypeOf(kIntervalDomain, -1, micros), Scalar(ValueKind::kIntervalMicros));
}

TEST(ColumnType, OfATimeHasTheUnitThatIsAskedFor) {
  constexpr uint32_t kTimestampArray = 1115;
  const TypeForms millis{.time_precision = TimePrecision::kMillis};
  EXPECT_EQ(TypeOf(type_oid::kTime, -1, millis), Scalar(ValueKind::kTimeMillis));
  EXPECT_EQ(TypeOf(type_oid::kTimestamp, 3, millis), Scalar(ValueKind::kTimestampMillis));
  EXPECT_EQ(TypeOf(type_oid::kTimestamptz, -1, millis), Scalar(ValueKind::kTimestamptzMillis));
  EXPECT_EQ(TypeOf(kTimestampArray, -1, millis), ArrayOf(Scalar(ValueKind::kTimestampMillis)));
  EXPECT_EQ(TypeOf(type_oid::kDate, -1, millis), Scalar(ValueKind::kDate));
  EXPECT_EQ(TypeOf(type_oid::kTimetz, -1, millis), Scalar(ValueKind::kString));
}

ColumnType Enum(std::vector<std::string> symbols) {
  return {.kind = ValueKind::kEnum, .symbols = std::move(symbols)};
}

TEST(ColumnType, OfAnEnumIsAnAvroEnumIfAskedFor) {
  const TypeForms avro{.enums = EnumForm::kAvro};
  EXPECT_EQ(TypeOf(kMood, -1, avro), Enum({"sad", "ok"}));
  EXPECT_EQ(TypeOf(kMoodDomain, -1, avro), Enum({"sad", "ok"}));
  EXPECT_EQ(TypeOf(kMoodArray, -1, avro), ArrayOf(Enum({"sad", "ok"})));
  EXPECT_EQ(TypeOf(kMoodsDomain, -1, avro), ArrayOf(Enum({"sad", "ok"})));
  EXPECT_EQ(TypeOf(kMood), Scalar(ValueKind::kString));
  for (const uint32_t oid : {kDropped, kComposite}) {
    EXPECT_EQ(TypeOf(oid, -1, avro), Scalar(ValueKind::kString)) << oid;
  }
  EXPECT_FALSE(Enum({"ok"}).holds_all());
}

TEST(ColumnType, OfAnEnumHasThoseLabelsThatAvroCanName) {
  const TypeForms avro{.enums = EnumForm::kAvro};
  const auto of = [&](std::vector<std::string> labels) {
    return ColumnTypeOf(kMood, -1, avro, [&](uint32_t) { return UserType{.labels = labels}; });
  };
  EXPECT_EQ(of({"on hold", "done", "", "1st", "tr\u00e8s", "_x9", "a-b", "a_2d_b"}),
            Enum({"done", "_x9", "a_2d_b"}));
  EXPECT_EQ(of({"on hold", ""}), Scalar(ValueKind::kString)) << "an enum of nothing is none";
}

// Two keys would become one.
TEST(TypeForms, OfAKeyLoseNothing) {
  const TypeForms lossy{.numeric = NumericForm::kDouble,
                        .intervals = IntervalForm::kMicros,
                        .time_precision = TimePrecision::kMillis};
  const TypeForms key = lossy.OfKey();
  EXPECT_EQ(key.numeric, NumericForm::kDecimal);
  EXPECT_EQ(key.intervals, IntervalForm::kIso);
  EXPECT_EQ(key.time_precision, TimePrecision::kMicros);
  const TypeForms exact{.numeric = NumericForm::kString,
                        .arrays = ArrayForm::kText,
                        .enums = EnumForm::kAvro,
                        .intervals = IntervalForm::kText};
  EXPECT_EQ(exact.OfKey().numeric, NumericForm::kString);
  EXPECT_EQ(exact.OfKey().arrays, ArrayForm::kText);
  EXPECT_EQ(exact.OfKey().enums, EnumForm::kString) << "whose labels would be part of the key";
  EXPECT_EQ(exact.OfKey().intervals, IntervalForm::kIso);
}

TEST(ColumnType, OfADomainIsThatOfTheTypeBelow) {
  EXPECT_EQ(TypeOf(kMoneyDomain), Decimal(10, 2));
  EXPECT_EQ(TypeOf(kTextDomain), Scalar(ValueKind::kString));
  EXPECT_EQ(TypeOf(kMoodDomain), Scalar(ValueKind::kString));
  EXPECT_EQ(TypeOf(kPricesDomain), ArrayOf(Decimal(10, 2)));
  EXPECT_EQ(TypeOf(kMoodsDomain), ArrayOf(Scalar(ValueKind::kString)));
}

TEST(ColumnType, OfAnArrayIsThatOfItsElements) {
  EXPECT_EQ(TypeOf(kInt4Array), ArrayOf(Scalar(ValueKind::kInt)));
  EXPECT_EQ(TypeOf(kNumericArray, Typmod(6, 3)), ArrayOf(Decimal(6, 3)));
  EXPECT_EQ(TypeOf(kNumericArray), ArrayOf(Scalar(ValueKind::kNumeric)));
  EXPECT_EQ(TypeOf(kMoneyArray), ArrayOf(Decimal(10, 2)));
  EXPECT_EQ(TypeOf(kMoodArray), ArrayOf(Scalar(ValueKind::kString)));
  EXPECT_EQ(TypeOf(kBoxDomainArray), ArrayOf(Scalar(ValueKind::kString), ';'));
  // Elements that are arrays themselves are texts.
  EXPECT_EQ(TypeOf(kPricesArray), ArrayOf(Scalar(ValueKind::kString)));
}

TEST(ColumnType, OfAnArrayIsTextIfAskedFor) {
  const TypeForms text{.arrays = ArrayForm::kText};
  for (const uint32_t oid : {kInt4Array, kMoodArray, kPricesDomain, kPricesArray}) {
    EXPECT_EQ(TypeOf(oid, -1, text), Scalar(ValueKind::kString)) << oid;
  }
  EXPECT_EQ(TypeOf(kMoneyDomain, -1, text), Decimal(10, 2));
}

// Printed without braces, although pg_type gives them an element type.
TEST(ColumnType, OfVectorsIsText) {
  for (const uint32_t oid : {22u, 30u}) EXPECT_EQ(TypeOf(oid), Scalar(ValueKind::kString));
}

TEST(ColumnType, OfUnknownAndOtherTypesIsText) {
  for (const uint32_t oid : {kDropped, kComposite, kMood}) {
    EXPECT_EQ(TypeOf(oid), Scalar(ValueKind::kString)) << oid;
  }
}

TEST(ColumnType, KnowsWhichFormsHoldEverything) {
  EXPECT_TRUE(Scalar(ValueKind::kDouble).holds_all());
  EXPECT_FALSE(Decimal(10, 2).holds_all());
  EXPECT_FALSE(ArrayOf(Scalar(ValueKind::kInt)).holds_all());
  EXPECT_FALSE(Scalar(ValueKind::kIntervalMicros).holds_all());
  EXPECT_TRUE(Scalar(ValueKind::kTimestampMillis).holds_all());
}

TEST(EnumLabels, AreThoseOfTheEnumBelow) {
  const std::vector<std::string> labels = {"sad", "ok"};
  EXPECT_EQ(EnumLabelsOf(kMood, Find), labels);
  EXPECT_EQ(EnumLabelsOf(kMoodDomain, Find), labels);
  for (const uint32_t oid : {kMoodArray, kMoodsDomain, kMoneyDomain, kDropped, uint32_t{25}}) {
    EXPECT_TRUE(EnumLabelsOf(oid, Find).empty()) << oid;
  }
}

}  // namespace
}  // namespace bw
