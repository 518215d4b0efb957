#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/stop.h"
#include "options/options.h"
#include "recovery/checkpoint_state.h"
#include "relay/outside.h"
#include "relay/session_loop.h"
#include "spool/spool.h"
#include "spool/spool_reader.h"

namespace bw {

// `bottledwater replay`: publishes a range of what a spool retains once more, to topics of another
// prefix, exactly once however often it is killed and repeated (docs/decisions/0017).
//
// It is a relay whose source is a spool in place of PostgreSQL. Its own spool is a scratch one that
// may be lost at any time, as a relay's may: the checkpoint under the new prefix says where the
// next run goes on.
//
//   ask Kafka for the replay's checkpoint
//   begin a scratch spool there, or at the beginning of the range
//   copy transaction by transaction into it, by SpoolReader and ChangeLog::Append, while
//   PublishSide publishes them; pause while the scratch spool is large
//   wait until the last one is published
//
// Used by one thread; the publish side has its own.
class Replay {
 public:
  struct Outcome {
    uint64_t transactions = 0;  // Of the range, as far as this run had to publish it.
    uint64_t changes = 0;
    std::optional<Position> resumed_after;  // An earlier run had come so far.
    bool complete = false;                  // Not when a stop was requested.
    std::optional<SessionExit> exit;        // Publishing cannot go on.
  };

  // Throws the Halts of SpoolReader, and usage Errors about prefix and range. `stop` outlives this.
  Replay(const Options& options, const Outside& outside, Stop* stop);
  ~Replay();

  // Throws usage Errors and Halts when the range is not, or no longer, retained, and when the
  // prefix holds another replay; a transient Error when the scratch spool cannot be written.
  Outcome Run();

  // Its checkpoint's topic.
  std::string checkpoint_topic() const;

 private:
  class Publishing;

  CheckpointState AskForCheckpoint();
  // Everything up to here was published, or comes before the range.
  Position PlaceToBegin(const CheckpointState& checkpoint);
  void BeginScratch(const CheckpointState& checkpoint, const Position& after);
  Position Copy(const Position& after, Outcome* outcome);
  void CopyChange(Change change);
  SchemaId CopySchema(SchemaId id);
  void CopyEnd(TransactionEnd end);
  void WaitForPublisher();
  bool WaitUntilPublished(const Position& position);
  // A stop was requested, or publishing cannot go on.
  bool ended() const;

  const Options options_;  // With the new prefix.
  const Outside outside_;
  Stop* const stop_;
  SpoolReader reader_;
  const Source source_;  // The replay's: its own slot, and so its own checkpoint and producer.
  const std::string lineage_;
  const std::unique_ptr<KafkaCluster> cluster_;
  const SpoolOptions scratch_options_;
  std::unique_ptr<Spool> scratch_;
  std::unique_ptr<Publishing> publishing_;

  std::map<SchemaId, SchemaId> schema_ids_;  // The reader's -> the scratch spool's.
  TransactionEnd newest_;  // xid and commit time of the transaction that is being copied.
  TimePoint said_at_;      // When progress was logged.
};

}  // namespace bw
