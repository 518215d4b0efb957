#include "capture/capture_session.h"

#include <fmt/format.h>

#include <algorithm>
#include <variant>

#include "base/error.h"
#include "base/halt.h"
#include "base/kill_point.h"
#include "base/log.h"
#include "capture/confirm_policy.h"

namespace bw {
namespace {

// How often the confirmed LSN is computed, and the longest wait for a frame or for room.
constexpr Duration kReportCheckInterval{1'000};
// This much WAL without changes for us is noted at once, without waiting for idle_advance_interval.
constexpr uint64_t kIdleBytesMax = 4 * kMiB;
// How long the connection is kept open while nothing is read from it. PostgreSQL cannot shut down
// during that time: its walsender waits until it can send. A full spool may take hours; a slow
// fsync ends soon, and after a reconnect the server would decode its WAL again.
constexpr Duration kFullPauseMax{2'000};
constexpr Duration kSlowPauseMax{10'000};

constexpr auto kRelaxed = std::memory_order_relaxed;

CatalogParts CatalogOf(const CaptureSession::Environment& environment,
                       const CaptureSession::StreamFacts& facts) {
  const CaptureOptions& options = *environment.options;
  CatalogParts parts;
  if (options.envelope == Envelope::kDebezium) {
    parts.envelope = {options.envelope_prefix, environment.spool->ledger().state().source.database,
                      facts.encoding, options.invalid_text};
  }
  parts.with_docs = options.schema_docs;
  if (parts.envelope || parts.with_docs) parts.facts = environment.facts_lookup;
  return parts;
}

}  // namespace

CaptureSession::CaptureSession(const Environment& environment, const StreamFacts& facts)
    : env_(environment),
      facts_(facts),
      publications_(PublicationsChecksum(facts.publications)),
      relations_(TableFilter(env_.options->tables, env_.options->exclude_tables), env_.key_lookup,
                 RowEncoderOptions{facts.encoding, env_.options->invalid_text}, env_.type_lookup,
                 env_.options->type_forms, CatalogOf(env_, facts_)) {}

ChangeAssembler::Hooks CaptureSession::MakeHooks() {
  ChangeAssembler::Hooks hooks;
  hooks.add_schema = [this](const TableSchema& schema) {
    return env_.spool->log().AddSchema(schema);
  };
  hooks.row_refused = [this](const Error& error, Position position) {
    return RefuseRow(error, position);
  };
  hooks.truncated = [this](const std::string& tables, Lsn commit_lsn) {
    return OnTruncated(tables, commit_lsn);
  };
  hooks.begun = [this](const BeginMessage& begin) { proof_->OnBegin(begin); };
  hooks.relation_changed = env_.relation_changed;
  hooks.relation_used = env_.relation_used;
  hooks.keyless = env_.keyless;
  hooks.wall_micros = [this] { return env_.clock->WallMicros(); };
  return hooks;
}

// Whether it gets tombstones.
bool CaptureSession::OnTruncated(const std::string& tables, Lsn commit_lsn) {
  if (env_.options->on_truncate == OnTruncate::kHalt) {
    throw Halt{
        ExitCode::kRowRefused,
        "truncate",
        fmt::format("The transaction with commit LSN {} has a TRUNCATE of {}, and "
                    "--on-truncate=halt.",
                    commit_lsn.ToString(), Printable(tables)),
        "Nothing of that transaction is captured.",
        {{"write a tombstone for every key that the topics hold. Start once with",
          "--on-truncate=tombstones"},
         {"let the topics keep the rows that it removed. Start once with", "--on-truncate=log"}}}
        .ToError();
  }
  env_.figures->truncates.fetch_add(1, kRelaxed);
  if (env_.options->on_truncate == OnTruncate::kTombstones) return true;  // Publish says so.
  spdlog::warn("TRUNCATE of {} at {}: topics keep the rows that it removed", Printable(tables),
               commit_lsn.ToString());
  return false;
}

// Whether it goes through the spool, for publish to decide.
bool CaptureSession::RefuseRow(const Error& error, Position position) {
  const std::string what = fmt::format("row at {} refused: {}", position.ToString(), error.what());
  if (env_.options->on_error == OnError::kExit) throw RowError(what);
  if (env_.options->on_error != OnError::kLog) return true;  // Publish says so.
  env_.figures->rows_refused.fetch_add(1, kRelaxed);
  spdlog::error("{}; continuing without it (--on-error=log)", Printable(what));
  return false;
}

SessionEnd CaptureSession::Run() {
  struct AtEnd {
    CaptureFigures* figures;
    ~AtEnd() { figures->streaming.store(false, kRelaxed); }
  } at_end{env_.figures};
  Start();
  try {
    return Loop();
  } catch (const Error& error) {
    // When PostgreSQL crashes at a transaction, what it was asked meanwhile may fail first.
    const bool is_elsewhere = error.kind() != ErrorKind::kTransient || !error.place().empty();
    if (is_elsewhere || !assembler_->in_transaction() || !StreamIsLost()) throw;
    throw WithinTransaction(error);
  }
}

bool CaptureSession::StreamIsLost() {
  constexpr Duration kPatience{1'000};
  const TimePoint deadline = env_.clock->Now() + kPatience;
  try {
    while (env_.clock->Now() < deadline && !env_.stop->requested()) env_.stream->Receive(deadline);
    return false;
  } catch (const Error&) {
    return true;
  }
}

void CaptureSession::Start() {
  env_.spool->log().DropUncaptured();
  const SpoolState state = env_.spool->ledger().state();
  const Progress& captured = state.captured;
  BW_CHECK(captured.end_lsn.valid());
  // Otherwise the server would silently move our start forward, and the changes in between would be
  // lost: Reconcile halts in that case.
  BW_CHECK(facts_.confirmed_flush <= captured.end_lsn);
  confirmed_ = facts_.confirmed_flush;
  received_ = server_wal_end_ = idle_lsn_ = idle_noted_ = captured.end_lsn;
  env_.spool->log().toast().RequireSource(facts_.publications);
  toast_.emplace(&env_.spool->log().toast(), env_.toast_look, env_.toast_read);
  assembler_.emplace(captured, &relations_, MakeHooks(), &*toast_);
  BW_KILL_POINT("capture.before_start");
  proof_.emplace(state, facts_.confirmed_flush, publications_);
  covered_ = std::max(confirmed_, proof_->start_lsn());
  env_.stream->Start({env_.options->slot, facts_.publications, proof_->start_lsn()});
  spdlog::info("Streaming changes from {}", proof_->start_lsn().ToString());
  env_.figures->sessions.fetch_add(1, kRelaxed);
  env_.figures->streaming.store(true, kRelaxed);
  const TimePoint now = env_.clock->Now();
  last_report_ = last_idle_advance_ = next_report_check_ = now;
}

SessionEnd CaptureSession::Loop() {
  CheckStopBefore(env_.spool->ledger().captured().end_lsn);
  SessionEnd end = SessionEnd::kNoRoom;
  // A session that the spool makes complete ends only when the history is proven as well.
  while (!env_.stop->requested() && (!is_complete_ || proof_->is_open()) && !PausedTooLong()) {
    // A partly received transaction would have to be sent again.
    if (end_is_wanted_ && !assembler_->in_transaction()) {
      end = SessionEnd::kWanted;
      break;
    }
    const TimePoint now = env_.clock->Now();
    ReportIfDue(now);
    if (!env_.spool->log().HasRoom()) {
      // Nothing is read in the meantime: PostgreSQL keeps what we do not read.
      env_.spool->log().WaitForRoom(*env_.stop, now + kReportCheckInterval);
      continue;
    }
    const std::optional<Frame> frame = Receive();
    if (!frame) continue;
    heard_since_report_ = true;
    if (!progress_told_ && env_.made_progress) env_.made_progress();
    progress_told_ = true;
    std::visit([this](const auto& typed) { Handle(typed); }, *frame);
  }
  Report(env_.clock->Now(), /*request_reply=*/false);
  env_.stream->Finish();
  if (env_.stop->requested()) return SessionEnd::kStopped;
  return is_complete_ ? SessionEnd::kComplete : end;
}

std::optional<Frame> CaptureSession::Receive() {
  try {
    return env_.stream->Receive(next_report_check_);
  } catch (const Error& error) {
    if (!assembler_->in_transaction()) throw;
    throw WithinTransaction(error);
  }
}

// PostgreSQL may fail each time it sends a certain transaction: a value that it can store but not
// send (a bytea above 512 MB), a type's output function that fails or crashes. The error says what
// is known. It is not a halt: an upgrade or an ALTER may fix it, and Kafka gets what came before.
Error CaptureSession::WithinTransaction(const Error& error) const {
  const bool says_what_to_do =
      error.kind() == ErrorKind::kHalt && error.exit_code() != ExitCode::kInternal;
  if (says_what_to_do) return error;
  const std::string lsn = assembler_->commit_lsn().ToString();
  const std::string table = assembler_->newest_table();
  return TransientError(fmt::format("in the transaction with commit LSN {}, after {} rows{}: {}",
                                    lsn, assembler_->rows_received(),
                                    table.empty() ? "" : ", the last of table " + table,
                                    error.what()))
      .At("transaction " + lsn,
          fmt::format("If it cannot be fixed, start once, with the same options and "
                      "--skip-transaction={}: the changes of that transaction, and of no other, "
                      "will be missing in Kafka",
                      lsn));
}

bool CaptureSession::PausedTooLong() {
  if (env_.spool->log().HasRoom()) {
    paused_since_.reset();
    return false;
  }
  const TimePoint now = env_.clock->Now();
  if (!paused_since_) paused_since_ = now;
  const std::optional<std::string> obstacle = env_.spool->log().Obstacle();
  if (now - *paused_since_ < (obstacle ? kFullPauseMax : kSlowPauseMax)) return false;
  spdlog::info(
      "Closing the replication connection until the spool has room again ({}): PostgreSQL retains "
      "the WAL, and could not shut down while we do not read",
      obstacle.value_or("its disk is slow"));
  return true;
}

void CaptureSession::Handle(const XLogData& data) {
  answered_request_ = false;
  received_ = std::max(received_, data.wal_start);
  try {
    HandleMessage(data.bytes, data.wal_start);
  } catch (const Error& error) {
    // A halt of the proof names its own LSNs, and ends with a command.
    if (error.kind() != ErrorKind::kHalt || proof_->is_open()) throw;
    throw Error(error.kind(),
                fmt::format("{} (WAL position {})", error.what(), data.wal_start.ToString()),
                error.exit_code());
  }
}

void CaptureSession::HandleMessage(std::string_view bytes, Lsn wal_start) {
  switch (assembler_->Handle(decoder_.Decode(bytes), wal_start)) {
    case Assembled::kNothing:
      // When a transaction begins, everything that committed before it has been sent.
      if (assembler_->in_transaction()) CheckStopBefore(assembler_->commit_lsn());
      break;
    case Assembled::kChange:
      env_.spool->log().Append(assembler_->change());
      BW_KILL_POINT("capture.after_append");
      env_.figures->changes.fetch_add(1, kRelaxed);
      break;
    case Assembled::kTransaction: {
      TransactionEnd end = assembler_->end();
      end.publications = publications_;
      BW_KILL_POINT("capture.before_end_transaction");
      env_.spool->log().EndTransaction(end);
      BW_KILL_POINT("capture.after_end_transaction");
      idle_noted_ = std::max(idle_noted_, end.end_lsn);
      OnTransactionEnd(end.end_lsn);
      env_.figures->transactions.fetch_add(1, kRelaxed);
      CountToast();
      break;
    }
    case Assembled::kEmptyTransaction:
      // It has no changes for us, so its WAL counts as idle.
      OnTransactionEnd(assembler_->end().end_lsn);
      break;
  }
}

void CaptureSession::CountToast() {
  const ToastValues::Counts& now = toast_->counts();
  env_.figures->toast_from_old_tuple.fetch_add(now.old_tuple - toast_counted_.old_tuple, kRelaxed);
  env_.figures->toast_from_cache.fetch_add(now.cache - toast_counted_.cache, kRelaxed);
  env_.figures->toast_refetched.fetch_add(now.refetched - toast_counted_.refetched, kRelaxed);
  env_.figures->toast_unavailable.fetch_add(now.unavailable - toast_counted_.unavailable, kRelaxed);
  const uint64_t rows = assembler_->unavailable_values();
  env_.figures->unavailable_values.fetch_add(rows - unavailable_counted_, kRelaxed);
  toast_counted_ = now;
  unavailable_counted_ = rows;
}

void CaptureSession::OnTransactionEnd(Lsn end_lsn) {
  for (Lsn* mark : {&idle_lsn_, &received_, &server_wal_end_, &covered_}) {
    *mark = std::max(*mark, end_lsn);
  }
}

void CaptureSession::CheckStopBefore(Lsn wal_end) {
  if (is_complete_ || !facts_.stop_before || wal_end < *facts_.stop_before) return;
  is_complete_ = true;
  env_.figures->stopped_at.store(wal_end.value, kRelaxed);
}

// A walsender that shuts down waits until everything it has sent is confirmed, and asks again as
// soon as it has our answer (WalSndDone() in walsender.c). Otherwise it asks only after half of
// wal_sender_timeout without a status from us, and status_interval is at most a third of that
// timeout.
bool CaptureSession::LooksLikeShutdown(const Keepalive& keepalive) const {
  return keepalive.reply_requested && answered_request_ &&
         env_.clock->Now() - last_report_ <
             std::min(kReportCheckInterval, env_.options->status_interval);
}

void CaptureSession::Handle(const Keepalive& keepalive) {
  // A WAL end that goes back (which should not happen) is ignored.
  server_wal_end_ = std::max(server_wal_end_, keepalive.wal_end);
  received_ = std::max(received_, keepalive.wal_end);
  if (!assembler_->in_transaction()) {
    CheckStopBefore(keepalive.wal_end);
    proof_->OnWalEnd(keepalive.wal_end);
    covered_ = std::max(covered_, keepalive.wal_end);
    idle_lsn_ =
        std::max(idle_lsn_, std::min(keepalive.wal_end, facts_.stop_before.value_or(Lsn::Max())));
  }
  if (!keepalive.reply_requested) {
    answered_request_ = false;
    return;
  }
  if (LooksLikeShutdown(keepalive)) {
    // With a lazily confirmed slot the server would wait as long as Kafka is away. It can safely
    // exit without a confirmation: it will send again what is not confirmed.
    env_.stream->Finish();
    throw TransientError("PostgreSQL is shutting down");
  }
  Report(env_.clock->Now(), /*request_reply=*/false);
  answered_request_ = true;
}

// Without this, an idle captured database next to a busy one would make the whole cluster retain
// WAL. The spool comes first, then the slot: a confirmed LSN above `captured` would look like a
// gap.
void CaptureSession::AdvanceIdle(TimePoint now) {
  if (assembler_->in_transaction() || idle_lsn_ <= idle_noted_) return;
  const bool due = now - last_idle_advance_ >= env_.options->idle_advance_interval ||
                   WalBytesBetween(idle_noted_, idle_lsn_) >= kIdleBytesMax;
  if (!due) return;
  env_.spool->log().AdvanceIdle(idle_lsn_);
  BW_KILL_POINT("capture.after_advance_idle");
  idle_noted_ = idle_lsn_;
  last_idle_advance_ = now;
}

// The next session begins after what is durable; but if the newest captured transaction is not yet
// confirmed, it is sent again (HistoryProof).
bool CaptureSession::HasPassed(Lsn lsn) const {
  if (!lsn.valid()) return true;
  const Progress captured = env_.spool->ledger().captured();
  const Lsn newest = captured.position.commit_lsn;
  return idle_lsn_ >= lsn && captured.end_lsn >= idle_noted_ &&
         (newest >= lsn || confirmed_ > newest);
}

void CaptureSession::ReportIfDue(TimePoint now) {
  if (now < next_report_check_) return;
  next_report_check_ = now + kReportCheckInterval;
  // In an idle database this is the only place that notices it, and what failed must be received
  // again.
  if (env_.spool->failed()) throw TransientError("the spool could not be written");
  AdvanceIdle(now);
  const std::optional<Lsn> end_at = env_.end_wanted ? env_.end_wanted() : std::nullopt;
  end_is_wanted_ = end_at && HasPassed(*end_at);

  env_.figures->received_lsn.store(received_.value, kRelaxed);
  env_.figures->server_wal_end.store(server_wal_end_.value, kRelaxed);
  // An idle server tells how far its WAL has come only when asked.
  const bool due = now - last_report_ >= env_.options->status_interval ||
                   facts_.stop_before.has_value() || (end_at && !end_is_wanted_) || ServerIsAhead();
  // A reply from a silent server also tells how far its WAL has come.
  if (due || FlushToReport() > confirmed_) Report(now, due && !heard_since_report_);
}

// In a cluster with busy other databases, much WAL is none of ours: only the walsender can say how
// much of it has been read.
bool CaptureSession::ServerIsAhead() const {
  const std::optional<SlotFacts> slot = env_.figures->slot.Get();
  return slot && slot->current_wal > server_wal_end_ &&
         WalBytesBetween(server_wal_end_, slot->current_wal) >= kIdleBytesMax;
}

Lsn CaptureSession::FlushToReport() const {
  if (proof_->is_open()) return confirmed_;
  ConfirmFacts facts;
  facts.previous = confirmed_;
  facts.captured_end = env_.spool->ledger().captured().end_lsn;
  facts.captured_end = std::min(facts.captured_end, std::max(covered_, confirmed_));
  facts.published_end = env_.spool->ledger().published().end_lsn;
  facts.server_wal_end = server_wal_end_;
  facts.max_wal_retained_bytes = env_.options->max_wal_retained_bytes;
  return ConfirmedFlush(facts);
}

void CaptureSession::Report(TimePoint now, bool request_reply) {
  const Lsn flush = FlushToReport();
  BW_CHECK(flush >= confirmed_ && flush <= env_.spool->ledger().captured().end_lsn);
  BW_KILL_POINT("capture.before_status");
  env_.stream->SendStatus({std::max(received_, flush), flush, request_reply});
  BW_KILL_POINT("capture.after_status");
  confirmed_ = flush;
  env_.figures->confirmed_flush.store(flush.value, kRelaxed);
  last_report_ = now;
  heard_since_report_ = false;
  answered_request_ = false;
}

bool WaitForRoom(Spool* spool, const Stop& stop) {
  // After a failed write there is nothing to wait for: the next session reopens the spool.
  return spool->failed() || spool->log().WaitForRoom(stop);
}

}  // namespace bw
