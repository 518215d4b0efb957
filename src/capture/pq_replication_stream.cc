#include "capture/pq_replication_stream.h"

#include <fmt/format.h>
#include <libpq-fe.h>
#include <poll.h>

#include <algorithm>

#include "base/error.h"
#include "base/log.h"
#include "capture/replication_frame.h"
#include "capture/sql_text.h"

namespace bw {
namespace {

constexpr const char* kDoing = "stream from PostgreSQL";

}  // namespace

PqReplicationStream::PqReplicationStream(const CaptureOptions& options, const Stop& stop)
    : stop_(stop),
      active_slot_wait_(options.active_slot_wait),
      connection_(options, PgConnection::Mode::kReplication, stop) {
  ReadSenderTimeout();
}

void PqReplicationStream::ReadSenderTimeout() {
  constexpr Duration kDefaultTimeout{60'000};
  const PgResult setting =
      connection_.Query("SELECT setting FROM pg_settings WHERE name = 'wal_sender_timeout'");
  wal_sender_timeout_ = Duration(setting.rows() == 0 ? 0 : setting.Int(0, 0));
  // 0: the server never times out. We still want to notice when it is gone.
  silence_max_ = 2 * (wal_sender_timeout_.count() > 0 ? wal_sender_timeout_ : kDefaultTimeout);
}

void PqReplicationStream::Start(const StreamStart& start) {
  BW_CHECK(start.start_lsn.valid());
  const std::string command =
      fmt::format("START_REPLICATION SLOT {} LOGICAL {} (proto_version '1', publication_names {})",
                  QuoteIdentifier(start.slot), start.start_lsn.ToString(),
                  QuotePublicationNames(start.publications));
  PgQueryOptions options;
  options.doing = fmt::format("stream from slot \"{}\"", start.slot);
  options.remedy_sql =
      fmt::format("ALTER ROLE {} REPLICATION;", QuoteIdentifier(connection_.role()));
  const TimePoint give_up = Now() + active_slot_wait_;
  bool said = false;
  while (true) {
    try {
      connection_.StartCopy(command, options);
      return;
    } catch (const Error& error) {
      // A connection of ours that was cut stays active until the server notices.
      if (error.exit_code() != ExitCode::kAnotherRelay || Now() >= give_up) throw;
      if (!said) {
        spdlog::info("Slot \"{}\" is still active for another process; waiting up to {} s for it",
                     start.slot, active_slot_wait_.count() / 1000);
      }
      said = true;
    }
    connection_.FinishCopy(options.doing);
    constexpr Duration kPause{100};
    if (stop_.WaitFor(kPause)) throw TransientError("cannot " + options.doing + ": stopping");
  }
}

std::optional<Frame> PqReplicationStream::TakeFrame() {
  constexpr int kNothingYet = 0, kFailed = -2;
  char* bytes = nullptr;
  const int length = PQgetCopyData(connection_.handle(), &bytes, /*async=*/1);
  frame_bytes_.reset(bytes);
  // libpq has processed the warning before it returns what came after it.
  if (const auto& skipped = connection_.skipped_publication()) {
    const PgFailure failure{.sqlstate = "42704",
                            .message = "a publication is missing: " + *skipped};
    throw TranslatePgFailure(failure, {kDoing, ""});
  }
  if (length > 0) return DecodeFrame({bytes, static_cast<size_t>(length)});
  if (length == kNothingYet) return std::nullopt;
  if (length == kFailed) connection_.ThrowConnectionError(kDoing);
  connection_.FinishCopy(kDoing);
  throw TransientError("PostgreSQL ended the stream, as it does when it shuts down");
}

void PqReplicationStream::ReadSocket() {
  if (PQconsumeInput(connection_.handle()) == 0) connection_.ThrowConnectionError(kDoing);
}

void PqReplicationStream::FlushOutput() {
  const int unsent = PQflush(connection_.handle());
  if (unsent < 0) connection_.ThrowConnectionError(kDoing);
  output_pending_ = unsent == 1;
}

bool PqReplicationStream::WaitForBytes(TimePoint deadline) {
  const TimePoint begin = Now();
  const auto left = std::chrono::ceil<Duration>(deadline - begin);
  pollfd descriptors[] = {
      {PQsocket(connection_.handle()),
       static_cast<short>(output_pending_ ? POLLIN | POLLOUT : POLLIN), 0},
      {stop_.fd(), POLLIN, 0},
  };
  const auto wait_ms = std::clamp<int64_t>(left.count(), 0, 60'000);
  const int ready = poll(descriptors, 2, static_cast<int>(wait_ms));
  if (ready > 0 && (descriptors[0].revents & POLLOUT) != 0) FlushOutput();
  if (ready > 0 && (descriptors[0].revents & ~POLLOUT) != 0) {
    silence_ = Duration(0);
    return true;
  }
  silence_ += std::chrono::duration_cast<Duration>(Now() - begin);
  if (silence_ > silence_max_) {
    throw TransientError(fmt::format(
        "nothing came from PostgreSQL for {} s: the connection is dead", silence_.count() / 1000));
  }
  return false;
}

std::optional<Frame> PqReplicationStream::Receive(TimePoint deadline) {
  while (true) {
    if (std::optional<Frame> frame = TakeFrame()) return frame;
    // With TLS, the library may hold decrypted bytes that poll() does not know about; libpq gets
    // one record in at most two reads.
    if (PQsslInUse(connection_.handle()) != 0) {
      ReadSocket();
      if (std::optional<Frame> frame = TakeFrame()) return frame;
    }
    if (output_pending_) FlushOutput();
    if (stop_.requested()) return std::nullopt;
    const bool bytes_came = WaitForBytes(deadline);
    if (bytes_came) {
      ReadSocket();
    } else if (Now() >= deadline) {
      return std::nullopt;
    }
  }
}

void PqReplicationStream::SendStatus(const StandbyStatus& status) {
  const std::string frame = EncodeStandbyStatus(status, Clock::Real().WallMicros());
  const int queued =
      PQputCopyData(connection_.handle(), frame.data(), static_cast<int>(frame.size()));
  if (queued < 0) connection_.ThrowConnectionError(kDoing);
  // 0: not even libpq's buffer has room, because the server does not read. The next status
  // supersedes this one.
  if (queued == 1) FlushOutput();
}

void PqReplicationStream::Finish() noexcept {
  PGconn* connection = connection_.handle();
  if (PQputCopyEnd(connection, nullptr) != 1) return;
  // Until the server has ended its direction too; what it still sends will be sent again.
  constexpr Duration kPatience{1'000};
  const TimePoint give_up = Now() + kPatience;
  while (PQflush(connection) >= 0 && Now() < give_up) {
    char* bytes = nullptr;
    const int length = PQgetCopyData(connection, &bytes, /*async=*/1);
    frame_bytes_.reset(bytes);
    if (length < 0) return;
    if (length > 0) continue;
    constexpr int kPollMs = 100;
    pollfd descriptor{PQsocket(connection), POLLIN, 0};
    poll(&descriptor, 1, kPollMs);
    if (PQconsumeInput(connection) == 0) return;
  }
}

}  // namespace bw
