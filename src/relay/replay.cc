#include "relay/replay.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <mutex>
#include <utility>
#include <variant>

#include "base/ask_until_answered.h"
#include "base/byte_size.h"
#include "base/bytes.h"
#include "base/crc32c.h"
#include "base/halt.h"
#include "base/log.h"
#include "publish/checkpoint_reader.h"
#include "publish/topic_name.h"
#include "relay/publish_side.h"

namespace bw {
namespace {

// The copy waits while the scratch spool is larger and not all of it is published.
constexpr uint64_t kScratchBytesMax = 256 * kMiB;
constexpr Duration kLookInterval{50};

// Slots' names have no '-', so this is never the source of a relay.
Source SourceOfReplay(Source source, const std::string& prefix) {
  source.slot += "-replay-" + prefix;
  return source;
}

Options WithPrefix(Options options) {
  options.publish.topic_prefix = options.command.spool.to_topic_prefix;
  options.publish.replay_window_bytes = 0;  // The scratch spool keeps nothing.
  // Nothing could wait there once the replay ends.
  if (options.publish.on_error == OnError::kHold) options.publish.on_error = OnError::kExit;
  return options;
}

// The same for each run of a replay, so that it finds what a killed one has left, and two runs
// exclude each other.
SpoolOptions ScratchOptions(const Options& options, const std::string& lineage,
                            const Source& source, Clock* clock) {
  const auto name = fmt::format("bottledwater-replay-{:08x}", Crc32c(lineage, Crc32c(source.slot)));
  SpoolOptions scratch;
  scratch.tally_transactions = options.publish.transaction_metadata;
  scratch.directory = std::filesystem::temp_directory_path() / name;
  scratch.clock = clock;
  return scratch;
}

[[noreturn]] void RefuseRange(Lsn from, const std::string& found) {
  throw UsageError(fmt::format(
      "--from-lsn: changes from {} on are no longer in the spool: {}. Give --replay-window more, "
      "so that published changes are retained for longer; what is gone comes again with "
      "bottledwater resnapshot, as the tables are now",
      from.ToString(), found));
}

}  // namespace

// Runs the publish side as long as it lives, and keeps the reason why it had to end.
class Replay::Publishing {
 public:
  Publishing(const Options& options, const Outside& outside, Spool* spool)
      : side_({&options, &outside, spool, &health_, &paused_,
               [this](const SessionExit& exit) { Note(exit); }}) {}

  std::optional<SessionExit> exit() const {
    const std::lock_guard lock(mutex_);
    return exit_;
  }

 private:
  void Note(const SessionExit& exit) {
    const std::lock_guard lock(mutex_);
    exit_ = exit;
  }

