#include "publish/checkpoint_watch.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/halt.h"
#include "base/kill_point.h"

namespace bw {

void CheckNoRival(const Checkpoint& checkpoint, const PublishMemory& memory) {
  if (!memory.has_committed || checkpoint.instance == memory.instance) return;
  throw Error(ErrorKind::kFenced,
              fmt::format("Another relay publishes database \"{}\", slot \"{}\" to this Kafka: its "
                          "checkpoint at {} (instance {}) is newer than ours. Stop one of them.",
                          checkpoint.source.database, checkpoint.source.slot,
                          checkpoint.progress.position.ToString(), checkpoint.instance),
              ExitCode::kAnotherRelay);
}

CheckpointWatch::CheckpointWatch(const PublishOptions& options, const PublishServers& servers,
                                 PublishMemory* memory, std::string checkpoint_topic,
                                 std::unique_ptr<CommittedFollower> follower)
    : options_(options),
      servers_(servers),
      memory_(memory),
      checkpoint_topic_(std::move(checkpoint_topic)),
      follower_(std::move(follower)),
      looked_at_(servers.clock->Now()) {}

void CheckpointWatch::NoteCommit() {
  if (!unseen_since_) unseen_since_ = servers_.clock->Now();
}

std::optional<int64_t> CheckpointWatch::LookIfDue(const Position& published) {
  if (!unseen_since_) return std::nullopt;
  if (servers_.clock->Now() - looked_at_ < options_.read_back_interval) return std::nullopt;
  looked_at_ = servers_.clock->Now();
  const std::optional<int64_t> through = Look(published);
  if (!unseen_since_ || looked_at_ - *unseen_since_ < options_.read_back_overdue) return through;
  // A commit was reported but is not there (librdkafka #4697, Redpanda #17921). The first time, a
  // new session looks again; the second time in a row, the reader cannot be the cause.
  const std::string finding =
      fmt::format("The checkpoint at {} was committed but a read_committed reader does not get it",
                  published.ToString());
  if (++memory_->read_backs_overdue >= 2) {
    throw Halt{ExitCode::kHaltKafka,
               "checkpoint-invisible",
               finding + ", not even in a new session.",
               "Kafka has lost it, or another producer's open transaction blocks the checkpoint "
               "topic. Nothing is trimmed from the spool.",
               {{"end that transaction (kafka-transactions.sh find-hanging), and start again", ""}}}
        .ToError();
  }
  throw TransientError(finding);
}

std::optional<int64_t> CheckpointWatch::Look(const Position& published) {
  std::optional<Checkpoint> newest;
  int64_t through = 0;
  while (const auto record = follower_->Poll()) {
    if (record->key != kCheckpointKey || !record->value) continue;
    newest = DecodeCheckpoint(
        *record->value, fmt::format("topic {}, offset {}", checkpoint_topic_, record->offset));
    CheckNoRival(*newest, *memory_);
    through = record->offset + 1;
  }
  if (!newest) return std::nullopt;
  memory_->read_backs_overdue = 0;
  const Position position = newest->progress.position;
  // It is ours and nobody else writes, so we must have committed it.
  BW_CHECK(position <= published);
  unseen_since_.reset();
  if (position != published) unseen_since_ = servers_.clock->Now();
  {
    const std::lock_guard lock(memory_->mutex);
    memory_->figures.read_back = std::max(memory_->figures.read_back, position);
  }
  Trim(position, PublishedOfAll(position, newest->held));
  return through;
}

void CheckpointWatch::Trim(const Position& published, const Position& of_all) {
  BW_KILL_POINT("publish.before_trim");
  ChangeLog& log = servers_.spool->log();
  const uint64_t window = options_.replay_window_bytes;
  if (window == 0) {
    log.Trim(of_all);
  } else if (published.commit_lsn.value > window) {
    log.Trim(std::min(of_all, Position::EndOf(Lsn{published.commit_lsn.value - window})));
  }
  BW_KILL_POINT("publish.after_trim");
}

}  // namespace bw
