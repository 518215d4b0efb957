#include "avro/postgres_type_name.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "avro/type_oid.h"

namespace bw {
namespace {

// A type with the same OID in every PostgreSQL installation.
struct BuiltinType {
  uint32_t oid;
  uint32_t element_oid;   // For arrays of a listed type; 0 for everything else.
  std::string_view name;  // As format_type() prints it without a modifier; empty for those arrays.
};

// pg_type of PostgreSQL 15 below OID 10000, without row, domain and pseudo types, ordered by OID.
// Names are format_type(oid, -1); an array whose element is listed has the element's OID instead.
constexpr BuiltinType kTypes[] = {
    {16, 0, "boolean"},
    {17, 0, "bytea"},
    {18, 0, "\"char\""},
    {19, 0, "name"},
    {20, 0, "bigint"},
    {21, 0, "smallint"},
    {22, 0, "int2vector"},
    {23, 0, "integer"},
    {24, 0, "regproc"},
    {25, 0, "text"},
    {26, 0, "oid"},
    {27, 0, "tid"},
    {28, 0, "xid"},
    {29, 0, "cid"},
    {30, 0, "oidvector"},
    {114, 0, "json"},
    {142, 0, "xml"},
    {143, 142, ""},
    {194, 0, "pg_node_tree"},
    {199, 114, ""},
    {210, 0, "pg_type[]"},
    {270, 0, "pg_attribute[]"},
    {271, 5069, ""},
    {272, 0, "pg_proc[]"},
    {273, 0, "pg_class[]"},
    {600, 0, "point"},
    {601, 0, "lseg"},
    {602, 0, "path"},
    {603, 0, "box"},
    {604, 0, "polygon"},
    {628, 0, "line"},
    {629, 628, ""},
    {650, 0, "cidr"},
    {651, 650, ""},
    {700, 0, "real"},
    {701, 0, "double precision"},
    {718, 0, "circle"},
    {719, 718, ""},
    {774, 0, "macaddr8"},
    {775, 774, ""},
    {790, 0, "money"},
    {791, 790, ""},
    {829, 0, "macaddr"},
    {869, 0, "inet"},
    {1000, 16, ""},
    {1001, 17, ""},
    {1002, 18, ""},
    {1003, 19, ""},
    {1005, 21, ""},
    {1006, 22, ""},
    {1007, 23, ""},
    {1008, 24, ""},
    {1009, 25, ""},
    {1010, 27, ""},
    {1011, 28, ""},
    {1012, 29, ""},
    {1013, 30, ""},
    {1014, 1042, ""},
    {1015, 1043, ""},
    {1016, 20, ""},
    {1017, 600, ""},
    {1018, 601, ""},
    {1019, 602, ""},
    {1020, 603, ""},
    {1021, 700, ""},
    {1022, 701, ""},
    {1027, 604, ""},
    {1028, 26, ""},
    {1033, 0, "aclitem"},
    {1034, 1033, ""},
    {1040, 829, ""},
    {1041, 869, ""},
    {1042, 0, "bpchar"},
    {1043, 0, "character varying"},
    {1082, 0, "date"},
    {1083, 0, "time without time zone"},
    {1114, 0, "timestamp without time zone"},
    {1115, 1114, ""},
    {1182, 1082, ""},
    {1183, 1083, ""},
    {1184, 0, "timestamp with time zone"},
    {1185, 1184, ""},
    {1186, 0, "interval"},
    {1187, 1186, ""},
    {1231, 1700, ""},
    {1263, 2275, ""},
    {1266, 0, "time with time zone"},
    {1270, 1266, ""},
    {1560, 0, "\"bit\""},
    {1561, 1560, ""},
    {1562, 0, "bit varying"},
    {1563, 1562, ""},
    {1700, 0, "numeric"},
    {1790, 0, "refcursor"},
    {2201, 1790, ""},
    {2202, 0, "regprocedure"},
    {2203, 0, "regoper"},
    {2204, 0, "regoperator"},
    {2205, 0, "regclass"},
    {2206, 0, "regtype"},
    {2207, 2202, ""},
    {2208, 2203, ""},
    {2209, 2204, ""},
    {2210, 2205, ""},
    {2211, 2206, ""},
    {2949, 2970, ""},
    {2950, 0, "uuid"},
    {2951, 2950, ""},
    {2970, 0, "txid_snapshot"},
    {3220, 0, "pg_lsn"},
    {3221, 3220, ""},
    {3361, 0, "pg_ndistinct"},
    {3402, 0, "pg_dependencies"},
    {3614, 0, "tsvector"},
    {3615, 0, "tsquery"},
    {3642, 0, "gtsvector"},
    {3643, 3614, ""},
    {3644, 3642, ""},
    {3645, 3615, ""},
    {3734, 0, "regconfig"},
    {3735, 3734, ""},
    {3769, 0, "regdictionary"},
    {3770, 3769, ""},
    {3802, 0, "jsonb"},
    {3807, 3802, ""},
    {3904, 0, "int4range"},
    {3905, 3904, ""},
    {3906, 0, "numrange"},
    {3907, 3906, ""},
    {3908, 0, "tsrange"},
    {3909, 3908, ""},
    {3910, 0, "tstzrange"},
    {3911, 3910, ""},
    {3912, 0, "daterange"},
    {3913, 3912, ""},
    {3926, 0, "int8range"},
    {3927, 3926, ""},
    {4072, 0, "jsonpath"},
    {4073, 4072, ""},
    {4089, 0, "regnamespace"},
    {4090, 4089, ""},
    {4096, 0, "regrole"},
    {4097, 4096, ""},
    {4191, 0, "regcollation"},
    {4192, 4191, ""},
    {4451, 0, "int4multirange"},
    {4532, 0, "nummultirange"},
    {4533, 0, "tsmultirange"},
    {4534, 0, "tstzmultirange"},
    {4535, 0, "datemultirange"},
    {4536, 0, "int8multirange"},
    {4600, 0, "pg_brin_bloom_summary"},
    {4601, 0, "pg_brin_minmax_multi_summary"},
    {5017, 0, "pg_mcv_list"},
    {5038, 0, "pg_snapshot"},
    {5039, 5038, ""},
    {5069, 0, "xid8"},
    {6150, 4451, ""},
    {6151, 4532, ""},
    {6152, 4533, ""},
    {6153, 4534, ""},
    {6155, 4535, ""},
    {6157, 4536, ""},
};

// Null for OIDs that are not built in, or not known to this program.
const BuiltinType* FindBuiltinType(uint32_t oid) {
  const BuiltinType* found =
      std::lower_bound(std::begin(kTypes), std::end(kTypes), oid,
                       [](const BuiltinType& type, uint32_t wanted) { return type.oid < wanted; });
  return found != std::end(kTypes) && found->oid == oid ? found : nullptr;
}

// Whether a built-in type that is not an array is printed as `name`.
bool IsBuiltinTypeName(std::string_view name) {
  return std::any_of(std::begin(kTypes), std::end(kTypes), [name](const BuiltinType& type) {
    return type.element_oid == 0 && type.name == name;
  });
}

// OIDs below this are fixed by pg_type.dat; pgoutput names only types above it
// (FirstGenbkiObjectId).
constexpr uint32_t kFirstGeneratedOid = 10000;
// PostgreSQL adds the size of a varlena header to the length in these modifiers.
constexpr int32_t kVarlenaHeaderBytes = 4;

std::string InParentheses(int64_t number) {
  std::string text = "(";
  return text += std::to_string(number) + ")";
}

std::string CharacterModifier(int32_t typmod) {
  return typmod > kVarlenaHeaderBytes ? InParentheses(int64_t{typmod} - kVarlenaHeaderBytes) : "";
}

std::string NumericModifier(int32_t typmod) {
  const auto digits = NumericDigitsOf(typmod);
  if (!digits) return "";
  std::string text = "(";
  text += std::to_string(digits->precision) + "," + std::to_string(digits->scale) + ")";
  return text;
}

// Fields in the upper 15 bits, one bit per field as in the server's datetime.h; precision below.
std::string IntervalModifier(int32_t typmod) {
  constexpr int32_t kMonth = 1 << 1, kYear = 1 << 2, kDay = 1 << 3;
  constexpr int32_t kHour = 1 << 10, kMinute = 1 << 11, kSecond = 1 << 12;
  constexpr int32_t kFullPrecision = 0xFFFF;
  constexpr std::pair<int32_t, const char*> kNames[] = {
      {kYear, " year"},
      {kMonth, " month"},
      {kDay, " day"},
      {kHour, " hour"},
      {kMinute, " minute"},
      {kSecond, " second"},
      {kYear | kMonth, " year to month"},
      {kDay | kHour, " day to hour"},
      {kDay | kHour | kMinute, " day to minute"},
      {kDay | kHour | kMinute | kSecond, " day to second"},
      {kHour | kMinute, " hour to minute"},
      {kHour | kMinute | kSecond, " hour to second"},
      {kMinute | kSecond, " minute to second"},
  };
  const int32_t precision = typmod & 0xFFFF;
  std::string text;
  for (const auto& [fields, name] : kNames) {
    if (((typmod >> 16) & 0x7FFF) == fields) text = name;
  }
  if (precision != kFullPrecision) text += InParentheses(precision);
  return text;
}

std::string BuiltinTypeName(const BuiltinType& type, int32_t typmod) {
  if (type.element_oid != 0) return PostgresTypeName(type.element_oid, typmod) + "[]";
  if (typmod < 0) return std::string(type.name);
  switch (type.oid) {
    // Without a modifier, these two have other names: "character" would mean character(1).
    case type_oid::kBpchar:
      return "character" + CharacterModifier(typmod);
    case type_oid::kBit:
      return "bit" + InParentheses(typmod);
    case type_oid::kVarchar:
      return "character varying" + CharacterModifier(typmod);
    case type_oid::kVarbit:
      return "bit varying" + InParentheses(typmod);
    case type_oid::kNumeric:
      return "numeric" + NumericModifier(typmod);
    case type_oid::kTime:
      return "time" + InParentheses(typmod) + " without time zone";
    case type_oid::kTimetz:
      return "time" + InParentheses(typmod) + " with time zone";
    case type_oid::kTimestamp:
      return "timestamp" + InParentheses(typmod) + " without time zone";
    case type_oid::kTimestamptz:
      return "timestamp" + InParentheses(typmod) + " with time zone";
    case type_oid::kInterval:
      return "interval" + IntervalModifier(typmod);
    default:
      return std::string(type.name);
  }
}

}  // namespace

bool IsUserTypeOid(uint32_t oid) { return oid >= kFirstGeneratedOid; }

uint32_t BuiltinElementType(uint32_t oid) {
  const BuiltinType* type = FindBuiltinType(oid);
  return type == nullptr ? 0 : type->element_oid;
}

char BuiltinDelimiter(uint32_t element_oid) { return element_oid == type_oid::kBox ? ';' : ','; }

// Precision in the upper 16 bits; scale in the lower 11, signed since PostgreSQL 15.
std::optional<NumericDigits> NumericDigitsOf(int32_t typmod) {
  if (typmod < kVarlenaHeaderBytes) return std::nullopt;
  const int32_t packed = typmod - kVarlenaHeaderBytes;
  return NumericDigits{(packed >> 16) & 0xFFFF, ((packed & 0x7FF) ^ 1024) - 1024};
}

std::string PostgresTypeName(uint32_t oid, int32_t typmod, std::string_view user_type_name) {
  if (const BuiltinType* type = FindBuiltinType(oid)) return BuiltinTypeName(*type, typmod);
  if (!IsUserTypeOid(oid) || user_type_name.empty()) return "oid " + std::to_string(oid);
  if (IsBuiltinTypeName(user_type_name)) return '"' + std::string(user_type_name) + '"';
  return std::string(user_type_name);
}

}  // namespace bw
