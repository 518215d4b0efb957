#pragma once

#include "base/clock.h"
#include "base/stop.h"
#include "capture/pg_connection.h"
#include "capture/postgres_server.h"

namespace bw {

// The libpq replication connection.
//
// A server that is silent for twice wal_sender_timeout is considered dead: a half-open connection
// would otherwise stall for hours. Only time spent waiting in Receive counts, not our own pauses;
// the session asks for a reply when it receives nothing.
class PqReplicationStream : public ServerConnection {
 public:
  // Connects in replication mode. Until Start, also accepts simple SQL and replication commands.
  PqReplicationStream(const CaptureOptions& options, const Stop& stop);

  // Waits up to CaptureOptions::active_slot_wait for a slot that another process is using, then
  // throws Halt kAnotherRelay.
  void Start(const StreamStart& start) override;
  std::optional<Frame> Receive(TimePoint deadline) override;
  void SendStatus(const StandbyStatus& status) override;
  void Finish() noexcept override;

  PgConnection& connection() { return connection_; }
  int backend_pid() const override { return connection_.backend_pid(); }
  // The server ends a connection that is silent for this long; 0 for never.
  Duration wal_sender_timeout() const { return wal_sender_timeout_; }

 protected:
  const Stop& stop_;

 private:
  void ReadSenderTimeout();
  // The next whole frame that libpq has already received.
  std::optional<Frame> TakeFrame();
  void ReadSocket();
  void FlushOutput();
  // Waits for bytes until the deadline or a stop; true when there are some.
  bool WaitForBytes(TimePoint deadline);

  const Duration active_slot_wait_;
  PgConnection connection_;
  Duration wal_sender_timeout_{0};
  Duration silence_max_{0};
  Duration silence_{0};
  bool output_pending_ = false;
  PgBytes frame_bytes_;
};

}  // namespace bw