  SideHealth health_;
  std::atomic<bool> paused_{false};
  mutable std::mutex mutex_;
  std::optional<SessionExit> exit_;  // Guarded by mutex_.
  PublishSide side_;                 // Last: its thread uses everything above.
};

Replay::Replay(const Options& options, const Outside& outside, Stop* stop)
    : options_(WithPrefix(options)),
      outside_(outside),
      stop_(stop),
      reader_(options.spool),
      source_(SourceOfReplay(reader_.picture().state.source, options_.publish.topic_prefix)),
      lineage_(fmt::format("{}-from-{}", reader_.picture().state.lineage,
                           options.command.spool.from.ToString())),
      cluster_(outside_.kafka(options_.publish, *stop)),
      scratch_options_(ScratchOptions(options_, lineage_, source_, outside.clock)) {
  const SpoolState& state = reader_.picture().state;
  if (state.phase != SpoolPhase::kStreaming) {
    throw UsageError(
        "--spool: its relay's first snapshot is not complete; there is nothing to "
        "publish again");
  }
  const std::string& prefix = options_.publish.topic_prefix;
  if (reader_.HasClaims(CheckpointTopic(prefix, state.source))) {
    throw UsageError(fmt::format(
        "--to-topic-prefix: {} is the prefix of the relay's own topics; give another one", prefix));
  }
}

Replay::~Replay() = default;

std::string Replay::checkpoint_topic() const {
  return CheckpointTopic(options_.publish.topic_prefix, source_);
}

bool Replay::ended() const { return stop_->requested() || publishing_->exit(); }

Replay::Outcome Replay::Run() try {
  Outcome outcome;
  const CheckpointState checkpoint = AskForCheckpoint();
  const Position after = PlaceToBegin(checkpoint);
  if (after == checkpoint.progress.position) outcome.resumed_after = after;
  BeginScratch(checkpoint, after);
  publishing_ = std::make_unique<Publishing>(options_, outside_, scratch_.get());
  said_at_ = outside_.clock->Now();
  const Position newest = Copy(after, &outcome);
  outcome.complete = !ended() && WaitUntilPublished(newest);
  outcome.exit = publishing_->exit();
  publishing_.reset();
  scratch_.reset();
  std::error_code error;  // What is left is found by the next run.
  std::filesystem::remove_all(scratch_options_.directory, error);
  return outcome;
} catch (const Stopped&) {
  return {};
}

// --- Where it begins ---------------------------------------------------------------------------

CheckpointState Replay::AskForCheckpoint() {
  AwayLog away("Kafka (" + options_.publish.brokers + ")");
  return AskUntilAnswered(
      &away, *stop_, [&] { return FetchCheckpoint(cluster_.get(), options_.publish, source_); });
}

// A checkpoint may be older than the range: the first one of a replay is written before its first
// row.
Position Replay::PlaceToBegin(const CheckpointState& checkpoint) {
  const bool is_first = checkpoint.kind != CheckpointState::Kind::kPresent;
  if (!is_first && checkpoint.lineage != lineage_) {
    throw Halt{ExitCode::kUsage,
               "replay-other-range",
               fmt::format("The topics with prefix \"{}\" hold a replay of another range, or of "
                           "another spool: {}, and this one is {}.",
                           options_.publish.topic_prefix, Printable(checkpoint.lineage), lineage_),
               "Its changes would be there twice.",
               {{"go on with that one: the same --from-lsn and --spool", ""},
                {"use other topics", "--to-topic-prefix=PREFIX"}}}
        .ToError();
  }
  const Lsn from = options_.command.spool.from;
  const Position before = Position::EndOf(Lsn{from.value - 1});
  const Position published = checkpoint.progress.position;
  const Lsn oldest = reader_.OldestTransaction();
  if (is_first || published <= before) {
    if (from < oldest) RefuseRange(from, "the oldest there are those of " + oldest.ToString());
    return before;
  }
  if (published < reader_.picture().state.trimmed) {
    RefuseRange(from, fmt::format("an earlier run came to {}, and the oldest there are those of {}",
                                  published.ToString(), oldest.ToString()));
  }
  return published;
}

void Replay::BeginScratch(const CheckpointState& checkpoint, const Position& after) {
  try {
    scratch_ = Spool::Open(scratch_options_);
  } catch (const Error& error) {
    throw Error(error.kind(),
                fmt::format("the replay's scratch folder, in $TMPDIR: {} Or the same replay is "
                            "running already",
                            error.what()),
                error.exit_code());
  }
  const Lsn end = std::max(checkpoint.progress.end_lsn, options_.command.spool.from);
  scratch_->BeginStreamingAt(source_, {after, end}, /*predecessor=*/"", lineage_);
  scratch_->log().DropUncaptured();
}

// --- The copy ----------------------------------------------------------------------------------

// Returns the position of the last one.
Position Replay::Copy(const Position& after, Outcome* outcome) {
  Position newest = after;
  SpoolRecords records = reader_.Read(after, Position::EndOf(options_.command.spool.to));
  while (!ended()) {
    const SpoolRecord* const record = records.Next();
    if (records.missed()) {
      RefuseRange(options_.command.spool.from,
                  fmt::format("the relay has trimmed those after {} while they were read",
                              newest.ToString()));
    }
    if (record == nullptr) break;
    if (const auto* change = std::get_if<Change>(&record->record)) {
      ++outcome->changes;
      CopyChange(*change);
      if (!scratch_->log().HasRoom()) scratch_->log().WaitForRoom(*stop_);
      continue;
    }
    ++outcome->transactions;
    CopyEnd(std::get<TransactionEnd>(record->record));
    newest = record->position;
    WaitForPublisher();
  }
  return newest;
}

SchemaId Replay::CopySchema(SchemaId id) {
  const auto [copied, is_new] = schema_ids_.try_emplace(id);
  if (is_new) copied->second = scratch_->log().AddSchema(reader_.Schema(id));
  return copied->second;
}

void Replay::CopyChange(Change change) {
  newest_.xid = change.xid;
  newest_.commit_time_us = change.commit_time_us;
  change.schema_id = CopySchema(change.schema_id);
  if (change.old_key_schema_id) change.old_key_schema_id = CopySchema(*change.old_key_schema_id);
  std::string tables;
  if (change.operation == Operation::kTruncate) {
    for (const SchemaId id : TruncatedTables(change)) AppendU32(&tables, CopySchema(id).value);
    change.value = tables;
  }
  scratch_->log().Append(change);
}

// A re-snapshot keeps its mark, so that its tombstones are written for the replayed topics.
void Replay::CopyEnd(TransactionEnd end) {
  end.xid = newest_.xid;
  end.commit_time_us = newest_.commit_time_us;
  const auto& snapshots = reader_.picture().snapshots;
  const auto mark = std::ranges::find(snapshots, end.commit_lsn, &SnapshotMark::commit_lsn);
  if (mark != snapshots.end() && mark->purges) {
    scratch_->log().EndSnapshot(end, mark->tables, *stop_);
  } else {
    scratch_->log().EndTransaction(end);
  }
}

// Between transactions, so that one that is larger passes.
void Replay::WaitForPublisher() {
  const Ledger& ledger = scratch_->ledger();
  while (!ended() && scratch_->bytes_on_disk() > kScratchBytesMax &&
         ledger.published().position < ledger.captured().position) {
    stop_->WaitFor(kLookInterval);
  }
}

bool Replay::WaitUntilPublished(const Position& position) {
  const Ledger& ledger = scratch_->ledger();
  while (ledger.published().position < position) {
    if (ended()) return false;
    if (outside_.clock->Now() - said_at_ >= options_.status_interval) {
      said_at_ = outside_.clock->Now();
      spdlog::info("Published up to {} of {}", ledger.published().position.ToString(),
                   position.ToString());
    }
    stop_->WaitFor(kLookInterval);
  }
  return true;
}

}  // namespace bw
