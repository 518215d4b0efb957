#include "publish/destinations.h"

#include <algorithm>
#include <map>
#include <vector>

#include "base/error.h"
#include "publish/topic_name.h"
#include "publish/transaction_metadata.h"

namespace bw {
namespace {

// When the registry did not answer a comparison, it is asked again after this time.
constexpr Duration kCompareAgain{10'000};

// An upper estimate for the larger of a change's messages, so that a topic's limit is asked for
// again before a message is refused. JSON is about as large as Avro, except for control characters
// and names.
size_t BytesAtMost(const Change& change, const PublishOptions& options) {
  constexpr size_t kHeadersBytes = 256;
  // JSON with an envelope has its schema in each message.
  constexpr size_t kSchemaBytes = 64 * kKiB;
  const OutputFormat format = options.output_format;
  const bool has_schema = options.envelope == Envelope::kDebezium && format == OutputFormat::kJson;
  const size_t body = (change.key ? change.key->size() : 0) +
                      (change.old_key ? change.old_key->size() : 0) +
                      (change.value ? change.value->size() : 0);
  return kHeadersBytes + (format == OutputFormat::kAvro ? body : 8 * body) +
         (has_schema ? kSchemaBytes : 0);
}

// What the spool knew, updated with what was committed since.
std::map<std::string, TableName> AllClaims(std::map<std::string, TableName> known,
                                           const NewestCheckpoint& newest) {
  for (const auto& [topic, table] : newest.claims) known.insert_or_assign(topic, table);
  return known;
}

}  // namespace

Destinations::Destinations(const PublishOptions& options, const PublishServers& servers,
                           PublishMemory* memory, TransactionalProducer* producer,
                           CheckpointOffsets* offsets, const std::string& checkpoint_topic,
                           const NewestCheckpoint& newest)
    : options_(options),
      servers_(servers),
      memory_(memory),
      offsets_(offsets),
      unnoted_claims_(servers.spool->ledger().topic_claims(checkpoint_topic)),
      claims_(options.topic_prefix, checkpoint_topic, AllClaims(unnoted_claims_.tables, newest),
              options.envelope),
      routes_(options, servers.cluster, producer, &claims_, memory, servers.clock),
      registry_away_("Schema registry", servers.troubles) {
  const bool is_new_topic =
      !newest.topic_exists || unnoted_claims_.read_through > newest.next_offset;
  unnoted_claims_.tables = newest.claims;
  NoteReadBack(newest.next_offset);
  // A recreated checkpoint topic has lost the claims that the spool still knows.
  if (is_new_topic) claims_.ClaimAgain();
  if (!std::exchange(memory_->has_said_collisions, true)) SayCollisionsOfSnapshots();
  ReleaseHeldTables();
}

// Also warns about tables that have no rows yet.
void Destinations::SayCollisionsOfSnapshots() const {
  std::map<std::string, TableName> first;  // By KafkaFormOfTopic.
  for (const SnapshotMark& snapshot : servers_.spool->ledger().snapshots()) {
    for (const TableName& table : snapshot.tables) {
      const std::string topic =
          TopicOfTable(options_.topic_prefix, table.schema, table.table, options_.envelope);
      const auto [other, is_first] = first.try_emplace(KafkaFormOfTopic(topic), table);
      if (is_first || other->second == table) continue;
      spdlog::warn(
          "Tables {}.{} and {}.{} cannot both have topic {}: {}", other->second.schema,
          other->second.table, table.schema, table.table, topic,
          options_.on_collision == OnCollision::kSuffix
              ? "whichever comes second gets one with a suffix (--on-collision=suffix)"
              : "the changes of whichever comes second are left out (--on-collision=hold)");
    }
  }
}

// The changes that were left out during the collision are in the table, which is read again.
void Destinations::ReleaseHeldTables() {
  Ledger& ledger = servers_.spool->ledger();
  for (const TableName& table : ledger.held_tables()) held_.insert(table);
  for (auto held = held_.begin(); held != held_.end();) {
    if (!routes_.TopicFor(*held)) {
      spdlog::error(
          "The changes of table {}.{} are left out (--on-collision=hold): its topic belongs to "
          "another table",
          held->schema, held->table);
      ++held;
      continue;
    }
    ledger.NoteReread(*held, "its changes were left out while it could not have its topic");
    ledger.ForgetHeld(*held);
    held = held_.erase(held);
  }
}

void Destinations::NoteIfHeld(SchemaId id) {
  const TableSchema& schema = servers_.spool->log().Schema(id);
  const TableName table{schema.schema, schema.table};
  const TableRoute& route = routes_.Get(id);
  if (route.held) {
    servers_.spool->ledger().NoteHeld(table);
    held_.insert(table);
  } else if (!route.refusal && held_.contains(table)) {
    ReleaseHeldTables();
  }
}

// An outage of the registry does not block publishing: its ids are assumed to be unchanged.
void Destinations::CompareSchemaIds() {
  if (options_.output_format != OutputFormat::kAvro) return;
  const TimePoint now = servers_.clock->Now();
  if (next_comparison_ && now < *next_comparison_) return;
  bool changed = false;
  const bool answered = memory_->schema_ids.Compare(&changed);
  const Duration until_next = answered ? options_.schema_check_interval
                                       : std::min(options_.schema_check_interval, kCompareAgain);
  next_comparison_ = servers_.clock->Now() + until_next;
  if (!changed) return;
  NoteSchemaIds();
  throw TransientError("The schema registry has other ids: starting a new session with them");
}

// Call before rows are published under new ids.
void Destinations::NoteSchemaIds() {
  if (const std::string remedy = memory_->schema_ids.TakeRemedy(); !remedy.empty()) {
    servers_.spool->ledger().NoteRemedy(remedy);
  }
  if (const auto ids = memory_->schema_ids.TakeChanges()) {
    servers_.spool->ledger().NoteRegistryIds(*ids);
  }
}

// Whether a row is refused may show only within a transaction, where no topic can be made.
std::optional<Error> Destinations::PrepareOwnTopics() {
  if (options_.on_error == OnError::kDeadLetter && !dead_letters_) {
    dead_letters_ = PrepareOwn(DeadLetterTopic(options_.topic_prefix), -1);
  }
  if (!options_.transaction_metadata || transaction_metadata_) return std::nullopt;
  if (auto obstacle = AskForMetadataIds()) return obstacle;
  // In one partition, so that they have an order.
  transaction_metadata_ = PrepareOwn(TransactionMetadataTopic(options_.topic_prefix), 1);
  return std::nullopt;
}

OwnTopic Destinations::PrepareOwn(const std::string& name, int32_t partitions) {
  OwnTopic topic = routes_.PrepareOwn(name, partitions);
  const std::pair<std::string, int32_t> noted[] = {{name, topic.opened.partitions}};
  NotePartitions(noted);
  return topic;
}

std::optional<Error> Destinations::AskForMetadataIds() {
  if (options_.output_format != OutputFormat::kAvro) return std::nullopt;
  const SchemaIdCache::Table asked[] = {
      {TransactionMetadataTopic(options_.topic_prefix), &TransactionMetadataSchema()}};
  const auto answers = memory_->schema_ids.GetAll(asked);
  if (const auto* failure = std::get_if<Error>(&answers.front())) {
    if (failure->kind() == ErrorKind::kTransient) return *failure;
    throw *failure;
  }
  transaction_metadata_ids_ = std::get<RegistryIds>(answers.front());
  NoteSchemaIds();
  return std::nullopt;
}

bool Destinations::IsRegistryThere(const std::optional<Error>& obstacle) {
  if (!obstacle) return true;
  if (obstacle->is_refusal()) {
    registry_away_.Refuses(obstacle->what(), obstacle->remedy());
  } else {
    registry_away_.Away(obstacle->what());
  }
  return false;
}

bool Destinations::Prepare(const SpoolBatch& batch,
                           const std::function<bool(const Change&)>& is_wanted) {
  CompareSchemaIds();
  bool has_asked = options_.transaction_metadata && !transaction_metadata_;
  if (!IsRegistryThere(PrepareOwnTopics())) return false;
  std::vector<TableToRoute> tables;
  std::set<uint32_t> listed;
  const auto list = [&](const Change& change, SchemaId id) {
    if (routes_.IsPrepared(id, BytesAtMost(change, options_))) return;
    if (listed.insert(id.value).second) tables.push_back({id, &servers_.spool->log().Schema(id)});
  };
  for (const Change& change : batch.changes()) {
    if (change.operation == Operation::kRefused) continue;
    if (change.operation == Operation::kTruncate) continue;  // TruncatePurge.
    if (is_wanted && !is_wanted(change)) continue;
    list(change, change.schema_id);
    if (change.old_key_schema_id) list(change, *change.old_key_schema_id);
  }
  if (!tables.empty()) {
    if (!IsRegistryThere(routes_.Prepare(tables))) return false;
    std::vector<std::pair<std::string, int32_t>> topics;
    for (const auto& [id, schema] : tables) {
      NoteIfHeld(id);
      const TableRoute& route = routes_.Get(id);
      if (!route.refusal) topics.emplace_back(route.topic, route.opened.partitions);
    }
    NoteSchemaIds();
    NotePartitions(topics);
    has_asked = true;
  }
  if (has_asked) {
    registry_away_.Back();
    registry_backoff_.Reset();
  }
  return true;
}

void Destinations::NotePartitions(std::span<const std::pair<std::string, int32_t>> topics) {
  std::vector<TopicPartition> unknown;
  std::set<std::string> listed;  // Schemas of one table share its topic.
  for (const auto& [topic, partitions] : topics) {
    if (!listed.insert(topic).second) continue;
    for (int32_t partition = 0; partition < partitions; ++partition) {
      TopicPartition candidate{topic, partition};
      if (!offsets_->Knows(candidate)) unknown.push_back(std::move(candidate));
    }
  }
  if (unknown.empty()) return;
  const auto stored = servers_.cluster->Offsets(unknown);
  for (size_t i = 0; i < unknown.size(); ++i) {
    if (!stored[i]) throw TransientError("Topic " + unknown[i].topic + " has just been deleted");
    offsets_->Set(unknown[i], stored[i]->high);
  }
  needs_announcement_ = true;
}

void Destinations::NoteCommit() {
  for (const auto& [topic, table] : claims_.pending()) {
    unnoted_claims_.tables.insert_or_assign(topic, table);
  }
  claims_.ForgetPending();
  needs_announcement_ = false;
}

void Destinations::NoteReadBack(int64_t through) {
  unnoted_claims_.read_through = through;
  if (servers_.spool->ledger().NoteTopicClaims(unnoted_claims_)) unnoted_claims_.tables.clear();
}

}  // namespace bw
