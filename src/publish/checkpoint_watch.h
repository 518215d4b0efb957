#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "publish/checkpoint_format.h"
#include "publish/destinations.h"
#include "publish/kafka.h"
#include "publish/publish_memory.h"
#include "publish/publish_options.h"

namespace bw {

// Throws kFenced (kAnotherRelay) when the checkpoint proves that another relay uses our
// transactional.id. Another instance's checkpoint is our predecessor's as long as this process has
// committed none; after that, it is a rival's.
void CheckNoRival(const Checkpoint& checkpoint, const PublishMemory& memory);

// Reads our checkpoints back as a read_committed consumer does, and trims the spool only up to what
// it has received, never up to what a commit has merely reported. Belongs to one publish session.
class CheckpointWatch {
 public:
  // `follower` begins after the checkpoint from which the session resumes.
  CheckpointWatch(const PublishOptions& options, const PublishServers& servers,
                  PublishMemory* memory, std::string checkpoint_topic,
                  std::unique_ptr<CommittedFollower> follower);

  // A checkpoint was committed just now.
  void NoteCommit();
  // While a commit has not been read back, looks for it once every read_back_interval; `published`
  // is the newest commit. Returns the offset up to which the topic was read when it had something
  // new. Throws as CheckNoRival does, a transient Error when a commit does not appear in time, and
  // Halt kHaltKafka when that happens in two sessions in a row.
  std::optional<int64_t> LookIfDue(const Position& published);

 private:
  std::optional<int64_t> Look(const Position& published);
  // `of_all`: what the newest checkpoint covers of every table, held ones too.
  void Trim(const Position& published, const Position& of_all);

  const PublishOptions& options_;
  const PublishServers servers_;
  PublishMemory* const memory_;
  const std::string checkpoint_topic_;
  const std::unique_ptr<CommittedFollower> follower_;
  TimePoint looked_at_;
  std::optional<TimePoint> unseen_since_;  // Time of the oldest commit not yet read back.
};

}  // namespace bw
