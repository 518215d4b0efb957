#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "avro/table.h"
#include "debezium/connect_schema.h"

namespace bw::debezium {

// How the text of a value becomes the body of its Connect type.
enum class Form : uint8_t {
  kBoolean,
  kBit,  // bit(1), as a boolean.
  kInt,
  kLong,
  kUnsigned,  // oid
  kFloat,
  kDouble,
  kText,  // The text itself: of text types, and of those that only have a name of their own.
  kHstore,
  kBytes,
  kBits,
  kDecimal,
  kVariableDecimal,
  kMoney,
  kDate,
  kTimeMillis,
  kTimeMicros,
  kTimestampMillis,
  kTimestampMicros,
  kZonedTimestamp,
  kZonedTime,
  kInterval,
  kPoint,
  kLine,
  kGeometry,  // lseg, box, path, polygon
  kCircle,
  kArray,
};

struct ColumnForm {
  Form form = Form::kText;
  int32_t precision = 0;  // Of kDecimal.
  int32_t scale = 0;
  int32_t digits = 6;                    // Of kZonedTimestamp: digits of a second's fraction.
  uint32_t type_oid = 0;                 // Of kGeometry.
  ConnectSchema schema;                  // Neither optional nor with a default.
  std::vector<ColumnForm> element = {};  // One, of kArray.
};

// The form of a column in Debezium's messages with the defaults of decimal.handling.mode,
// time.precision.mode, hstore.handling.mode, interval.handling.mode and binary.handling.mode;
// nothing for a type that it leaves out (include.unknown.datatypes=false). Source: what version 3.7
// of the connector publishes; tests/integration/debezium_test.py compares. Pure.
std::optional<ColumnForm> ColumnFormOf(const Column& column);

}  // namespace bw::debezium
