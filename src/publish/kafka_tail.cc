#include "publish/kafka_tail.h"

#include <fmt/format.h>

#include "publish/kafka_connection.h"
#include "publish/kafka_reader.h"

namespace bw {
namespace {

// A missing right is a matter for whoever has started this; all else may pass.
[[noreturn]] void Fail(const std::string& operation, rd_kafka_resp_err_t error,
                       const KafkaTrouble& trouble) {
  const Error failure = KafkaFailure(operation, error, trouble);
  if (IsMissingRight(error)) throw Error(ErrorKind::kHalt, failure.what(), ExitCode::kMissingRight);
  throw failure;
}

KafkaPartitionList ListOf(std::span<const TopicPartition> partitions) {
  KafkaPartitionList list(rd_kafka_topic_partition_list_new(static_cast<int>(partitions.size())));
  for (const TopicPartition& partition : partitions) {
    rd_kafka_topic_partition_list_add(list.get(), partition.topic.c_str(), partition.partition);
  }
  return list;
}

// The first error of a partition, when the question as a whole has none.
rd_kafka_resp_err_t ErrorIn(const rd_kafka_topic_partition_list_t& list,
                            rd_kafka_resp_err_t error) {
  for (int i = 0; i < list.cnt && error == RD_KAFKA_RESP_ERR_NO_ERROR; ++i) {
    error = list.elems[i].err;
  }
  return error;
}

Error LostOffset(const TopicPartition& name, const char* reason) {
  return Error(ErrorKind::kHalt,
               fmt::format("topic {} partition {}: the messages that come next are gone ({}): they "
                           "were deleted before they were read, or the topic was deleted and made "
                           "again. Start again to read what is there now",
                           name.topic, name.partition, reason),
               ExitCode::kHaltKafka);
}

// What the group's coordinator answers to who has not joined while others have.
bool HasMembers(rd_kafka_resp_err_t error) {
  return error == RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID ||
         error == RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION ||
         error == RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS;
}

bool IsLost(rd_kafka_resp_err_t error) {
  return error == RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE ||
         error == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET ||
         error == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
         error == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC || error == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION;
}

}  // namespace

// --- KafkaTail ----------------------------------------------------------------------------------

struct KafkaTail::Parts {
  Parts(const KafkaSettings& settings, const Stop& its_stop)
      : stop(its_stop), reader(settings, its_stop) {}

  // rd_kafka_offsets_for_times passes the "time" on unchanged, and Kafka's ListOffsets takes -1 for
  // the end. From a read_committed consumer that is the last stable offset.
  std::vector<int64_t> OffsetsFor(std::span<const TopicPartition> partitions, int64_t time) {
    if (partitions.empty()) return {};
    const KafkaPartitionList list = ListOf(partitions);
    const rd_kafka_resp_err_t error = AskInSlices(stop, [&](int slice_ms) {
      for (int i = 0; i < list->cnt; ++i) list->elems[i].offset = time;
      return ErrorIn(*list, rd_kafka_offsets_for_times(reader.handle(), list.get(), slice_ms));
    });
    rd_kafka_poll(reader.handle(), 0);  // Lets the error callback run.
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
      Fail("Asking for offsets of topic " + partitions.front().topic, error, reader.trouble());
    }
    std::vector<int64_t> offsets;
    for (int i = 0; i < list->cnt; ++i) offsets.push_back(list->elems[i].offset);
    return offsets;
  }

  const Stop& stop;
  KafkaReader reader;
  KafkaMessage message;  // What the last arrival's views point into.
};

KafkaTail::KafkaTail(const PublishOptions& options, const Stop& stop)
    : parts_(std::make_unique<Parts>(KafkaSettings{options.brokers, options.kafka_config}, stop)) {}

KafkaTail::~KafkaTail() = default;

std::map<std::string, int32_t> KafkaTail::Topics() {
  rd_kafka_t* const handle = parts_->reader.handle();
  const rd_kafka_metadata_t* found = nullptr;
  const rd_kafka_resp_err_t error = AskInSlices(parts_->stop, [&](int slice_ms) {
    return rd_kafka_metadata(handle, /*all_topics=*/1, nullptr, &found, slice_ms);
  });
  rd_kafka_poll(handle, 0);  // Lets the error callback run.
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
    Fail("Asking for the topics", error, parts_->reader.trouble());
  }
  const KafkaMetadata metadata(found);
  std::map<std::string, int32_t> topics;
  for (int i = 0; i < metadata->topic_cnt; ++i) {
    const rd_kafka_metadata_topic_t& topic = metadata->topics[i];
    if (topic.partition_cnt > 0) topics[topic.topic] = topic.partition_cnt;
  }
  return topics;
}

std::vector<int64_t> KafkaTail::Ends(std::span<const TopicPartition> partitions) {
  return parts_->OffsetsFor(partitions, RD_KAFKA_OFFSET_END);
}

