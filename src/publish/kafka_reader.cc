#include "publish/kafka_reader.h"

#include <fmt/format.h>

#include <algorithm>

namespace bw {
namespace {

constexpr int kSliceMs = 100;
// When brokers answer but nothing arrives for this long, the network is not the cause: an open
// transaction of another producer may block read_committed readers.
constexpr Duration kProgressTimeout{30'000};

std::string_view View(const void* data, size_t size) {
  return {static_cast<const char*>(data), size};
}

}  // namespace

std::vector<MessageHeader> HeadersOf(const rd_kafka_message_t& message) {
  std::vector<MessageHeader> found;
  rd_kafka_headers_t* headers = nullptr;
  if (rd_kafka_message_headers(&message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR) return found;
  const char* name = nullptr;
  const void* value = nullptr;
  size_t size = 0;
  for (size_t i = 0;
       rd_kafka_header_get_all(headers, i, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR;
       ++i) {
    found.push_back({name, View(value, size)});
  }
  return found;
}

CommittedRecord ToRecord(const rd_kafka_message_t& message, size_t range) {
  CommittedRecord record;
  record.range = range;
  record.offset = message.offset;
  rd_kafka_timestamp_type_t type = RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
  record.timestamp_ms = rd_kafka_message_timestamp(&message, &type);
  if (message.key != nullptr) record.key = View(message.key, message.key_len);
  if (message.payload != nullptr) record.value = View(message.payload, message.len);
  record.headers = HeadersOf(message);
  return record;
}

bool EndsReading(rd_kafka_resp_err_t error) {
  return error != RD_KAFKA_RESP_ERR__TRANSPORT && error != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN &&
         error != RD_KAFKA_RESP_ERR__RESOLVE && error != RD_KAFKA_RESP_ERR__TIMED_OUT;
}

KafkaReader::KafkaReader(const KafkaSettings& settings, const Stop& stop)
    : stop_(stop),
      handle_(NewKafkaConsumer(settings, /*read_committed=*/true, &trouble_)),
      queue_(rd_kafka_queue_new(handle_.get())) {}

KafkaReader::~KafkaReader() {
  for (size_t i = 0; i < partitions_.size(); ++i) End(i);
}

void KafkaReader::End(size_t index) {
  Partition& partition = partitions_.at(index);
  if (partition.ended) return;
  partition.ended = true;
  rd_kafka_consume_stop(partition.topic.get(), partition.name.partition);
}

KafkaMessage KafkaReader::Next(int timeout_ms) {
  rd_kafka_poll(handle_.get(), 0);
  return KafkaMessage(rd_kafka_consume_queue(queue_.get(), timeout_ms));
}

void KafkaReader::Start(const TopicPartition& name, int64_t from) {
  Partition partition;
  partition.name = name;
  partition.topic.reset(rd_kafka_topic_new(handle_.get(), name.topic.c_str(), nullptr));
  BW_CHECK(partition.topic != nullptr);
  if (rd_kafka_consume_start_queue(partition.topic.get(), name.partition, from, queue_.get()) !=
      0) {
    throw KafkaFailure(fmt::format("Reading topic {} partition {}", name.topic, name.partition),
                       rd_kafka_last_error(), trouble_);
  }
  partitions_.push_back(std::move(partition));
}

size_t KafkaReader::IndexOf(const rd_kafka_message_t& message) const {
  const char* topic = rd_kafka_topic_name(message.rkt);
  const auto found = std::ranges::find_if(partitions_, [&](const Partition& partition) {
    return partition.name.partition == message.partition && partition.name.topic == topic;
  });
  BW_CHECK(found != partitions_.end());
  return static_cast<size_t>(found - partitions_.begin());
}

void KafkaReader::Read(std::span<const ReadRange> ranges,
                       const std::function<void(const CommittedRecord&)>& visit) {
  size_t open = 0;
  std::vector<bool> done(ranges.size(), false);
  for (size_t i = 0; i < ranges.size(); ++i) {
    Start(ranges[i].partition, ranges[i].from);
    done[i] = ranges[i].from >= ranges[i].to;
    if (!done[i]) ++open;
  }
  TimePoint moved = std::chrono::steady_clock::now();
  while (open > 0) {
    const KafkaMessage message = Next(kSliceMs);
    if (stop_.requested()) throw TransientError("Stopped while reading from Kafka");
    if (message && message->rkt != nullptr &&
        (message->err == RD_KAFKA_RESP_ERR_NO_ERROR ||
         message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF)) {
      moved = std::chrono::steady_clock::now();
      const size_t i = IndexOf(*message);
      const bool is_record = message->err == RD_KAFKA_RESP_ERR_NO_ERROR;
      if (is_record && message->offset < ranges[i].to) visit(ToRecord(*message, i));
      // At the partition's end, the offset is the position after all control and aborted records.
      const int64_t position = message->offset + (is_record ? 1 : 0);
      if (!done[i] && position >= ranges[i].to) {
        done[i] = true;
        --open;
      }
      continue;
    }
    // kProgressTimeout limits the wait for lost connections.
    if (message && EndsReading(message->err)) {
      throw KafkaFailure("Reading from Kafka", message->err, rd_kafka_message_errstr(message.get()),
                         trouble_);
    }
    if (std::chrono::steady_clock::now() - moved > kProgressTimeout) {
      const auto stuck = std::ranges::find(done, false);
      const TopicPartition& name = ranges[static_cast<size_t>(stuck - done.begin())].partition;
      throw KafkaFailure(
          fmt::format("Reading topic {} partition {} to its end", name.topic, name.partition),
          RD_KAFKA_RESP_ERR__TIMED_OUT,
          "no progress for 30 s; an open transaction of another producer may block readers",
          trouble_);
    }
  }
}

LibrdkafkaFollower::LibrdkafkaFollower(const KafkaSettings& settings, const Stop& stop,
                                       const TopicPartition& partition, int64_t from)
    : reader_(settings, stop) {
  reader_.Start(partition, from);
}

std::optional<CommittedRecord> LibrdkafkaFollower::Poll() {
  while (true) {
    message_ = reader_.Next(0);
    if (!message_) return std::nullopt;
    if (message_->err == RD_KAFKA_RESP_ERR_NO_ERROR) return ToRecord(*message_, 0);
    if (message_->err != RD_KAFKA_RESP_ERR__PARTITION_EOF && EndsReading(message_->err)) {
      throw KafkaFailure("Reading the checkpoint back", message_->err,
                         rd_kafka_message_errstr(message_.get()), reader_.trouble());
    }
  }
}

}  // namespace bw
