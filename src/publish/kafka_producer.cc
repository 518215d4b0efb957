#include "publish/kafka_producer.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string_view>
#include <utility>

#include "base/byte_size.h"
#include "base/log.h"
#include "publish/kafka_reader.h"
#include "publish/torn_records.h"

namespace bw {
namespace {

// Each call into librdkafka waits at most this long, so that a stop is noticed between calls.
constexpr Duration kSlice{200};
// How long a transaction may take to end after a stop was requested.
constexpr Duration kStopGrace{4'000};
// How long a transaction may go on after one of its requests failed in transit. It will be in doubt
// anyway, so it is not worth waiting for: a new producer finds the brokers faster than this one
// recovers.
constexpr Duration kFailedRequestGrace{2'000};
// How long delivery reports may be missing before we check that the topics still exist.
constexpr Duration kPatienceWithTopics{5'000};
// How long a session's start waits for an answer; less when a connection has failed meanwhile, so
// that an outage that begins just then is told, too.
constexpr Duration kStartTimeout{30'000};
constexpr Duration kStartTimeoutInTrouble{10'000};
// How long brokers may be silent within a transaction before that is told; less when a connection
// has failed, at most so long before. The transaction goes on: a broker that is only restarted
// finishes it.
constexpr Duration kSilence{10'000};
constexpr Duration kSilenceInTrouble{5'000};
constexpr Duration kTroubleBefore{10'000};
constexpr Duration kAbortTimeout{1'000};
// After so many messages delivery reports are taken, so that finished messages do not pile up.
constexpr size_t kPollEvery = 256;
// Around key, value and headers: lengths, deltas, and the batch's header.
constexpr size_t kRecordOverheadBytes = 128;
constexpr uint64_t kQueueBytesMin = 64 * kMiB;

int ToMs(Duration duration) { return static_cast<int>(duration.count()); }

// Whether the brokers refuse this message for good, so that another attempt would fail too.
bool IsRefusal(rd_kafka_resp_err_t error) {
  return error == RD_KAFKA_RESP_ERR_INVALID_RECORD ||
         error == RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP ||
         error == RD_KAFKA_RESP_ERR_POLICY_VIOLATION ||
         error == RD_KAFKA_RESP_ERR_UNSUPPORTED_COMPRESSION_TYPE;
}

std::optional<Position> PositionOf(const rd_kafka_message_t& message) {
  const auto identity = ParseRecordIdentity(HeadersOf(message));
  return identity ? std::optional(identity->position) : std::nullopt;
}

}  // namespace

LibrdkafkaProducer::LibrdkafkaProducer(const KafkaSettings& settings,
                                       const ProducerOptions& options, const Stop& stop)
    : stop_(stop), transactional_id_(options.transactional_id), on_silence_(options.on_silence) {
  KafkaSettings producer_settings = settings;
  // Our defaults; properties that the user has set stay. What must not change is set after them.
  producer_settings.properties.merge(std::map<std::string, std::string>{
      {"transaction.timeout.ms", std::to_string(kTransactionTimeoutMs)},
      {"compression.type", "lz4"},
      // Batches what is produced faster than it is sent; Flush does not wait for it.
      {"linger.ms", "5"},
      {"batch.size", std::to_string(options.batch_bytes_max)},
      {"message.max.bytes", std::to_string(options.message_bytes_max)},
      {"queue.buffering.max.messages", "100000"},
  });

  KafkaConf conf = NewKafkaConf(producer_settings, &trouble_);
  SetProperty(conf.get(), "transactional.id", options.transactional_id);
  SetProperty(conf.get(), "enable.idempotence", "true");
  SetProperty(conf.get(), "acks", "all");
  const size_t message_max = std::stoul(PropertyOf(conf.get(), "message.max.bytes"));
  message_bytes_max_ = message_max - std::min(message_max, kRecordOverheadBytes);
  transaction_timeout_ = Duration(std::stol(PropertyOf(conf.get(), "transaction.timeout.ms")));
  // The queue must hold the largest message, or Produce would wait for ever.
  const uint64_t queue_kbytes = std::max<uint64_t>(kQueueBytesMin, 2 * message_max) / kKiB;
  SetProperty(conf.get(), "queue.buffering.max.kbytes",
              std::to_string(std::min<uint64_t>(queue_kbytes, 2'000'000)));
  rd_kafka_conf_set_dr_msg_cb(
      conf.get(), [](rd_kafka_t*, const rd_kafka_message_t* message, void* producer) {
        static_cast<LibrdkafkaProducer*>(producer)->RecordDelivery(*message);
      });
  // NewKafkaConf made `trouble_` the callbacks' opaque; delivery reports need the whole producer.
  rd_kafka_conf_set_opaque(conf.get(), this);
  // Why librdkafka gives up a transaction, and purges its messages, only its log says.
  rd_kafka_conf_set_log_cb(
      conf.get(), [](const rd_kafka_t* handle, int level, const char* facility, const char* text) {
        if (handle != nullptr && std::string_view(facility) == "TXNERR") {
          static_cast<LibrdkafkaProducer*>(rd_kafka_opaque(handle))->trouble_.Note(text);
        }
        LogForKafka(handle, level, facility, text);
      });
  rd_kafka_conf_set_error_cb(conf.get(), [](rd_kafka_t*, int, const char* reason, void* opaque) {
    static_cast<LibrdkafkaProducer*>(opaque)->trouble_.Note(reason);
  });
  audit_.Watch(conf.get());
  handle_ = NewKafkaHandle(RD_KAFKA_PRODUCER, std::move(conf));
}

LibrdkafkaProducer::~LibrdkafkaProducer() {
  // A courtesy to readers, who otherwise wait for this transaction until the next init or until
  // transaction.timeout.ms. Only when no commit can be in flight; nothing resumes after it.
  if (may_abort_ && !delivery_failure_ && !audit_.Failure()) {
    const KafkaErrorObject ignored(rd_kafka_abort_transaction(handle_.get(), ToMs(kAbortTimeout)));
  }
  rd_kafka_purge(handle_.get(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT |
                                    RD_KAFKA_PURGE_F_NON_BLOCKING);
}

void LibrdkafkaProducer::InitTransactions() {
  const TimePoint begun = std::chrono::steady_clock::now();
  while (true) {
    const KafkaErrorObject error(rd_kafka_init_transactions(handle_.get(), ToMs(5 * kSlice)));
    if (!error) return;
    if (!rd_kafka_error_is_retriable(error.get()) || StartTakesTooLong(begun) ||
        stop_.WaitFor(kSlice)) {
      throw Failure("Becoming the only producer with transactional.id " + transactional_id_,
                    error.get());
    }
  }
}

std::unique_ptr<LibrdkafkaProducer::Topic> LibrdkafkaProducer::NewTopic(const std::string& name) {
  auto topic = std::make_unique<Topic>();
  topic->name = name;
  rd_kafka_topic_conf_t* topic_conf = rd_kafka_default_topic_conf_dup(handle_.get());
  rd_kafka_topic_conf_set_opaque(topic_conf, topic.get());
  topic->object.reset(rd_kafka_topic_new(handle_.get(), name.c_str(), topic_conf));
  BW_CHECK(topic->object != nullptr);
  return topic;
}

// Asks through this handle, so that it knows the partitions before the first message: a message for
// an unknown topic would wait up to a second. One request covers all topics opened on the handle.
std::string LibrdkafkaProducer::AskForPartitions(std::span<const std::unique_ptr<Topic>> topics) {
  const rd_kafka_metadata_t* found = nullptr;
  rd_kafka_topic_t* only = topics.size() == 1 ? topics.front()->object.get() : nullptr;
  const rd_kafka_resp_err_t error =
      rd_kafka_metadata(handle_.get(), 0, only, &found, ToMs(5 * kSlice));
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) return rd_kafka_err2str(error);
  const KafkaMetadata metadata(found);
  std::map<std::string_view, const rd_kafka_metadata_topic_t*> answers;
  for (int i = 0; i < metadata->topic_cnt; ++i) {
    answers[metadata->topics[i].topic] = &metadata->topics[i];
  }
  std::string reason;
  for (const auto& topic : topics) {
    const auto answer = answers.find(topic->name);
    if (answer == answers.end()) {
      reason = "no answer";
    } else if (answer->second->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
      reason = rd_kafka_err2str(answer->second->err);
    } else {
      topic->partitions = answer->second->partition_cnt;
    }
  }
  return reason;
}

std::vector<OpenedTopic> LibrdkafkaProducer::OpenTopics(std::span<const std::string> names) {
  std::vector<std::unique_ptr<Topic>> topics;
  for (const std::string& name : names) topics.push_back(NewTopic(name));
  const auto is_unknown = [](const auto& topic) { return topic->partitions == 0; };
  const TimePoint begun = std::chrono::steady_clock::now();
  while (true) {
    const std::string reason = AskForPartitions(topics);
    const auto unknown = std::ranges::find_if(topics, is_unknown);
    if (unknown == topics.end()) break;
    if (StartTakesTooLong(begun) || stop_.WaitFor(kSlice)) {
      throw KafkaFailure(fmt::format("Opening topic {}", (*unknown)->name),
                         RD_KAFKA_RESP_ERR__TIMED_OUT, reason, trouble_);
    }
  }
  std::vector<OpenedTopic> opened;
  for (auto& topic : topics) {
    topic->next_offsets.assign(static_cast<size_t>(topic->partitions), -1);
    opened.push_back({{static_cast<uint32_t>(topics_.size())}, topic->partitions});
    topics_.push_back(std::move(topic));
  }
  return opened;
}

void LibrdkafkaProducer::Begin() {
  produced_ = delivered_ = 0;
  delivery_failure_.reset();
  too_large_.reset();
  refused_.reset();
  for (const auto& topic : topics_) std::ranges::fill(topic->next_offsets, -1);
  audit_.Begin();
  const KafkaErrorObject error(rd_kafka_begin_transaction(handle_.get()));
  if (error) throw Failure("Beginning a transaction", error.get());
  may_abort_ = true;
}

void LibrdkafkaProducer::Produce(const OutgoingMessage& message) {
  const Topic& topic = *topics_.at(message.topic.index);
  BW_CHECK(message.partition >= 0 && message.partition < topic.partitions);
  KafkaHeaders headers(rd_kafka_headers_new(message.headers.size()));
  for (const MessageHeader& header : message.headers) {
    rd_kafka_header_add(headers.get(), header.name.data(), static_cast<ssize_t>(header.name.size()),
                        header.value.data(), static_cast<ssize_t>(header.value.size()));
  }
  const auto pointer = [](const std::optional<std::string_view>& bytes) -> const void* {
    // An empty text is not a null, so its pointer must not be null either.
    return !bytes ? nullptr : bytes->empty() ? "" : bytes->data();
  };
  const auto size = [](const std::optional<std::string_view>& bytes) -> size_t {
    return bytes ? bytes->size() : 0;
  };

  const TimePoint begun = std::chrono::steady_clock::now();
  TimePoint heard = begun;
  while (true) {
    // Not rd_kafka_produceva, which frees the headers twice when the topic was deleted meanwhile
    // (librdkafka #4628, fixed in 2.12.0). The types of the arguments are those its macros cast to.
    const rd_kafka_resp_err_t error = rd_kafka_producev(
        handle_.get(), RD_KAFKA_VTYPE_RKT, topic.object.get(), RD_KAFKA_VTYPE_PARTITION,
        message.partition, RD_KAFKA_VTYPE_KEY, pointer(message.key), size(message.key),
        RD_KAFKA_VTYPE_VALUE, pointer(message.value), size(message.value), RD_KAFKA_VTYPE_MSGFLAGS,
        int{RD_KAFKA_MSG_F_COPY}, RD_KAFKA_VTYPE_HEADERS, headers.get(), RD_KAFKA_VTYPE_END);
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) break;
    const bool may_wait = error == RD_KAFKA_RESP_ERR__QUEUE_FULL && !MustLeave(begun) &&
                          std::chrono::steady_clock::now() - begun < transaction_timeout_;
    if (!may_wait) {
      // If an earlier message was the cause, its delivery report says more.
      rd_kafka_poll(handle_.get(), 0);
      ThrowIfDeliveryFailed();
      throw KafkaFailure(
          fmt::format("Producing to topic {} partition {}", topic.name, message.partition), error,
          trouble_);
    }
    if (rd_kafka_poll(handle_.get(), ToMs(kSlice)) > 0) heard = std::chrono::steady_clock::now();
    ThrowIfDeliveryFailed();
    TellSilence(heard);
  }
  static_cast<void>(headers.release());  // The message has them now.
  if (++produced_ % kPollEvery == 0) rd_kafka_poll(handle_.get(), 0);
}

void LibrdkafkaProducer::RecordDelivery(const rd_kafka_message_t& message) {
  ++delivered_;
  if (delivery_failure_) return;
  auto* topic = static_cast<Topic*>(rd_kafka_topic_opaque(message.rkt));
  if (message.err != RD_KAFKA_RESP_ERR_NO_ERROR) {
    delivery_failure_ = fmt::format("A message to topic {} partition {} was not written: {}",
                                    topic->name, message.partition, rd_kafka_err2str(message.err));
    if (const std::string reason = trouble_.Newest();
        !reason.empty() && (message.err == RD_KAFKA_RESP_ERR__MSG_TIMED_OUT ||
                            message.err == RD_KAFKA_RESP_ERR__PURGE_QUEUE)) {
      *delivery_failure_ += " (" + Printable(reason) + ")";
    }
    if (message.err == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE) {
      too_large_.emplace(*delivery_failure_, topic->name, message.len + message.key_len);
    } else if (IsRefusal(message.err)) {
      refused_.emplace(*delivery_failure_, topic->name, PositionOf(message));
    }
  } else if (message.offset < 0) {
    // The broker called it a duplicate: written, but at an unknown offset.
    delivery_failure_ = fmt::format("A message to topic {} partition {} has no offset", topic->name,
                                    message.partition);
  } else {
    int64_t& next = topic->next_offsets.at(static_cast<size_t>(message.partition));
    next = std::max(next, message.offset + 1);
  }
}

void LibrdkafkaProducer::ThrowIfDeliveryFailed() const {
  if (too_large_) throw *too_large_;
  if (refused_) throw *refused_;
  if (delivery_failure_) throw TransientError(*delivery_failure_);
}

void LibrdkafkaProducer::ThrowIfHopeless(TimePoint waiting_since) const {
  if (std::chrono::steady_clock::now() - waiting_since < kFailedRequestGrace) return;
  if (const auto failure = audit_.Failure()) {
    const std::string reason = trouble_.Newest();
    throw TransientError("A Kafka transaction is in doubt: " + *failure +
                         (reason.empty() ? "" : " (" + Printable(reason) + ")"));
  }
}

void LibrdkafkaProducer::TellSilence(TimePoint silent_since) const {
  if (!on_silence_) return;
  const Duration silence =
      std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now() - silent_since);
  const std::string reason = trouble_.NewestSince(silent_since - kTroubleBefore);
  if (silence < (reason.empty() ? kSilence : kSilenceInTrouble)) return;
  on_silence_(reason.empty() ? fmt::format("no answer for {} s", silence.count() / 1'000)
                             : Printable(reason));
}

// librdkafka expects a deleted topic to come back until the messages time out. The next session
// creates it again.
void LibrdkafkaProducer::ThrowIfTopicIsDeleted() const {
  const rd_kafka_metadata_t* found = nullptr;
  rd_kafka_metadata(handle_.get(), /*all_topics=*/0, nullptr, &found, ToMs(5 * kSlice));
  const KafkaMetadata metadata(found);
  if (!metadata) return;  // If the brokers are unreachable, the messages' own errors will say so.
  for (int i = 0; i < metadata->topic_cnt; ++i) {
    if (metadata->topics[i].err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) {
      throw TransientError(fmt::format("Topic {} was deleted", metadata->topics[i].topic));
    }
  }
}

void LibrdkafkaProducer::Flush(NextOffsets* next_offsets) {
  const TimePoint begun = std::chrono::steady_clock::now();
  TimePoint next_look = begun + kPatienceWithTopics;
  TimePoint heard = begun;
  size_t delivered = delivered_;
  while (rd_kafka_flush(handle_.get(), ToMs(kSlice)) != RD_KAFKA_RESP_ERR_NO_ERROR) {
    ThrowIfDeliveryFailed();
    if (MustLeave(begun)) throw TransientError("Stopped while waiting for delivery reports");
    ThrowIfHopeless(begun);
    if (std::exchange(delivered, delivered_) != delivered_) {
      heard = std::chrono::steady_clock::now();
    }
    TellSilence(heard);
    if (std::chrono::steady_clock::now() >= next_look) {
      ThrowIfTopicIsDeleted();
      next_look = std::chrono::steady_clock::now() + kPatienceWithTopics;
    }
    // By then message.timeout.ms has ended every message; this bounds the wait whatever happens.
    if (std::chrono::steady_clock::now() - begun > 2 * transaction_timeout_) {
      throw TransientError("No delivery reports within twice the transaction timeout");
    }
  }
  ThrowIfDeliveryFailed();
  if (delivered_ != produced_) {
    throw TransientError(fmt::format("{} delivery reports for {} messages", delivered_, produced_));
  }
  for (const auto& topic : topics_) {
    for (size_t partition = 0; partition < topic->next_offsets.size(); ++partition) {
      const int64_t next = topic->next_offsets[partition];
      if (next >= 0) (*next_offsets)[{topic->name, static_cast<int32_t>(partition)}] = next;
    }
  }
}

// librdkafka recommends an unlimited wait, because its state may be misleading after a limited one;
// but a stop could not end an unlimited wait. So waits are limited, and a commit that needed more
// than one is in doubt: its result counts, but this producer begins no other transaction.
void LibrdkafkaProducer::Commit() {
  may_abort_ = false;
  const TimePoint begun = std::chrono::steady_clock::now();
  while (true) {
    const KafkaErrorObject error(rd_kafka_commit_transaction(handle_.get(), ToMs(5 * kSlice)));
    if (!error) return;
    const bool again = rd_kafka_error_code(error.get()) == RD_KAFKA_RESP_ERR__TIMED_OUT &&
                       rd_kafka_error_is_retriable(error.get()) && !MustLeave(begun) &&
                       std::chrono::steady_clock::now() - begun < transaction_timeout_;
    if (!again) throw Failure("Committing a transaction", error.get());
    ThrowIfHopeless(begun);
    rd_kafka_poll(handle_.get(), 0);  // Which notes the trouble.
    TellSilence(begun);
    commit_interrupted_ = true;
  }
}

std::optional<std::string> LibrdkafkaProducer::Doubt() const {
  if (auto doubt = audit_.Doubt()) return doubt;
  if (commit_interrupted_) return "the commit took more than a second";
  return std::nullopt;
}

Error LibrdkafkaProducer::Failure(const std::string& operation, rd_kafka_error_t* error) const {
  const rd_kafka_resp_err_t code = rd_kafka_error_code(error);
  std::string text = rd_kafka_error_string(error);
  if (code == RD_KAFKA_RESP_ERR__FENCED) {
    // Not yet proof of another relay: a transaction that timed out at the broker looks the same.
    text += " (fenced: by another producer with our transactional.id, or after a timeout)";
  }
  return KafkaFailure(operation, code, text, trouble_);
}

bool LibrdkafkaProducer::StartTakesTooLong(TimePoint since) const {
  rd_kafka_poll(handle_.get(), 0);  // Which notes the trouble.
  const bool in_trouble = !trouble_.Newest().empty();
  return std::chrono::steady_clock::now() - since >
         (in_trouble ? kStartTimeoutInTrouble : kStartTimeout);
}

bool LibrdkafkaProducer::MustLeave(TimePoint since) const {
  return stop_.requested() && std::chrono::steady_clock::now() - since > kStopGrace;
}

}  // namespace bw
