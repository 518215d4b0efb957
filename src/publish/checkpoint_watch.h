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

// Throws kFenced (kAnotherRelay) when the checkpoint proves that another relay publishes with our
// name. A checkpoint of another instance is normal when it is older than this process: our
// predecessor wrote it. After one of ours it is a rival's.
void CheckNoRival(const Checkpoint& checkpoint, const PublishMemory& memory);

// Reads our checkpoints back as a read_committed consumer does, and trims the spool up to what it
// has received: never up to what a commit has only reported. Belongs to one publish session.
class CheckpointWatch {
 public:
  // `follower` begins after the checkpoint from which the session goes on.
  CheckpointWatch(const PublishOptions& options, const PublishServers& servers,
                  PublishMemory* memory, std::string checkpoint_topic,
                  std::unique_ptr<CommittedFollower> follower);

  // A checkpoint was committed just now.
  void NoteCommit();
  // Looks from time to time while a commit has not been seen; `published` is the newest. Returns
  // how far the topic was read when there was something new. Throws as CheckNoRival, a transient
  // Error when a commit does not appear in time, and Halt kHaltKafka when that happens in two
  // sessions in a row.
  std::optional<int64_t> LookIfDue(const Position& published);

 private:
  std::optional<int64_t> Look(const Position& published);
  void Trim(const Position& position);

  const PublishOptions& options_;
  const PublishServers servers_;
  PublishMemory* const memory_;
  const std::string checkpoint_topic_;
  const std::unique_ptr<CommittedFollower> follower_;
  TimePoint looked_at_;
  std::optional<TimePoint> unseen_since_;  // The oldest commit that was not read back yet.
};

}  // namespace bw
