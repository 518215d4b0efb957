#include "debezium/column_form.h"

#include <algorithm>
#include <iterator>

#include "avro/postgres_type_name.h"
#include "avro/type_oid.h"

namespace bw::debezium {
namespace {

using Type = ConnectSchema::Type;

// OIDs of pg_type.dat that avro/type_oid.h has no need of.
namespace oid {
constexpr uint32_t kChar = 18;
constexpr uint32_t kXml = 142;
constexpr uint32_t kPoint = 600;
constexpr uint32_t kLseg = 601;
constexpr uint32_t kPath = 602;
constexpr uint32_t kBox = 603;
constexpr uint32_t kPolygon = 604;
constexpr uint32_t kLine = 628;
constexpr uint32_t kCidr = 650;
constexpr uint32_t kCircle = 718;
constexpr uint32_t kMacaddr8 = 774;
constexpr uint32_t kMoney = 790;
constexpr uint32_t kMacaddr = 829;
constexpr uint32_t kInet = 869;
constexpr uint32_t kTsvector = 3614;
constexpr uint32_t kInt4range = 3904;
constexpr uint32_t kNumrange = 3906;
constexpr uint32_t kTsrange = 3908;
constexpr uint32_t kTstzrange = 3910;
constexpr uint32_t kDaterange = 3912;
constexpr uint32_t kInt8range = 3926;
}  // namespace oid

ConnectSchema Plain(Type type, std::string name = "", int version = 1) {
  ConnectSchema schema;
  schema.type = type;
  if (!name.empty()) schema.version = version;
  schema.name = std::move(name);
  return schema;
}

ConnectSchema Optional(ConnectSchema schema) {
  schema.optional = true;
  return schema;
}

ConnectSchema Struct(std::string name, int version, std::string doc,
                     std::vector<ConnectField> fields) {
  ConnectSchema schema = Plain(Type::kStruct, std::move(name), version);
  schema.doc = std::move(doc);
  schema.fields = std::move(fields);
  return schema;
}

ColumnForm Make(Form form, ConnectSchema schema) {
  ColumnForm made;
  made.form = form;
  made.schema = std::move(schema);
  return made;
}

ColumnForm Make(Form form, Type type, std::string name = "") {
  return Make(form, Plain(type, std::move(name)));
}

ColumnForm Text(std::string name = "") { return Make(Form::kText, Type::kString, std::move(name)); }

ConnectSchema PointSchema() {
  return Struct("io.debezium.data.geometry.Point", 1, "Geometry (POINT)",
                {{"x", Plain(Type::kFloat64)},
                 {"y", Plain(Type::kFloat64)},
                 {"wkb", Optional(Plain(Type::kBytes))},
                 {"srid", Optional(Plain(Type::kInt32))}});
}

ColumnForm Geometry(uint32_t type_oid) {
  ConnectSchema extensions = Optional(Plain(Type::kMap));
  extensions.items.push_back(Plain(Type::kString));
  ColumnForm form =
      Make(Form::kGeometry, Struct("io.debezium.data.geometry.Geometry", 2, "Geometry",
                                   {{"wkb", Plain(Type::kBytes)},
                                    {"srid", Optional(Plain(Type::kInt32))},
                                    {"extensions", std::move(extensions)}}));
  form.type_oid = type_oid;
  return form;
}

ColumnForm Line() {
  return Make(Form::kLine, Struct("io.debezium.data.geometry.Line", 1, "Geometry (LINE)",
                                  {{"a", Plain(Type::kFloat64)},
                                   {"b", Plain(Type::kFloat64)},
                                   {"c", Plain(Type::kFloat64)}}));
}

ColumnForm Circle() {
  return Make(Form::kCircle,
              Struct("io.debezium.data.geometry.Circle", 1, "Geometry (CIRCLE)",
                     {{"center", PointSchema()}, {"radius", Plain(Type::kFloat64)}}));
}

ColumnForm Decimal(Form form, int32_t precision, int32_t scale) {
  ColumnForm decimal = Make(form, Type::kBytes, "org.apache.kafka.connect.data.Decimal");
  decimal.precision = precision;
  decimal.scale = scale;
  decimal.schema.parameters.emplace_back("scale", std::to_string(scale));
  if (form == Form::kDecimal) {
    decimal.schema.parameters.emplace_back("connect.decimal.precision", std::to_string(precision));
  }
  return decimal;
}

// A scale below 0 rounds to tens or hundreds; one above the precision is for numbers that begin
// with zeros after the point. Avro knows neither.
ColumnForm Numeric(int32_t typmod) {
  const std::optional<NumericDigits> declared = NumericDigitsOf(typmod);
  if (declared && declared->precision > 0) {
    const int32_t scale = std::max(declared->scale, 0);
    return Decimal(Form::kDecimal,
                   std::max(declared->precision - std::min(declared->scale, 0), scale), scale);
  }
  return Make(Form::kVariableDecimal,
              Struct("io.debezium.data.VariableScaleDecimal", 1, "Variable scaled decimal",
                     {{"scale", Plain(Type::kInt32)}, {"value", Plain(Type::kBytes)}}));
}

ColumnForm Bits(int32_t length) {
  constexpr int32_t kNoLimit = 2147483647;
  ColumnForm bits = Make(Form::kBits, Type::kBytes, "io.debezium.data.Bits");
  bits.schema.parameters.emplace_back("length", std::to_string(length < 0 ? kNoLimit : length));
  return bits;
}

ColumnForm Enum(const std::vector<std::string>& labels) {
  std::string allowed;
  for (const std::string& label : labels) {
    if (!allowed.empty()) allowed += ',';
    allowed += label;
  }
  ColumnForm form = Text("io.debezium.data.Enum");
  form.schema.parameters.emplace_back("allowed", std::move(allowed));
  return form;
}

// Up to this many digits of a second's fraction, milliseconds hold them (time.precision.mode
// adaptive).
bool IsMillis(int32_t typmod) { return typmod >= 0 && typmod <= 3; }

std::optional<ColumnForm> TimeForm(uint32_t type_oid, int32_t typmod) {
  switch (type_oid) {
    case type_oid::kDate:
      return Make(Form::kDate, Type::kInt32, "io.debezium.time.Date");
    case type_oid::kTime:
      if (IsMillis(typmod)) return Make(Form::kTimeMillis, Type::kInt32, "io.debezium.time.Time");
      return Make(Form::kTimeMicros, Type::kInt64, "io.debezium.time.MicroTime");
    case type_oid::kTimestamp:
      if (IsMillis(typmod)) {
        return Make(Form::kTimestampMillis, Type::kInt64, "io.debezium.time.Timestamp");
      }
      return Make(Form::kTimestampMicros, Type::kInt64, "io.debezium.time.MicroTimestamp");
    case type_oid::kTimestamptz: {
      ColumnForm form =
          Make(Form::kZonedTimestamp, Type::kString, "io.debezium.time.ZonedTimestamp");
      if (typmod >= 0) form.digits = typmod;
      return form;
    }
    case type_oid::kTimetz:
      return Make(Form::kZonedTime, Type::kString, "io.debezium.time.ZonedTime");
    case type_oid::kInterval:
      return Make(Form::kInterval, Type::kInt64, "io.debezium.time.MicroDuration");
    default:
      return std::nullopt;
  }
}

std::optional<ColumnForm> NumberForm(uint32_t type_oid, int32_t typmod) {
  switch (type_oid) {
    case type_oid::kBool:
      return Make(Form::kBoolean, Type::kBoolean);
    case type_oid::kInt2:
      return Make(Form::kInt, Type::kInt16);
    case type_oid::kInt4:
      return Make(Form::kInt, Type::kInt32);
    case type_oid::kInt8:
      return Make(Form::kLong, Type::kInt64);
    case type_oid::kOid:
      return Make(Form::kUnsigned, Type::kInt64);
    case type_oid::kFloat4:
      return Make(Form::kFloat, Type::kFloat32);
    case type_oid::kFloat8:
      return Make(Form::kDouble, Type::kFloat64);
    case type_oid::kNumeric:
      return Numeric(typmod);
    case oid::kMoney:
      return Decimal(Form::kMoney, 0, 2);
    default:
      return std::nullopt;
  }
}

std::optional<ColumnForm> OtherForm(uint32_t type_oid, int32_t typmod) {
  switch (type_oid) {
    case type_oid::kBytea:
      return Make(Form::kBytes, Type::kBytes);
    case type_oid::kBit:
      if (typmod == 1) return Make(Form::kBit, Type::kBoolean);
      return Bits(typmod);
    case type_oid::kVarbit:
      return Bits(typmod);
    case type_oid::kUuid:
      return Text("io.debezium.data.Uuid");
    case type_oid::kJson:
    case type_oid::kJsonb:
      return Text("io.debezium.data.Json");
    case oid::kXml:
      return Text("io.debezium.data.Xml");
    case oid::kTsvector:
      return Text("io.debezium.data.Tsvector");
    case oid::kPoint:
      return Make(Form::kPoint, PointSchema());
    case oid::kLine:
      return Line();
    case oid::kLseg:
    case oid::kBox:
    case oid::kPath:
    case oid::kPolygon:
      return Geometry(type_oid);
    case oid::kCircle:
      return Circle();
    default:
      return std::nullopt;
  }
}

constexpr uint32_t kPlainTexts[] = {
    type_oid::kText, type_oid::kVarchar, type_oid::kBpchar, type_oid::kName, oid::kChar,
    oid::kInet,      oid::kCidr,         oid::kMacaddr,     oid::kMacaddr8,  oid::kInt4range,
    oid::kInt8range, oid::kNumrange,     oid::kDaterange,   oid::kTsrange,   oid::kTstzrange};

std::optional<ColumnForm> BuiltinForm(uint32_t type_oid, int32_t typmod) {
  if (std::ranges::find(kPlainTexts, type_oid) != std::end(kPlainTexts)) return Text();
  if (auto form = NumberForm(type_oid, typmod)) return form;
  if (auto form = TimeForm(type_oid, typmod)) return form;
  return OtherForm(type_oid, typmod);
}

std::optional<ColumnForm> UserForm(std::string_view name, const std::vector<std::string>& labels) {
  if (!labels.empty()) return Enum(labels);
  if (name == "citext") return Text();
  if (name == "ltree") return Text("io.debezium.data.Ltree");
  if (name == "hstore") return Make(Form::kHstore, Type::kString, "io.debezium.data.Json");
  return std::nullopt;
}

std::optional<ColumnForm> ScalarForm(uint32_t type_oid, int32_t typmod, std::string_view name,
                                     const std::vector<std::string>& labels) {
  if (IsUserTypeOid(type_oid)) return UserForm(name, labels);
  return BuiltinForm(type_oid, typmod);
}

// Whether Debezium has arrays of this type, and right values in them.
bool HasArrays(const ColumnForm& element, uint32_t element_oid) {
  switch (element.form) {
    case Form::kBit:
    case Form::kBits:
    case Form::kInterval:
    case Form::kMoney:
    case Form::kPoint:
    case Form::kLine:
    case Form::kGeometry:
    case Form::kCircle:
      return false;
    default:
      return element_oid != oid::kXml && element_oid != oid::kTsvector;
  }
}

}  // namespace

std::optional<ColumnForm> ColumnFormOf(const Column& column) {
  const ResolvedType& type = column.resolved;
  if (type.element_oid == 0) {
    return ScalarForm(type.oid, type.typmod, column.type_name, column.enum_labels);
  }
  std::string_view name = column.type_name;
  if (name.starts_with('_')) name.remove_prefix(1);  // A user's array has such a name.
  std::optional<ColumnForm> element =
      ScalarForm(type.element_oid, type.typmod, name, column.element_labels);
  if (!element || !HasArrays(*element, type.element_oid)) return std::nullopt;
  ColumnForm form = Make(Form::kArray, Type::kArray);
  form.schema.items.push_back(element->schema);
  form.schema.items.front().optional = column.element_labels.empty();
  form.element.push_back(std::move(*element));
  return form;
}

}  // namespace bw::debezium
