#pragma once

#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "base/clock.h"
#include "base/delete_by.h"
#include "base/error.h"
#include "base/stop.h"

// What every connection to Kafka has in common: owners of librdkafka's objects, settings, log, and
// the newest failure's reason. Only included by the kafka_*.cc files.

namespace bw {

using KafkaHandle = std::unique_ptr<rd_kafka_t, DeleteBy<rd_kafka_destroy>>;
using KafkaConf = std::unique_ptr<rd_kafka_conf_t, DeleteBy<rd_kafka_conf_destroy>>;
using KafkaTopicObject = std::unique_ptr<rd_kafka_topic_t, DeleteBy<rd_kafka_topic_destroy>>;
using KafkaQueue = std::unique_ptr<rd_kafka_queue_t, DeleteBy<rd_kafka_queue_destroy>>;
using KafkaEvent = std::unique_ptr<rd_kafka_event_t, DeleteBy<rd_kafka_event_destroy>>;
using KafkaHeaders = std::unique_ptr<rd_kafka_headers_t, DeleteBy<rd_kafka_headers_destroy>>;
using KafkaMessage = std::unique_ptr<rd_kafka_message_t, DeleteBy<rd_kafka_message_destroy>>;
using KafkaMetadata =
    std::unique_ptr<const rd_kafka_metadata_t, DeleteBy<rd_kafka_metadata_destroy>>;
using KafkaErrorObject = std::unique_ptr<rd_kafka_error_t, DeleteBy<rd_kafka_error_destroy>>;
using KafkaNewTopic = std::unique_ptr<rd_kafka_NewTopic_t, DeleteBy<rd_kafka_NewTopic_destroy>>;
using KafkaConfigResource =
    std::unique_ptr<rd_kafka_ConfigResource_t, DeleteBy<rd_kafka_ConfigResource_destroy>>;
using KafkaAdminOptions =
    std::unique_ptr<rd_kafka_AdminOptions_t, DeleteBy<rd_kafka_AdminOptions_destroy>>;
using KafkaPartitionList = std::unique_ptr<rd_kafka_topic_partition_list_t,
                                           DeleteBy<rd_kafka_topic_partition_list_destroy>>;

// The newest reason why brokers are unreachable or refuse us. librdkafka's threads write it, the
// publish thread reads it for its messages. Thread-safe.
class KafkaTrouble {
 public:
  // `refuses`: a broker answered, and refused us.
  void Note(std::string reason, bool refuses = false);
  // OpenSSL's reason for refusing a broker's certificate; librdkafka only says that it was refused.
  void NoteCertificate(std::string reason);
  // "" when there was none.
  std::string Newest() const;
  // The same, but "" when it was noted before `since`.
  std::string NewestSince(TimePoint since) const;
  bool newest_refuses() const;

 private:
  mutable std::mutex mutex_;
  std::string newest_;
  TimePoint noted_at_;
  bool newest_refuses_ = false;
  std::string certificate_;
};

// --broker and --kafka-config, checked.
struct KafkaSettings {
  std::string brokers;
  std::map<std::string, std::string> properties;
};

// librdkafka's log callback. It repeats itself at every reconnect, and AwayLog reports an
// unreachable broker once a minute, so its own log is for --log-level=debug only.
void LogForKafka(const rd_kafka_t* handle, int level, const char* facility, const char* text);

// A configuration with the user's properties, our log and our error callback; the caller adds what
// its kind of handle needs with SetProperty. `trouble` must outlive the handle made from it. Throws
// a usage Error that names the property.
KafkaConf NewKafkaConf(const KafkaSettings& settings, KafkaTrouble* trouble);
void SetProperty(rd_kafka_conf_t* conf, const char* property, const std::string& value);
// What the property is set to.
std::string PropertyOf(const rd_kafka_conf_t* conf, const char* property);

// Throws a usage Error when librdkafka refuses the combination of properties.
KafkaHandle NewKafkaHandle(rd_kafka_type_t type, KafkaConf conf);

// A consumer that is assigned its partitions explicitly and belongs to no group.
KafkaHandle NewKafkaConsumer(const KafkaSettings& settings, bool read_committed,
                             KafkaTrouble* trouble);

// For an admin request, such as to create a topic.
KafkaAdminOptions NewAdminOptions(rd_kafka_t* client, rd_kafka_admin_op_t operation);
// The answer to the one on this queue. Throws as KafkaFailure, also on a stop.
KafkaEvent WaitForAdminResult(rd_kafka_queue_t* queue, const std::string& operation,
                              const KafkaTrouble& trouble, const Stop& stop);

// The settings in an answer to DescribeConfigs, by name; "" for a value that is not told.
std::map<std::string, std::string> SettingsIn(const rd_kafka_ConfigResource_t* answer);

// Of our producers, unless --kafka-config has another transaction.timeout.ms.
inline constexpr int kTransactionTimeoutMs = 60'000;

// Each call into librdkafka waits at most this long, so that a stop is noticed between calls.
inline constexpr int kKafkaSliceMs = 1'000;
inline constexpr int kKafkaSliceMsMax = 4'000;
inline constexpr int kKafkaAnswerTimeoutMs = 10'000;

// Repeats a question that waits at most the given time until there is an answer other than that it
// took too long. Each attempt is a separate request, so slow brokers get a longer slice with each.
template <class Ask>
rd_kafka_resp_err_t AskInSlices(const Stop& stop, const Ask& ask) {
  rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR__TIMED_OUT;
  int slice_ms = kKafkaSliceMs;
  for (int waited_ms = 0; waited_ms < kKafkaAnswerTimeoutMs && !stop.requested();
       waited_ms += slice_ms, slice_ms = std::min(2 * slice_ms, kKafkaSliceMsMax)) {
    error = ask(slice_ms);
    if (error != RD_KAFKA_RESP_ERR__TIMED_OUT) break;
  }
  return error;
}

// Whether the broker's ACLs do not allow it.
bool IsMissingRight(rd_kafka_resp_err_t code);

// The transient Error for a failed operation, with the newest connection failure when the code
// itself says little (timed out, transport). Where the brokers have answered, it is a refusal, with
// its remedy.
Error KafkaFailure(const std::string& operation, rd_kafka_resp_err_t code, const std::string& text,
                   const KafkaTrouble& trouble);
Error KafkaFailure(const std::string& operation, rd_kafka_resp_err_t code,
                   const KafkaTrouble& trouble);

}  // namespace bw
