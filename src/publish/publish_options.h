#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "base/byte_size.h"
#include "base/clock.h"
#include "base/on_error.h"

namespace bw {

enum class OutputFormat {
  kAvro,       // Confluent wire format; needs a schema registry.
  kJson,       // Avro's JSON encoding, as the original wrote it.
  kPlainJson,  // {"id":1,"value":"hello"}.
};

// What becomes of a table whose topic another table has, or Kafka does not allow (--on-collision).
enum class OnCollision {
  kSuffix,  // It gets a topic of its own: the same name with a suffix made of the table's name.
  kHold,    // Its changes are left out, and it is read again once it can have its topic.
};

enum class PartitionBy {
  kKey,      // The whole key, as Java's producers do: in Avro with the registry's id before it.
  kKeyBody,  // In Avro without the id: a key stays where it is when its id changes.
};

// Of --topic-prefix: room for "[schema.]table" after it, out of the 249 that Kafka allows.
inline constexpr size_t kTopicPrefixBytesMax = 120;

// Everything about publishing that can be set. Validate once, at start, with CheckPublishOptions.
struct PublishOptions {
  // --broker: "host:port,host:port"; enough of them that one is up.
  std::string brokers = "localhost:9092";
  // --kafka-config: librdkafka's properties, for every connection to Kafka. Those
  // that exactly-once rests on are ours and refused: see kafka_config.h.
  std::map<std::string, std::string> kafka_config;
  // --topic-config: of topics that we create. "partitions" and "replication" are
  // their numbers (default: the brokers'), everything else is a topic setting of Kafka's.
  std::map<std::string, std::string> topic_config;
  // --topic-prefix: "prefix." is put before every topic name. Two relays of different databases
  // need different ones when their tables' names meet.
  std::string topic_prefix;
  OutputFormat output_format = OutputFormat::kAvro;
  // --on-error: for a row that is too large, whose schema the registry refuses, or whose table has
  // no topic of its own.
  OnError on_error = OnError::kExit;
  // --on-collision
  OnCollision on_collision = OnCollision::kSuffix;

  // --schema-check-interval: how often, while rows are published, the ids that they carry are
  // compared with the registry.
  Duration schema_check_interval{60'000};
  // --accept-new-schema-ids: where the registry has lost ids, go on under new ones.
  bool accept_new_schema_ids = false;
  // --partition-by: what of a message's key chooses its partition.
  PartitionBy partition_by = PartitionBy::kKey;
  // --max-message-bytes: of one message with its batch. Topics that we create allow it, unless
  // --topic-config has another max.message.bytes; topics of others keep their own limit.
  size_t message_bytes_max = 16 * kMiB;

  // --transaction-max-messages, -bytes: of one Kafka transaction, counted in changes and in spooled
  // bytes. A PostgreSQL transaction beyond it is split.
  size_t transaction_max_messages = 10'000;
  size_t transaction_max_bytes = 16 * kMiB;
  // --replay-window: bytes of WAL up to the published position whose changes stay in the spool.
  uint64_t replay_window_bytes = 0;

  // A checkpoint without changes is written when the WAL went on but nothing in it was ours, at
  // most this often, ...
  Duration idle_checkpoint_interval{5'000};
  // ... and at this age of the last one anyway: it keeps the transactional.id known to Kafka.
  Duration heartbeat_interval{600'000};
  // How often the checkpoint is read back and the spool trimmed, ...
  Duration read_back_interval{1'000};
  // ... and how long a committed one may stay invisible before we stop believing in it.
  Duration read_back_overdue{60'000};
  // Between a commit and the next transaction. The coordinator answers a transaction that begins
  // while the last one's markers are being written with CONCURRENT_TRANSACTIONS, and librdkafka
  // then waits 20 ms; a pause of 2 ms avoids it (Kafka 4.2.0, librdkafka 2.0.2: 28 ms -> 3 ms a
  // commit).
  Duration commit_pause{2};
  // Of one record of the checkpoint; more offsets than fit are spread over several
  // (checkpoint_writer.h).
  size_t checkpoint_record_bytes_max = 256 * kKiB;
  // After a pause in publishing this long, the brokers are probed before a transaction begins.
  Duration probe_after_idle{5'000};
};

// What --topic-config says, taken apart.
struct TopicSettings {
  int32_t partitions = -1;   // -1: the brokers' default.
  int32_t replication = -1;  // -1: the brokers' default.
  std::map<std::string, std::string> config;
};

// Throws a usage Error naming --topic-config.
TopicSettings ParseTopicConfig(const std::map<std::string, std::string>& config);

// Throws a usage Error that begins with the option of the first bad field.
void CheckPublishOptions(const PublishOptions& options);

}  // namespace bw
