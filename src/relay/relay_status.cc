// The part of Relay that tells its status.

#include "relay/relay_status.h"

#include <algorithm>

#include "relay/relay.h"

namespace bw {
namespace {

// The age of the oldest unpublished change in the spool.
std::optional<Duration> LagOf(Spool* spool, Clock* clock) {
  try {
    const SpoolBatch oldest =
        spool->log().Read(spool->ledger().published().position, {.changes_max = 1, .bytes_max = 1});
    if (oldest.changes().empty()) return std::nullopt;
    const int64_t age_us = clock->WallMicros() - oldest.changes().front().commit_time_us;
    return Duration(std::max<int64_t>(age_us / 1000, 0));
  } catch (const Error&) {
    return std::nullopt;  // The spool is being reopened; the sessions handle that.
  }
}

void NoteHealth(const SideHealth& health, RelayStatus::Side* side) {
  side->troubles = health.troubles.List();
  for (size_t kind = 0; kind < kErrorKinds; ++kind) {
    side->failures.at(kind) = health.failures.at(kind).load();
  }
}

// A look at the slot that is older says nothing about it.
constexpr Duration kSlotFactsMaxAge{20'000};

void NoteSlot(const CaptureFigures& figures, TimePoint now, RelayStatus::Capture* capture) {
  if (capture->working) capture->retained_wal_bytes = figures.RetainedWalBytes();
  const std::optional<SlotFacts> slot = figures.slot.Get();
  if (!slot || now - slot->seen_at > kSlotFactsMaxAge) return;
  capture->server_end = std::max(capture->server_end, slot->current_wal);
  capture->slot_status = slot->wal_status;
  capture->has_wal_limit = slot->has_limit;
  capture->safe_wal_bytes = slot->safe_bytes;
  // A slot that is lost retains nothing.
  if (!slot->restart.valid() || !slot->confirmed.valid()) return;
  capture->confirmed = std::max(capture->confirmed, slot->confirmed);
  capture->retained_wal_bytes = WalBytesBetween(capture->confirmed, capture->server_end);
  capture->wal_on_disk_bytes = WalBytesBetween(slot->restart, slot->current_wal);
}

// The session tells once a second how far it has come; what is captured has come from the server.
void NoteCaptured(Lsn captured, RelayStatus::Capture* capture) {
  capture->captured = captured;
  capture->received = std::max(capture->received, captured);
  if (capture->server_end.valid()) {
    capture->server_end = std::max(capture->server_end, capture->received);
  }
}

}  // namespace

RelayStatus::Capture Relay::CaptureStatus() const {
  RelayStatus::Capture capture;
  const CaptureFigures& figures = capture_figures_;
  capture.working = figures.streaming.load();
  capture.paused = capture_paused_.load();
  capture.pausing = capture.paused && capture_busy_.load();
  NoteHealth(capture_health_, &capture);
  capture.sessions = figures.sessions.load();
  capture.received = Lsn{figures.received_lsn.load()};
  capture.server_read = Lsn{figures.server_wal_end.load()};
  if (capture.working) capture.server_end = capture.server_read;
  capture.confirmed = Lsn{figures.confirmed_flush.load()};
  NoteSlot(figures, clock_->Now(), &capture);
  capture.appended = figures.changes.load();
  capture.transactions = figures.transactions.load();
  capture.snapshot_rows = figures.snapshot_rows.load();
  capture.rows_refused = figures.rows_refused.load();
  capture.unavailable_values = figures.unavailable_values.load();
  capture.toast_from_old_tuple = figures.toast_from_old_tuple.load();
  capture.toast_from_cache = figures.toast_from_cache.load();
  capture.toast_refetched = figures.toast_refetched.load();
  capture.toast_unavailable = figures.toast_unavailable.load();
  capture.keyless_changes = figures.keyless_changes.load();
  capture.truncates = figures.truncates.load();
  return capture;
}

RelayStatus::Publish Relay::PublishStatus() const {
  RelayStatus::Publish publish;
  publish.paused = publish_paused_.load();
  NoteHealth(publish_health_, &publish);
  const std::lock_guard lock(mutex_);
  if (!publish_side_) return publish;
  publish.figures = publish_side_->figures();
  publish.working = publish.figures.in_session;
  publish.sessions = publish.figures.sessions;
  publish.pausing = publish.paused && publish.working;
  const PublishMemory& memory = publish_side_->memory();
  publish.tables = memory.tables.List();
  publish.commit_to_kafka = memory.commit_to_kafka.Read();
  publish.kafka_transaction = memory.kafka_transaction.Read();
  publish.registry_request = memory.registry_request.Read();
  return publish;
}

RelayStatus Relay::Status() {
  RelayStatus status;
  status.time = clock_->Now();
  status.wall_us = clock_->WallMicros();
  status.capture = CaptureStatus();
  status.publish = PublishStatus();
  Spool* const opened = spool();
  if (opened == nullptr) return status;
  const SpoolState state = opened->ledger().state();
  NoteCaptured(state.captured.end_lsn, &status.capture);
  status.capture.changes = opened->log().changes_captured();
  status.capture.appended_bytes = opened->log().bytes_appended();
  status.capture.commit_to_spool = opened->log().commit_to_spool().Read();
  status.publish.published = state.published.end_lsn;
  RelayStatus::SpoolFacts& facts = status.spool;
  facts.phase = state.phase;
  facts.source = state.source;
  facts.bytes = opened->bytes_on_disk();
  facts.room_bytes = opened->room_bytes();
  facts.max_bytes = options_.spool.max_bytes;
  facts.lag = LagOf(opened, clock_);
  facts.write_stalls = opened->write_stalls();
  facts.obstacle = opened->log().Obstacle().value_or("");
  facts.tables_to_reread = opened->ledger().rereads().size();
  const std::lock_guard lock(mutex_);
  facts.backlog =
      backlog_.Update({.captured = status.capture.changes,
                       .published = status.publish.figures.passed(),
                       .empty = !facts.lag},
                      [&] { return opened->log().EstimateChangesAfter(state.published.position); });
  return status;
}

}  // namespace bw
