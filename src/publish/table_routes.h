#pragma once

#include <optional>
#include <string>
#include <unordered_map>

#include "base/clock.h"
#include "publish/kafka.h"
#include "publish/message_encoder.h"
#include "publish/publish_memory.h"
#include "publish/publish_options.h"
#include "spool/change.h"

namespace bw {

// Where the rows of one table schema go, and how they are written.
struct TableRoute {
  std::string table;  // "public.test", for messages.
  std::string topic;
  OpenedTopic opened;
  TableEncoding encoding;
  size_t message_bytes_max = 0;  // Of key, value and headers.
  // Why no row of this table can be published; then nothing above is valid but `table`.
  std::optional<std::string> refusal;
  TimePoint refused_at;
};

// The routes of one publish session. Everything that needs the registry or the admin API happens in
// Prepare, which is called before a transaction begins.
class TableRoutes {
 public:
  TableRoutes(const PublishOptions& options, const std::string& checkpoint_topic,
              KafkaCluster* cluster, TransactionalProducer* producer, PublishMemory* memory,
              Clock* clock);

  // Makes the route of this schema: the topic's name, its creation on the first row, the registry's
  // ids. Returns why the registry cannot be asked now, or nothing when the route is ready. What
  // concerns the table alone (refused schema, two tables with one topic) becomes its refusal, which
  // is tried again after a minute. Throws as KafkaCluster does.
  std::optional<std::string> Prepare(SchemaId id, const TableSchema& schema);
  bool IsPrepared(SchemaId id) const;
  const TableRoute& Get(SchemaId id) const { return routes_.at(id.value); }
  // A topic that exists.
  const OpenedTopic& Open(const std::string& topic);

 private:
  // Throws row errors, which become the refusal.
  std::optional<std::string> Fill(const TableSchema& schema, TableRoute* route);
  PublishMemory::KnownTopic& Claim(const TableSchema& schema, const std::string& topic);
  void CreateIfMissing(const TableSchema& schema, const std::string& topic);
  void LearnSettings(const std::string& topic, PublishMemory::KnownTopic* known);
  size_t MessageBytesMax(const std::string& topic, const PublishMemory::KnownTopic& known);

  const PublishOptions& options_;
  const TopicSettings topic_settings_;
  const std::string checkpoint_topic_;
  KafkaCluster* cluster_;
  TransactionalProducer* producer_;
  PublishMemory* memory_;
  Clock* clock_;
  std::unordered_map<uint32_t, TableRoute> routes_;      // By schema id.
  std::unordered_map<std::string, OpenedTopic> opened_;  // Schemas of one table share its topic.
};

}  // namespace bw
