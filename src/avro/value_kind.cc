#include "avro/value_kind.h"

#include "avro/type_oid.h"

namespace bw {

ValueKind KindOfType(uint32_t type_oid) {
  switch (type_oid) {
    case type_oid::kBool:
      return ValueKind::kBoolean;
    case type_oid::kInt2:
    case type_oid::kInt4:
      return ValueKind::kInt;
    case type_oid::kInt8:
      return ValueKind::kLong;
    case type_oid::kOid:
    case type_oid::kXid:
    case type_oid::kCid:
      return ValueKind::kUnsigned;
    case type_oid::kFloat4:
      return ValueKind::kFloat;
    case type_oid::kFloat8:
      return ValueKind::kDouble;
    case type_oid::kNumeric:
      return ValueKind::kNumeric;
    case type_oid::kJson:
    case type_oid::kJsonb:
      return ValueKind::kJson;
    case type_oid::kUuid:
      return ValueKind::kUuid;
    case type_oid::kBytea:
      return ValueKind::kBytes;
    case type_oid::kDate:
      return ValueKind::kDate;
    case type_oid::kTime:
      return ValueKind::kTime;
    case type_oid::kTimestamp:
      return ValueKind::kTimestamp;
    case type_oid::kTimestamptz:
      return ValueKind::kTimestamptz;
    default:
      return ValueKind::kString;
  }
}

AvroType AvroTypeOf(ValueKind kind) {
  switch (kind) {
    case ValueKind::kBoolean:
      return {"boolean", ""};
    case ValueKind::kInt:
      return {"int", ""};
    case ValueKind::kLong:
    case ValueKind::kUnsigned:
      return {"long", ""};
    case ValueKind::kFloat:
      return {"float", ""};
    case ValueKind::kDouble:
      return {"double", ""};
    case ValueKind::kNumeric:
    case ValueKind::kString:
    case ValueKind::kJson:
      return {"string", ""};
    case ValueKind::kUuid:
      return {"string", "uuid"};
    case ValueKind::kBytes:
      return {"bytes", ""};
    case ValueKind::kDecimal:
      return {"bytes", "decimal"};
    case ValueKind::kArray:
      return {"array", ""};
    case ValueKind::kDate:
      return {"int", "date"};
    case ValueKind::kTime:
      return {"long", "time-micros"};
    case ValueKind::kTimestamp:
      return {"long", "local-timestamp-micros"};
    case ValueKind::kTimestamptz:
      return {"long", "timestamp-micros"};
    case ValueKind::kEnum:
      return {"enum", ""};
    case ValueKind::kTimeMillis:
      return {"int", "time-millis"};
    case ValueKind::kTimestampMillis:
      return {"long", "local-timestamp-millis"};
    case ValueKind::kTimestamptzMillis:
      return {"long", "timestamp-millis"};
    case ValueKind::kIntervalText:
      return {"string", ""};
    case ValueKind::kIntervalMicros:
      return {"long", ""};
  }
  return {"string", ""};
}

}  // namespace bw
