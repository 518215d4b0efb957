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
  Lsn wal_start;  // The message's WAL record; 0 when it has none of its own.
  Lsn wal_end;    // In logical replication the same as wal_start.
  std::string_view bytes;
};

// The server is alive, and has sent every transaction that committed below wal_end.
struct Keepalive {
  Lsn wal_end;
  bool reply_requested = false;
};

using Frame = std::variant<XLogData, Keepalive>;

struct StreamStart {
  std::string slot;
  std::vector<std::string> publications;
  // Transactions that commit before it are not sent. If the slot's confirmed flush LSN is higher,
  // the server silently starts there: compare the two first.
  Lsn start_lsn;
};

struct StandbyStatus {
  Lsn write;  // Received.
  // Moves the slot. Only what the spool has synced: from then on PostgreSQL may recycle its WAL,
  // and the spool is the only copy.
  Lsn flush;
  bool request_reply = false;  // Asks the server for an immediate keepalive.
};

// A replication connection from START_REPLICATION on. There are two implementations: libpq's
// (pq_replication_stream.h) and the scripted one of the simulation. Used by one thread. All methods
// throw a transient Error when the connection is lost or the server ends the stream, a Halt error
// when the server refuses or sends something invalid.
class ReplicationStream {
 public:
  virtual ~ReplicationStream() = default;

  // Once, first.
  virtual void Start(const StreamStart& start) = 0;
  // The next frame, or nothing when the deadline has passed or a stop was requested. With a
  // deadline in the past, returns only what has already arrived.
  virtual std::optional<Frame> Receive(TimePoint deadline) = 0;
  // Never waits: what the connection cannot take now is sent by later calls.
  virtual void SendStatus(const StandbyStatus& status) = 0;
  // Ends the stream properly, so that the server frees the slot at once. The last call.
  virtual void Finish() noexcept = 0;
};

}  // namespace bw
