#pragma once

#include <librdkafka/rdkafka.h>

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "publish/kafka_handle.h"

// What every connection to Kafka has in common: its settings, its log, and what is known about its
// troubles. Only included by the kafka_*.cc files.

namespace bw {

// The newest reason why brokers cannot be reached or do not let us in. librdkafka's threads write
// it, the publish thread reads it for its messages.
class KafkaTrouble {
 public:
  void Note(std::string reason);
  // What OpenSSL has against a broker's certificate: librdkafka's own reason says only that there
  // is something.
  void NoteCertificate(std::string reason);
  // "" when there was none.
  std::string Newest() const;

 private:
  mutable std::mutex mutex_;
  std::string newest_;
  std::string certificate_;
};

// --broker and --kafka-config, checked.
struct KafkaSettings {
  std::string brokers;
  std::map<std::string, std::string> properties;
};

// A configuration with the user's properties, our log and our error callback; the caller adds what
// its kind needs with SetProperty, and `trouble` must outlive the handle made of it. Throws a usage Error
// that names the property.
KafkaConf NewKafkaConf(const KafkaSettings& settings, KafkaTrouble* trouble);
void SetProperty(rd_kafka_conf_t* conf, const char* property, const std::string& value);
// Leaves out what this librdkafka does not know.
void SetPropertyIfKnown(rd_kafka_conf_t* conf, const char* property, const std::string& value);
// What the property is set to.
std::string PropertyOf(const rd_kafka_conf_t* conf, const char* property);

// Throws a usage Error when librdkafka refuses the combination of properties.
KafkaHandle NewKafkaHandle(rd_kafka_type_t type, KafkaConf conf);

// A consumer that is given its partitions by hand and belongs to no group.
KafkaHandle NewKafkaConsumer(const KafkaSettings& settings, bool read_committed,
                             KafkaTrouble* trouble);

// The transient Error for a failed operation, with the newest trouble when the code itself says
// little (timed out, transport), and with what to change when we lack a right.
Error KafkaFailure(const std::string& operation, rd_kafka_resp_err_t code, const std::string& text,
                   const KafkaTrouble& trouble);
Error KafkaFailure(const std::string& operation, rd_kafka_resp_err_t code,
                   const KafkaTrouble& trouble);

}  // namespace bw
