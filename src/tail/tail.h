#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "base/stop.h"
#include "publish/kafka.h"
#include "publish/kafka_tail.h"
#include "publish/publish_options.h"
#include "registry/http_schema_registry_options.h"
#include "tail/message_decoder.h"
#include "tail/output.h"
#include "tail/tail_options.h"
#include "tail/written_offsets.h"

namespace bw {

// What `bottledwater tail` asks.
struct TailServers {
  PublishOptions kafka;                // --broker and --kafka-config.
  HttpSchemaRegistryOptions registry;  // Asked when a message needs it.
  std::string conninfo;                // --postgres, for --from-table.
};

// Writes what committed transactions have put into topics, one line a message, in offset order per
// partition. Never writes part of a line before an end that is not a crash, and never the same
// offset twice, so whoever stores lines and offsets together has each once.
//
//   wait for Kafka; choose topics; look where each partition begins and ends
//   until stopped, at every end, or at the limit:
//     arrival -> line -> buffer
//     nothing waits, or the buffer is full: write it
//     every two seconds: store the group's offsets, of lines that were written;
//                        look for new partitions and topics, and whether Kafka answers
class Tail {
 public:
  // Throws usage Errors. `stop` must outlive this.
  Tail(const TailOptions& options, const TailServers& servers, int output, const Stop& stop);
  ~Tail();

  // Returns at the end, after a stop, and when nobody reads the output any more. Throws Errors;
  // what was decoded before is then written.
  //
  // What a group has stored when Run ends:
  // - At the end and after a stop: the offsets of all lines. When Kafka does not take them, that is
  //   the Error (75).
  // - After any other Error: the offsets of the lines that were written in full, up to the message
  //   or the write that failed. When Kafka does not take them, the log says so, and the Error is
  //   the first one.
  // - When nobody reads the output any more: what was stored before, up to two seconds ago. What
  //   was still in the pipe then is lost to its reader, so rather repeat it.
  // - When nothing could be begun (an Error before the first line): what was stored before.
  // After a crash it is what was stored before, too. In no case is an offset stored before all
  // lines below it were written.
  void Run();

 private:
  // A partition that is read.
  struct Reading {
    TopicPartition name;
    int64_t next = 0;            // All below it was written, or put into the buffer.
    std::optional<int64_t> end;  // Nothing from here on is wanted.
    bool ended = false;
  };

  void Begin();
  // What is missing is said, or a usage Error.
  void NoteMissing(const std::vector<std::string>& missing);
  // The partitions of these topics that are wanted.
  std::vector<TopicPartition> Wanted(const std::map<std::string, int32_t>& topics) const;
  std::vector<PartitionState> LookAt(const std::vector<TopicPartition>& partitions);
  std::vector<PartitionState> FindStates(const std::vector<TopicPartition>& names);
  void Start(const TopicPartition& name, int64_t from, std::optional<int64_t> end);

  void FollowUntilStopped();
  void Follow();
  std::optional<TailArrival> Next();
  bool IsDone() const;
  void Take(const TailArrival& arrival);
  void Write(const Reading& reading, const CommittedRecord& record);
  // A key or value as JSON.
  std::optional<std::string> Decode(const TopicPartition& name, int64_t offset,
                                    const MessagePart& part, std::optional<std::string_view> bytes);
  void Expect(const Reading& reading);
  void EndWhereReached(size_t index);

  // The topics that are read, as they are now.
  std::map<std::string, int32_t> LookAtTopics();
  std::vector<TopicPartition> NewPartitions(const std::map<std::string, int32_t>& now) const;
  void LookForChanges();
  // False when Kafka did not answer.
  bool StoreOffsets();
  void StoreLastOffsets();
  // After an Error.
  void KeepWhatWasWritten(const Error& error);

  const TailOptions options_;
  const TailServers servers_;
  const Stop& stop_;
  const std::vector<TailColumn> columns_;
  AwayLog away_;
  std::unique_ptr<KafkaCluster> cluster_;
  KafkaTail kafka_;
  std::unique_ptr<GroupOffsets> group_;  // With --group.
  MessageDecoder decoder_;
  Output output_;
  const bool is_terminal_;

  std::map<std::string, int32_t> topics_;  // With the number of partitions that we know of.
  bool looks_for_topics_ = false;          // There may come others that are wanted.
  std::vector<Reading> readings_;          // By index of KafkaTail.
  size_t open_ = 0;                        // Readings that have not ended.
  uint64_t lines_ = 0;
  WrittenOffsets written_;      // For the group.
  std::set<std::string> said_;  // Failures that were logged.
};

}  // namespace bw