std::vector<int64_t> KafkaTail::OffsetsAt(std::span<const TopicPartition> partitions,
                                          int64_t time_ms) {
  std::vector<int64_t> offsets = parts_->OffsetsFor(partitions, time_ms);
  const std::vector<int64_t> ends = Ends(partitions);
  for (size_t i = 0; i < offsets.size(); ++i) {
    if (offsets[i] < 0) offsets[i] = ends[i];
  }
  return offsets;
}

void KafkaTail::Start(const TopicPartition& partition, int64_t from) {
  parts_->reader.Start(partition, from);
}

void KafkaTail::End(size_t index) { parts_->reader.End(index); }

std::optional<TailArrival> KafkaTail::Next(Duration timeout) {
  KafkaReader& reader = parts_->reader;
  parts_->message = reader.Next(static_cast<int>(timeout.count()));
  if (!parts_->message) return std::nullopt;
  const rd_kafka_message_t& message = *parts_->message;
  if (message.err == RD_KAFKA_RESP_ERR_NO_ERROR) {
    return TailArrival{.is_end = false, .record = ToRecord(message, reader.IndexOf(message))};
  }
  if (message.err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
    TailArrival end{.is_end = true, .record = {}};
    end.record.range = reader.IndexOf(message);
    end.record.offset = message.offset;
    return end;
  }
  if (!EndsReading(message.err)) return std::nullopt;
  if (message.rkt == nullptr) Fail("Reading from Kafka", message.err, reader.trouble());
  const TopicPartition& name = reader.NameOf(reader.IndexOf(message));
  if (IsLost(message.err)) throw LostOffset(name, rd_kafka_message_errstr(&message));
  Fail(fmt::format("Reading topic {} partition {}", name.topic, name.partition), message.err,
       reader.trouble());
}

// --- GroupOffsets -------------------------------------------------------------------------------

struct GroupOffsets::Parts {
  std::string group;
  const Stop& stop;
  KafkaTrouble trouble;
  KafkaHandle handle;
};

GroupOffsets::GroupOffsets(const PublishOptions& options, const std::string& group,
                           const Stop& stop)
    : parts_(new Parts{group, stop, {}, nullptr}) {
  KafkaConf conf = NewKafkaConf({options.brokers, options.kafka_config}, &parts_->trouble);
  SetProperty(conf.get(), "group.id", group);
  SetProperty(conf.get(), "enable.auto.commit", "false");
  parts_->handle = NewKafkaHandle(RD_KAFKA_CONSUMER, std::move(conf));
}

GroupOffsets::~GroupOffsets() = default;

std::vector<std::optional<int64_t>> GroupOffsets::Stored(
    std::span<const TopicPartition> partitions) {
  if (partitions.empty()) return {};
  const KafkaPartitionList list = ListOf(partitions);
  const rd_kafka_resp_err_t error = AskInSlices(parts_->stop, [&](int slice_ms) {
    return ErrorIn(*list, rd_kafka_committed(parts_->handle.get(), list.get(), slice_ms));
  });
  rd_kafka_poll(parts_->handle.get(), 0);
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
    Fail("Asking for the offsets of group " + parts_->group, error, parts_->trouble);
  }
  std::vector<std::optional<int64_t>> stored;
  for (int i = 0; i < list->cnt; ++i) {
    const int64_t offset = list->elems[i].offset;
    stored.push_back(offset >= 0 ? std::optional(offset) : std::nullopt);
  }
  return stored;
}

void GroupOffsets::Store(const NextOffsets& offsets) {
  const std::string operation = "Storing the offsets of group " + parts_->group;
  const KafkaPartitionList list(
      rd_kafka_topic_partition_list_new(static_cast<int>(offsets.size())));
  for (const auto& [partition, offset] : offsets) {
    rd_kafka_topic_partition_list_add(list.get(), partition.topic.c_str(), partition.partition)
        ->offset = offset;
  }
  // Of its own: the late answer to an earlier request must not pass for the answer to this one.
  const KafkaQueue answers(rd_kafka_queue_new(parts_->handle.get()));
  rd_kafka_resp_err_t error =
      rd_kafka_commit_queue(parts_->handle.get(), list.get(), answers.get(), nullptr, nullptr);
  KafkaEvent event;
  if (error == RD_KAFKA_RESP_ERR_NO_ERROR) {
    // Also after a stop: what was written last is stored then.
    event.reset(rd_kafka_queue_poll(answers.get(), kKafkaAnswerTimeoutMs));
    error = event ? rd_kafka_event_error(event.get()) : RD_KAFKA_RESP_ERR__TIMED_OUT;
  }
  if (event && error == RD_KAFKA_RESP_ERR_NO_ERROR) {
    error = ErrorIn(*rd_kafka_event_topic_partition_list(event.get()), error);
  }
  rd_kafka_poll(parts_->handle.get(), 0);
  if (HasMembers(error)) {
    throw UsageError(fmt::format(
        "--group: other clients are subscribed under the name {}, and only they may store its "
        "offsets; use a name of its own",
        parts_->group));
  }
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) Fail(operation, error, parts_->trouble);
}

}  // namespace bw
