#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "base/byte_size.h"
#include "base/clock.h"
#include "base/envelope.h"
#include "base/error.h"
#include "publish/schema_subject.h"

namespace bw {

enum class OutputFormat {
  kAvro,       // Confluent wire format; needs a schema registry.
  kJson,       // Avro's JSON encoding, as the original wrote it.
  kPlainJson,  // {"id":1,"value":"hello"}.
};

// What to do with a table whose topic belongs to another table or is not allowed by Kafka
// (--on-collision).
enum class OnCollision {
  kSuffix,  // It gets its own topic: the same name with a suffix computed from the table's name.
  kHold,    // Its changes are left out, and it is read again once it can have its topic.
};

enum class PartitionBy {
  kKey,      // The whole key, as Java's producers do; in Avro that includes the registry id.
  kKeyBody,  // In Avro without the id: a key keeps its partition when its id changes.
};

// Of --topic-prefix: leaves room for "[schema.]table" within the 249 bytes that Kafka allows.
inline constexpr size_t kTopicPrefixBytesMax = 120;

// Validate once, at start, with CheckPublishOptions.
struct PublishOptions {
  // --broker: "host:port,host:port"; list several, so that one of them is up.
  std::string brokers = "localhost:9092";
  // --kafka-config: librdkafka's properties, for every connection to Kafka. Those that exactly-once
  // depends on are refused: see kafka_config.h.
  std::map<std::string, std::string> kafka_config;
  // --topic-config: for topics that we create. "partitions" and "replication" are counts (default:
  // the brokers'), everything else is a topic setting of Kafka's.
  std::map<std::string, std::string> topic_config;
  // --topic-prefix: "prefix." is put before every topic name. Relays of different databases need
  // different prefixes if they have tables of the same name.
  std::string topic_prefix;
  OutputFormat output_format = OutputFormat::kAvro;
  // --envelope: how topics are named; what a value is, its schema says.
  Envelope envelope = Envelope::kNone;
  // --on-error: for a row that is too large, whose schema the registry refuses, or whose table has
  // no topic of its own.
  OnError on_error = OnError::kExit;
  // --transaction-metadata: BEGIN and END of each transaction, in a topic of their own.
  bool transaction_metadata = false;
  // --on-collision
  OnCollision on_collision = OnCollision::kSuffix;

  // --schema-check-interval: how often the ids of published rows are compared with the registry.
  Duration schema_check_interval{60'000};
  // --accept-new-schema-ids: where the registry has lost ids, go on with new ones.
  bool accept_new_schema_ids = false;
  // --subject-naming
  SubjectNaming subject_naming = SubjectNaming::kTopic;
  // --partition-by: which part of a message's key chooses its partition.
  PartitionBy partition_by = PartitionBy::kKey;
  // --max-message-bytes: of one message with its batch. Topics that we create allow it, unless
  // --topic-config has another max.message.bytes; existing topics keep their own limit.
  size_t message_bytes_max = 16 * kMiB;

  // --transaction-max-messages, -bytes: of one Kafka transaction, counted in changes and in spooled
  // bytes. A larger PostgreSQL transaction is split.
  size_t transaction_max_messages = 10'000;
  size_t transaction_max_bytes = 16 * kMiB;
  // --replay-window: published changes stay in the spool for this many bytes of WAL.
  uint64_t replay_window_bytes = 0;

  // While the WAL advances without changes for us, a checkpoint alone is written at most this
  // often, ...
  Duration idle_checkpoint_interval{5'000};
  // ... and in any case when the last one is this old: Kafka must not expire the transactional.id.
  Duration heartbeat_interval{600'000};
  // How often the checkpoint is read back and the spool trimmed, ...
  Duration read_back_interval{1'000};
  // ... and how long a committed one may stay invisible before the session fails.
  Duration read_back_overdue{60'000};
  // Between a commit and the next transaction. A transaction that begins while the coordinator is
  // writing the last one's markers gets CONCURRENT_TRANSACTIONS, and librdkafka then waits 20 ms; a
  // pause of 2 ms avoids it (Kafka 4.2.0, librdkafka 2.0.2: 28 ms -> 3 ms per commit).
  Duration commit_pause{2};
  // Of one checkpoint record; larger checkpoints are split (checkpoint_writer.h).
  size_t checkpoint_record_bytes_max = 256 * kKiB;
  // After publishing nothing for this long, the brokers are probed before a transaction begins.
  Duration probe_after_idle{5'000};
};

// --topic-config, parsed.
struct TopicSettings {
  int32_t partitions = -1;   // -1: the brokers' default.
  int32_t replication = -1;  // -1: the brokers' default.
  std::map<std::string, std::string> config;
};

// Throws a usage Error naming --topic-config.
TopicSettings ParseTopicConfig(const std::map<std::string, std::string>& config);

// Throws a usage Error that begins with the name of the first bad option.
void CheckPublishOptions(const PublishOptions& options);

}  // namespace bw
