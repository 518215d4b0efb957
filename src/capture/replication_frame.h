#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "capture/replication_stream.h"

namespace bw {

// The frames inside CopyData of a replication connection. Source: PostgreSQL documentation, 55.4
// "Streaming Replication Protocol".
//
//   XLogData  := 'w' | wal start: int64 | wal end: int64 | server time: int64 | bytes
//   Keepalive := 'k' | wal end: int64 | server time: int64 | reply requested: int8
//   Status    := 'r' | write: int64 | flush: int64 | apply: int64 | client time: int64 |
//                reply requested: int8
//
// Pure.

// Throws a Halt error for a frame that is cut, too long, or of an unknown kind.
Frame DecodeFrame(std::string_view bytes);

// `wall_micros` is the client's time since 1970-01-01 UTC; the server only displays it.
std::string EncodeStandbyStatus(const StandbyStatus& status, int64_t wall_micros);

}  // namespace bw
