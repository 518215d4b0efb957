#pragma once

#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "publish/kafka.h"
#include "publish/message_encoder.h"
#include "publish/publish_memory.h"
#include "publish/publish_options.h"
#include "publish/topic_claims.h"
#include "spool/change.h"

namespace bw {

// Where the rows of one table schema go, and how they are written.
struct TableRoute {
  std::string table;  // "public.test", for messages.
  std::string topic;
  OpenedTopic opened;
  TableEncoding encoding;
  size_t message_bytes_max = 0;  // Of key, value and headers.
  // Why no row of this table can be published; then nothing above is valid but `table`, and `topic`
  // where it has one.
  std::optional<std::string> refusal;
  bool held = false;  // Refused by --on-collision=hold: does not end the relay.
  TimePoint refused_at;
  bool lacks_key = false;  // It is refused because its topic needs a key.
};

struct TableToRoute {
  SchemaId id;
  const TableSchema* schema = nullptr;
};

// The routes of one publish session. Everything that needs the registry or the admin API happens in
// Prepare, which is called before a transaction begins. What a topic allows is asked again in each
// session, and before a row is refused for its size: people change it while we run.
class TableRoutes {
 public:
  TableRoutes(const PublishOptions& options, KafkaCluster* cluster, TransactionalProducer* producer,
              TopicClaims* claims, PublishMemory* memory, Clock* clock);

  // Makes the routes of these schemas: the topics' names, their creation on the first row, the
  // registry's ids; a few requests for all of them, and the brokers make the topics of some while
  // the registry is asked about the next. Returns why the registry cannot be asked now,
  // or nothing when the routes are ready. What concerns a table alone (refused schema, no topic
  // that it could have) becomes its refusal, which is tried again after a minute. Throws as
  // KafkaCluster does.
  //
  // The topic is then claimed for the table: no row may go there before a committed record says so.
  std::optional<std::string> Prepare(std::span<const TableToRoute> tables);
  // Whether a message of about this size can be produced, or refused, with what is known.
  bool IsPrepared(SchemaId id, size_t message_bytes) const;
  const TableRoute& Get(SchemaId id) const { return routes_.at(id.value); }
  // The topic that this table has or would get now; nothing when it has none, or is held. Asks
  // whether the topics that are in its way still exist.
  std::optional<std::string> TopicFor(const TableName& table);
  // A topic that exists.
  const OpenedTopic& Open(const std::string& topic);
  // The brokers have refused this: a later session must not try it in the same way.
  void NoteTooLarge(const TooLargeError& error);

 private:
  // What was asked about a topic in this session.
  struct TopicSettingsNow {
    std::optional<size_t> batch_bytes_max;  // Nothing when we may not read it.
    bool compacted = false;                 // Refuses messages without a key.
    TimePoint asked_at;
  };

  // Why topics are refused by their names: then there is another choice.
  using NameRefusals = std::map<std::string, std::string>;

  std::optional<std::string> AskRegistry(std::span<const TableToRoute> tables,
                                         std::span<TableRoute> routes);
  TopicClaims::Choice Choose(const TableName& table);
  // Throws row errors, which become the refusal.
  void ChooseTopic(const TableSchema& schema, TableRoute* route);
  // A claim for a topic that was not made, because its rows cannot be published, is given up.
  void GiveUpClaims(std::span<const TableRoute> routes);
  std::set<std::string> MissingTopics(std::span<const TableRoute> routes);
  // Takes out of `missing` what it has asked for.
  NameRefusals RequestMissing(std::span<const TableToRoute> tables,
                              std::span<const TableRoute> routes, std::set<std::string>* missing);
  TopicSpec SpecFor(const TableSchema& schema, const std::string& topic) const;
  // Throws a usage error for what the topics are to be like.
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
