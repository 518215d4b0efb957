#pragma once

#include <string>

#include "debezium/connect_schema.h"

namespace bw::debezium {

// The schema of an envelope whose rows have `row`, of the topic. Source: version 3.7 of Debezium's
// connector, as tests/integration/debezium_test.py compares it. Its body is the concatenation of
// its fields' bodies:
//   before? | after? | source | transaction? | op | ts_ms? | ts_us? | ts_ns?
ConnectSchema EnvelopeSchema(const std::string& topic, ConnectSchema row);

// What "snapshot" in "source" has unless it is a snapshot's.
inline constexpr const char* kNoSnapshot = "false";

}  // namespace bw::debezium
