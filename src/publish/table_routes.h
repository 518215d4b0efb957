#pragma once

#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "publish/kafka.h"
#include "publish/message_encoder.h"
#include "publish/publish_memory.h"
#include "publish/publish_options.h"
#include "publish/topic_claims.h"
#include "spool/change.h"

namespace bw {

// Where the rows of one table schema go, and how they are encoded.
struct TableRoute {
  std::string table;  // "public.test", for messages.
  TableFigures::Counter* counter = nullptr;
  std::string topic;
  OpenedTopic opened;
  TableEncoding encoding;
  size_t message_bytes_max = 0;  // Of key, value and headers.
  // Why no row of this table can be published. If set, only `table` above is valid, and `topic` if
  // the table has one.
  std::optional<std::string> refusal;
  bool held = false;  // Refused by --on-collision=hold, which does not end the relay.
  TimePoint refused_at;
  bool lacks_key = false;  // Refused because the table lacks the key that its topic needs.
};

// A topic of the relay's own, that no table can have.
struct OwnTopic {
  std::string name;
  OpenedTopic opened;
  size_t message_bytes_max = 0;  // As in TableRoute.
};

struct TableToRoute {
  SchemaId id;
  const TableSchema* schema = nullptr;
};

// The routes of one publish session. All requests to the registry and the admin API are made by
// Prepare, which is called before a transaction begins. A topic's limits are asked for again in
// each session, and before a row is refused for its size: people change them while we run.
class TableRoutes {
 public:
  TableRoutes(const PublishOptions& options, KafkaCluster* cluster, TransactionalProducer* producer,
              TopicClaims* claims, PublishMemory* memory, Clock* clock);

  // Prepares the routes of these schemas: chooses topic names, creates topics, gets ids from the
  // registry. It takes few requests for all of them, and the brokers create the topics of one group
  // of tables while the registry is asked about the next. Returns why the registry is waited for,
  // or nothing when the routes are ready. What concerns a single table (its schema is refused, it
  // can have no topic) becomes that table's refusal and is tried again after a minute. Throws as
  // KafkaCluster does.
  //
  // The topic is then claimed for the table: no row may go there before a committed record says so.
  std::optional<Error> Prepare(std::span<const TableToRoute> tables);
  // Whether a message of at most this size can be produced, or refused, without Prepare.
  bool IsPrepared(SchemaId id, size_t message_bytes) const;
  const TableRoute& Get(SchemaId id) const { return routes_.at(id.value); }
  // The topic that this table has, or would get now; nothing when it cannot have one, or is held.
  // Asks Kafka whether topics that are in its way still exist.
  std::optional<std::string> TopicFor(const TableName& table);
  // Makes the topic if it is missing (with `partitions`, or -1 as any topic), opens it, and asks
  // for its limit. Not within a transaction. Throws as Prepare does, and a usage Error when the
  // brokers refuse to make it.
  OwnTopic PrepareOwn(const std::string& topic, int32_t partitions);
  // The topic must exist.
  const OpenedTopic& Open(const std::string& topic);
  // Remembers that the brokers refused this, so that a later session does not try the same again.
  void NoteTooLarge(const TooLargeError& error);

 private:
  // A topic's settings as read in this session.
  struct TopicSettingsNow {
    std::optional<size_t> batch_bytes_max;  // Nothing when we have no right to read it.
    bool compacted = false;                 // Refuses messages without a key.
    TimePoint asked_at;
  };

  // Topics that the brokers refuse because of their names, with reasons; their tables choose again.
  using NameRefusals = std::map<std::string, std::string>;

  std::optional<Error> AskRegistry(std::span<const TableToRoute> tables,
                                   std::span<TableRoute> routes);
  TopicClaims::Choice Choose(const TableName& table);
  // Throws row errors, which become the refusal.
  void ChooseTopic(const TableSchema& schema, TableRoute* route);
  // Releases claims for topics that will not be created, because their rows cannot be published.
  void GiveUpClaims(std::span<const TableRoute> routes);
  std::vector<std::string> UnopenedTopics(std::span<const TableRoute> routes) const;
  std::set<std::string> MissingTopics(std::span<const TableRoute> routes);
  // Removes from `missing` the topics that it has requested.
  NameRefusals RequestMissing(std::span<const TableToRoute> tables,
                              std::span<const TableRoute> routes, std::set<std::string>* missing);
  TopicSpec SpecFor(const TableSchema& schema, const std::string& topic) const;
  // Throws a usage Error when the brokers refuse a topic's configuration.
  NameRefusals Request(std::span<const TopicSpec> specs);
  void OpenAll(std::span<const TableRoute> routes);
  void LearnSettings(std::span<const TableRoute> routes);
  TopicSettingsNow SettingsFrom(const std::string& topic,
                                const std::optional<TopicConfigMap>& config);
  void CheckKeyed(const TableSchema& schema, TableRoute* route) const;
  size_t MessageBytesMax(const std::string& topic);

  const PublishOptions& options_;
  const TopicSettings topic_settings_;
  KafkaCluster* cluster_;
  TransactionalProducer* producer_;
  TopicClaims* claims_;
  PublishMemory* memory_;
  Clock* clock_;
  std::unordered_map<uint32_t, TableRoute> routes_;      // By schema id.
  std::unordered_map<std::string, OpenedTopic> opened_;  // Schemas of one table share its topic.
  std::unordered_map<std::string, TopicSettingsNow> settings_;
};

}  // namespace bw
