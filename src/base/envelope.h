#pragma once

#include <cstdint>

namespace bw {

// --envelope: what a message's value is.
enum class Envelope : uint8_t {
  kNone,      // The row; nothing for a delete.
  kDebezium,  // The envelope of Debezium's PostgreSQL connector: docs/debezium.md.
};

}  // namespace bw
