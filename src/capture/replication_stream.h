#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/lsn.h"

namespace bw {

// WAL data from the server: one pgoutput message. `bytes` are valid until the next Receive.
struct XLogData {
  Lsn wal_start;  // Of the record that the message came from; 0 when it has none of its own.
  Lsn wal_end;    // In logical replication the same as wal_start.
  std::string_view bytes;
};

// The server is alive. Every transaction that committed below wal_end was sent before.
struct Keepalive {
  Lsn wal_end;
  bool reply_requested = false;
};

using Frame = std::variant<XLogData, Keepalive>;

struct StreamStart {
  std::string slot;
  std::vector<std::string> publications;
  // Transactions that commit before it are not sent. The server silently moves it forward to the
  // slot's confirmed flush LSN: compare the two first.
  Lsn start_lsn;
};

struct StandbyStatus {
  Lsn write;  // Received.
  // Moves the slot. Only what the spool has synced: from then on PostgreSQL may recycle its WAL,
  // and the spool is the only copy.
  Lsn flush;
  bool request_reply = false;  // The server is to answer with a keepalive at once.
};

// A replication connection from START_REPLICATION on. There are two: libpq's
// (pq_replication_stream.h) and the scripted one of the simulation. Used by one thread. All methods
// throw a transient Error when the connection is lost or the server ends the stream, a Halt error
// when the server refuses or sends what no server sends.
class ReplicationStream {
 public:
  virtual ~ReplicationStream() = default;

  // Once, first.
  virtual void Start(const StreamStart& start) = 0;
  // The next frame, or nothing when the deadline passed or a stop was requested. A deadline in the
  // past only takes what is already there.
  virtual std::optional<Frame> Receive(TimePoint deadline) = 0;
  // Never waits: what the connection cannot take now goes out with later calls.
  virtual void SendStatus(const StandbyStatus& status) = 0;
  // Says goodbye, so that the server frees the slot at once. No other call may follow. Never
  // throws.
  virtual void Finish() noexcept = 0;
};

}  // namespace bw
