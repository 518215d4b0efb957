#include "publish/publish_session.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <set>
#include <utility>
#include <variant>

#include "base/kill_point.h"
#include "publish/checkpoint_reader.h"
#include "publish/partitioner.h"
#include "publish/topic_name.h"

namespace bw {
namespace {

// How long an idle session sleeps at most, so that reading back and checkpoints go on.
constexpr Duration kIdleWait{500};
constexpr Duration kRefusalSayInterval{1'000};
// A registry that did not answer to a comparison is asked again after this.
constexpr Duration kCompareAgain{10'000};
// What a batch has around one record.
constexpr size_t kBatchOverheadBytes = 128;

[[noreturn]] void Halt(const std::string& text) { throw HaltError(ExitCode::kHaltKafka, text); }

int64_t ToMs(int64_t us) { return us / 1000; }

// Of the larger of a change's messages, so that a topic's limit is asked for again before it
// refuses one. JSON is about as large as Avro, but for control characters and names.
size_t BytesAtMost(const Change& change, OutputFormat format) {
  constexpr size_t kHeadersBytes = 256;
  const size_t body = (change.key ? change.key->size() : 0) +
                      (change.old_key ? change.old_key->size() : 0) +
                      (change.value ? change.value->size() : 0);
  return kHeadersBytes + (format == OutputFormat::kAvro ? body : 8 * body);
}

}  // namespace

PublishSession::PublishSession(const PublishOptions& options, const PublishParts& parts,
                               PublishMemory* memory, const Stop& stop)
    : options_(options),
      parts_(parts),
      memory_(memory),
      stop_(stop),
      source_(parts.spool->ledger().state().source),
      lineage_(parts.spool->ledger().state().lineage),
      checkpoint_topic_(CheckpointTopic(options.topic_prefix, source_)),
      encoder_(options.output_format) {
  BW_CHECK(parts.spool->ledger().state().phase == SpoolPhase::kStreaming);
}

PublishSession::~PublishSession() {
  const std::lock_guard lock(memory_->mutex);
  memory_->figures.in_session = false;
}

void PublishSession::Run() {
  while (!stop_.requested()) {
    switch (TakeStep()) {
      case Step::kPublished:
        break;
      case Step::kIdle:
        parts_.spool->ledger().WaitForCaptured(seen_, kIdleWait, stop_);
        break;
      case Step::kRegistryAway:
        stop_.WaitFor(registry_backoff_.Next());
        break;
    }
  }
}

// --- Start -------------------------------------------------------------------------------------

void PublishSession::Start() {
  cluster_id_ = parts_.cluster->ClusterId();
  memory_->schema_ids.Remember(parts_.spool->ledger().RegistryIds());
  memory_->schema_ids.set_accept_new_ids(options_.accept_new_schema_ids);
  producer_ = parts_.cluster->CreateProducer({.transactional_id = TransactionalId(source_),
                                              .batch_bytes_max = memory_->batch_bytes_max,
                                              .message_bytes_max = options_.message_bytes_max});
  BW_KILL_POINT("publish.before_init");
  producer_->InitTransactions();
  BW_KILL_POINT("publish.after_init");
  // From here on nothing of an older producer can change any more: what is read now is final.
  unnoted_claims_ = parts_.spool->ledger().topic_claims(checkpoint_topic_);
  const NewestCheckpoint newest =
      ReadNewestCheckpoint(parts_.cluster, checkpoint_topic_, unnoted_claims_.read_through);
  if (newest.state.checkpoint) CheckNoRival(*newest.state.checkpoint);
  FitBatchesInto(newest);
  Resume(parts_.reconcile(parts_.spool->ledger().state(), newest.state, cluster_id_));
  EnsureCheckpointTopic(newest.topic_exists);
  follower_ = parts_.cluster->Follow({checkpoint_topic_, 0}, newest.next_offset);
  LookBehindCheckpoint();
  BW_KILL_POINT("publish.after_tail_scan");
  MakeCheckpointWriter(newest);
  LoadClaims(newest);
  committed_at_ = contact_at_ = read_back_at_ = parts_.clock->Now();
  const std::lock_guard lock(memory_->mutex);
  ++memory_->figures.sessions;
  memory_->figures.in_session = true;
  memory_->figures.published = progress_;
}

// A checkpoint of another instance is normal when it is older than this process: our predecessor
// wrote it. Behind one of ours it proves that another relay publishes with our name.
void PublishSession::CheckNoRival(const Checkpoint& checkpoint) const {
  if (!memory_->has_committed || checkpoint.instance == memory_->instance) return;
  throw Error(ErrorKind::kFenced,
              fmt::format("Another relay publishes database \"{}\", slot \"{}\" to this Kafka: its "
                          "checkpoint at {} (instance {}) is newer than ours. Stop one of them.",
                          source_.database, source_.slot, checkpoint.progress.position.ToString(),
                          checkpoint.instance),
              ExitCode::kAnotherRelay);
}

void PublishSession::Resume(const ResumeFrom& resume) {
  progress_ = resume.progress;
  next_offsets_ = resume.next_offsets;
  if (!resume.remedy.empty()) {
    spdlog::warn("An operator has allowed: {}", resume.remedy);
    parts_.spool->ledger().NoteRemedy(resume.remedy);
  }
  if (resume.supersedes) parts_.spool->ledger().Supersede(*resume.supersedes);
  if (progress_.position < parts_.spool->ledger().published().position) {
    BW_CHECK(!resume.remedy.empty());
    parts_.spool->ledger().RewindPublished(progress_);
  } else {
    parts_.spool->ledger().SetPublished(progress_);
  }
  spdlog::info("Publishing to Kafka from {}", progress_.position.ToString());
}

void PublishSession::EnsureCheckpointTopic(bool exists) {
  if (!exists) {
    TopicSettings settings = ParseTopicConfig(options_.topic_config);
    TopicSpec spec{checkpoint_topic_, 1, settings.replication, {}};
    spec.config["cleanup.policy"] = "compact";
    // Small segments: only closed ones are compacted, and each transaction writes a record here.
    spec.config["segment.bytes"] = "16777216";
    spec.config["segment.ms"] = "3600000";
    if (const auto replicas = settings.config.find("min.insync.replicas");
        replicas != settings.config.end()) {
      spec.config.insert(*replicas);
    }
    parts_.cluster->CreateTopic(spec);
    spdlog::info("Created checkpoint topic {}", checkpoint_topic_);
    BW_KILL_POINT("publish.checkpoint_topic_created");
  }
  opened_checkpoint_ = producer_->OpenTopic(checkpoint_topic_);
}

void PublishSession::LoadClaims(const NewestCheckpoint& newest) {
  std::map<std::string, TableName> known = std::move(unnoted_claims_.tables);
  for (const auto& [topic, table] : newest.claims) known.insert_or_assign(topic, table);
  const bool is_new_topic =
      !newest.topic_exists || unnoted_claims_.read_through > newest.next_offset;
  unnoted_claims_.tables = newest.claims;
  unnoted_claims_.read_through = newest.next_offset;
  if (parts_.spool->ledger().NoteTopicClaims(unnoted_claims_)) unnoted_claims_.tables.clear();
  claims_ = std::make_unique<TopicClaims>(options_.topic_prefix, checkpoint_topic_, known);
  // One that was made again has to be told what only the spool knows.
  if (is_new_topic) claims_->ClaimAgain();
  routes_ = std::make_unique<TableRoutes>(options_, parts_.cluster, producer_.get(), claims_.get(),
                                          memory_, parts_.clock);
  if (!std::exchange(memory_->has_said_collisions, true)) SayCollisionsOfSnapshots();
  ReleaseHeldTables();
}

// Of tables that have no rows yet, too.
void PublishSession::SayCollisionsOfSnapshots() const {
  std::map<std::string, TableName> first;  // By the form that Kafka takes for one topic.
  for (const SnapshotMark& snapshot : parts_.spool->ledger().snapshots()) {
    for (const TableName& table : snapshot.tables) {
      const std::string topic = TopicOfTable(options_.topic_prefix, table.schema, table.table);
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

// What was left out while the collision lasted is in the table, which is read again.
void PublishSession::ReleaseHeldTables() {
  for (const TableName& table : parts_.spool->ledger().held_tables()) held_.insert(table);
  for (auto held = held_.begin(); held != held_.end();) {
    if (!routes_->TopicFor(*held)) {
      spdlog::error(
          "The changes of table {}.{} are left out (--on-collision=hold): its topic is another's",
          held->schema, held->table);
      ++held;
      continue;
    }
    parts_.spool->ledger().NoteReread(
        *held, "its changes were left out while it could not have its topic");
    parts_.spool->ledger().ForgetHeld(*held);
    held = held_.erase(held);
  }
}

void PublishSession::NoteHeldTables(SchemaId id) {
  const TableSchema& schema = parts_.spool->log().Schema(id);
  const TableName table{schema.schema, schema.table};
  const TableRoute& route = routes_->Get(id);
  if (route.held) {
    parts_.spool->ledger().NoteHeld(table);
    held_.insert(table);
  } else if (!route.refusal && held_.contains(table)) {
    ReleaseHeldTables();
  }
}

// The limit is one of whole batches: a checkpoint's records, batched, would pass it too.
void PublishSession::FitBatchesInto(const NewestCheckpoint& newest) {
  if (!newest.message_bytes_max || *newest.message_bytes_max >= memory_->batch_bytes_max) return;
  memory_->batch_bytes_max = *newest.message_bytes_max;
  throw TransientError(
      fmt::format("Topic {} takes batches of at most {} bytes: starting again with smaller ones",
                  checkpoint_topic_, *newest.message_bytes_max));
}

void PublishSession::MakeCheckpointWriter(const NewestCheckpoint& newest) {
  size_t record_bytes_max =
      std::min(options_.checkpoint_record_bytes_max, producer_->message_bytes_max());
  if (newest.message_bytes_max) {
    const size_t overhead = std::min(kBatchOverheadBytes, *newest.message_bytes_max / 2);
    record_bytes_max = std::min(record_bytes_max, *newest.message_bytes_max - overhead);
  }
  checkpoint_writer_ = std::make_unique<CheckpointWriter>(
      record_bytes_max,
      newest.state.checkpoint ? newest.state.checkpoint->parts : std::vector<CheckpointPart>());
  for (const auto& [partition, offset] : next_offsets_) checkpoint_writer_->Set(partition, offset);
}

void PublishSession::NoteNextOffset(const TopicPartition& partition, int64_t offset) {
  next_offsets_[partition] = offset;
  checkpoint_writer_->Set(partition, offset);
}

// A late EndTxn of an earlier producer may have committed a part of a transaction, without its
// checkpoint. Such records lie behind the offsets of the last checkpoint: they are in the topics
// already and must not be published again.
void PublishSession::LookBehindCheckpoint() {
  std::vector<TopicPartition> partitions;
  for (const auto& [partition, offset] : next_offsets_) partitions.push_back(partition);
  if (partitions.empty()) return;
  const auto stored = parts_.cluster->Offsets(partitions);

  std::vector<ReadRange> ranges;
  for (size_t i = 0; i < partitions.size(); ++i) {
    const TopicPartition& partition = partitions[i];
    int64_t& next = next_offsets_.at(partition);
    const std::string name =
        fmt::format("topic {} partition {}", partition.topic, partition.partition);
    if (!stored[i]) {
      spdlog::warn("{} was deleted; it is created again with its next row", name);
      next_offsets_.erase(partition);
      continue;
    }
    if (stored[i]->high < next) {
      const std::string finding = fmt::format(
          "Kafka has lost committed records: {} ends at offset {}, and {} were written. It was "
          "created again, restored, or an unclean leader was elected.",
          name, stored[i]->high, next);
      if (!options_.republish) {
        Halt("[records-lost] " + finding +
             " What you can do: (1) make the topics complete again from the database: start once, "
             "with the same options, as: bottledwater resnapshot; (2) go on without what was lost: "
             "start with the same options and once with: --republish");
      }
      spdlog::warn("Going on by --republish. {}", finding);
      parts_.spool->ledger().NoteRemedy("republish: " + finding);
    }
    const ReadRange range{partition, std::max(next, stored[i]->low), stored[i]->high};
    if (range.from < range.to) ranges.push_back(range);
    next = stored[i]->high;
  }
  parts_.cluster->ReadCommitted(ranges, [&](const CommittedRecord& record) {
    const auto identity = ParseRecordIdentity(record.headers);
    if (identity && identity->position > progress_.position) {
      const ReadRange& range = ranges[record.range];
      torn_.Add(*identity, range.partition);
      torn_from_.emplace(range.partition, range.from);
    }
  });
  if (!torn_.empty()) {
    spdlog::warn(
        "Found {} messages of a torn transaction beyond the checkpoint at {}: a late EndTxn "
        "has committed them (KAFKA-17754). They are not published again.",
        torn_.size(), progress_.position.ToString());
  }
}

// --- The loop ----------------------------------------------------------------------------------

PublishSession::Step PublishSession::TakeStep() {
  std::optional<SnapshotMark> purge;
  {
    const SpoolBatch batch = ReadNext(Lsn::Max());
    // Asked for afterwards: a snapshot is marked before it can be read.
    purge = parts_.spool->ledger().NextPurge(progress_.position);
    if (!purge || batch.through().position < Position{purge->tombstones_lsn(), 0}) {
      return Publish(batch);
    }
  }
  const SpoolBatch batch = ReadNext(purge->tombstones_lsn());
  return batch.changes().empty() ? Purge(*purge) : Publish(batch);
}

SpoolBatch PublishSession::ReadNext(Lsn before) {
  return parts_.spool->log().Read(progress_.position, {options_.transaction_max_messages,
                                                       options_.transaction_max_bytes, before});
}

PublishSession::Step PublishSession::Publish(const SpoolBatch& batch) {
  if (batch.changes().empty()) {
    seen_ = batch.through();
    ReadBackIfDue();
    if (!CheckpointIsDue(batch.through())) return Step::kIdle;
  } else if (!Prepare(batch)) {
    ReadBackIfDue();
    return Step::kRegistryAway;
  }
  AnnouncePartitions();
  PauseBeforeBegin();
  PublishBatch(batch);
  ReadBackIfDue();
  return Step::kPublished;
}

// Partitions are in a committed checkpoint before the first row goes there: LookBehindCheckpoint
// only looks at those, and a torn transaction elsewhere would be published twice.
void PublishSession::AnnouncePartitions() {
  if (partitions_announced_) return;
  PauseBeforeBegin();
  PublishBatch(SpoolBatch());
  partitions_announced_ = true;
}

bool PublishSession::CheckpointIsDue(const Progress& through) {
  const auto age = parts_.clock->Now() - committed_at_;
  const bool wal_went_on = through.end_lsn > progress_.end_lsn;
  if (!parts_.spool->ledger().remedies().empty()) return true;  // To be said at once.
  return (wal_went_on && age >= options_.idle_checkpoint_interval) ||
         age >= options_.heartbeat_interval;
}

// An outage of the registry holds nothing up here: its ids are taken to be as they were.
void PublishSession::CompareSchemaIds() {
  if (options_.output_format != OutputFormat::kAvro) return;
  const TimePoint now = parts_.clock->Now();
  if (next_comparison_ && now < *next_comparison_) return;
  bool changed = false;
  const bool answered = memory_->schema_ids.Compare(&changed);
  const Duration until_next = answered ? options_.schema_check_interval
                                       : std::min(options_.schema_check_interval, kCompareAgain);
  next_comparison_ = parts_.clock->Now() + until_next;
  if (!changed) return;
  NoteSchemaIds();
  throw TransientError("The schema registry has other ids: beginning a session with them");
}

// Before rows are published under new ids.
void PublishSession::NoteSchemaIds() {
  if (const std::string remedy = memory_->schema_ids.TakeRemedy(); !remedy.empty()) {
    parts_.spool->ledger().NoteRemedy(remedy);
  }
  if (const auto ids = memory_->schema_ids.TakeChanges()) {
    parts_.spool->ledger().NoteRegistryIds(*ids);
  }
}

bool PublishSession::Prepare(const SpoolBatch& batch) {
  CompareSchemaIds();
  std::vector<TableToRoute> tables;
  std::set<uint32_t> listed;
  for (const Change& change : batch.changes()) {
    const SchemaId id = change.schema_id;
    if (routes_->IsPrepared(id, BytesAtMost(change, options_.output_format))) continue;
    if (listed.insert(id.value).second) tables.push_back({id, &parts_.spool->log().Schema(id)});
  }
  if (!tables.empty()) {
    if (const auto registry_away = routes_->Prepare(tables)) {
      registry_away_.Away(*registry_away);
      return false;
    }
    std::vector<std::pair<std::string, int32_t>> topics;
    for (const auto& [id, schema] : tables) {
      NoteHeldTables(id);
      const TableRoute& route = routes_->Get(id);
      if (!route.refusal) topics.emplace_back(route.topic, route.opened.partitions);
    }
    NoteSchemaIds();
    NotePartitions(topics);
    contact_at_ = parts_.clock->Now();
  }
  if (!claims_->pending().empty()) partitions_announced_ = false;
  registry_away_.Back();
  registry_backoff_.Reset();
  return true;
}

void PublishSession::NotePartitions(std::span<const std::pair<std::string, int32_t>> topics) {
  std::vector<TopicPartition> unknown;
  std::set<std::string> listed;  // Schemas of one table share its topic.
  for (const auto& [topic, partitions] : topics) {
    if (!listed.insert(topic).second) continue;
    for (int32_t partition = 0; partition < partitions; ++partition) {
      TopicPartition candidate{topic, partition};
      if (!next_offsets_.contains(candidate)) unknown.push_back(std::move(candidate));
    }
  }
  if (unknown.empty()) return;
  const auto stored = parts_.cluster->Offsets(unknown);
  for (size_t i = 0; i < unknown.size(); ++i) {
    if (!stored[i]) throw TransientError("Topic " + unknown[i].topic + " has just been deleted");
    NoteNextOffset(unknown[i], stored[i]->high);
  }
  partitions_announced_ = false;
}

void PublishSession::PauseBeforeBegin() {
  const TimePoint now = parts_.clock->Now();
  const auto left = std::chrono::ceil<Duration>(committed_at_ + options_.commit_pause - now);
  if (left > Duration(0) && left <= options_.commit_pause) stop_.WaitFor(left);
  if (now - contact_at_ >= options_.probe_after_idle) {
    // A transaction that begins while the brokers are away can only time out.
    if (const std::string id = parts_.cluster->ClusterId(); id != cluster_id_) {
      throw TransientError(fmt::format("The Kafka cluster's id has become \"{}\"", id));
    }
    contact_at_ = parts_.clock->Now();
  }
}

void PublishSession::PublishBatch(const SpoolBatch& batch) {
  const Progress progress = CommitTransaction([&] {
    for (const Change& change : batch.changes()) {
      PublishChange(change);
      BW_KILL_POINT("publish.after_produce_one");
    }
    pending_.changes = batch.changes().size();
    if (batch.splits_transaction()) pending_.split_transactions = 1;
    return batch.through();
  });
  RecordCommit(progress);
}

Progress PublishSession::CommitTransaction(const std::function<Progress()>& produce) {
  pending_ = {};
  rereads_.reset();
  producer_->Begin();
  BW_KILL_POINT("publish.after_begin");
  const Progress through = ProduceAndFlush(produce);
  BW_KILL_POINT("publish.after_flush");

  // Within a split transaction there is no end LSN yet: the one before it stays.
  // And a spool that is an older copy of itself is behind Kafka until capture has caught up.
  const Progress progress{std::max(progress_.position, through.position),
                          std::max(progress_.end_lsn, through.end_lsn)};
  ProduceCheckpoint(progress);
  BW_KILL_POINT("publish.after_produce_checkpoint");
  // Not into next_offsets_: those are of the data, the checkpoint itself is found by its topic.
  NextOffsets ignored;
  producer_->Flush(&ignored);
  BW_KILL_POINT("publish.after_flush_checkpoint");
  producer_->Commit();
  BW_KILL_POINT("publish.after_commit");
  if (const auto doubt = producer_->Doubt()) {
    throw TransientError("The last Kafka transaction is in doubt: " + *doubt);
  }
  return progress;
}

Progress PublishSession::ProduceAndFlush(const std::function<Progress()>& produce) {
  try {
    const Progress through = produce();
    BW_KILL_POINT("publish.after_produce_all");
    NextOffsets written;
    producer_->Flush(&written);
    for (const auto& [partition, offset] : written) NoteNextOffset(partition, offset);
    return through;
  } catch (const TooLargeError& error) {
    routes_->NoteTooLarge(error);
    throw;
  } catch (const RefusedMessageError& error) {
    throw AtItsPlace(error);
  }
}

// Kafka's sibling of CaptureSession::WithinTransaction. Everything else that ends a session within
// a transaction is an outage, a row's error (--on-error), a limit that the next session asks for
// again, or a halt.
Error PublishSession::AtItsPlace(const RefusedMessageError& error) const {
  if (!error.position()) return error;
  const auto table = claims_->TableOf(error.topic());
  const std::string place = fmt::format(
      "change {} of {}", error.position()->ToString(),
      table ? fmt::format("table {}.{}", table->schema, table->table) : "topic " + error.topic());
  return TransientError(fmt::format("{}, at or just behind {}", error.what(), place))
      .At(place, fmt::format("Look at what topic {} and the brokers require of a message "
                             "(message.timestamp.*.max.ms, schema validation, clocks); nothing is "
                             "left out, and a change there is noticed",
                             error.topic()));
}

void PublishSession::PublishChange(const Change& change) {
  const TableRoute& route = routes_->Get(change.schema_id);
  if (route.lacks_key && ComesAgain(change)) {
    ++pending_.rows_refused;
    SayRefused(
        fmt::format("Table {}, change {} is left out until the table has a key, and is read "
                    "again then: {}",
                    route.table, change.position.ToString(), *route.refusal));
    return;
  }
  if (route.refusal) return Refuse(change, route, *route.refusal);
  std::span<const EncodedMessage> messages;
  try {
    messages = encoder_.Encode(change, route.encoding);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kRow) throw;
    return Refuse(change, route, error.what());
  }
  for (const EncodedMessage& message : messages) {
    if (message.bytes() > route.message_bytes_max) {
      return Refuse(change, route,
                    fmt::format("its message has {} bytes, and {} are allowed: raise "
                                "max.message.bytes of topic {}, or --max-message-bytes",
                                message.bytes(), route.message_bytes_max, route.topic));
    }
  }
  for (const EncodedMessage& message : messages) {
    if (!torn_.empty() &&
        torn_.Contains({change.position, message.operation, ToMs(change.commit_time_us)})) {
      ++pending_.torn_skipped;
      continue;
    }
    producer_->Produce(
        {.topic = route.opened.handle,
         .partition = PartitionOf(PartitioningKey(message.key), change.position.commit_lsn,
                                  route.opened.partitions),
         .key = message.key,
         .value = message.value,
         .headers = message.headers});
    ++pending_.messages;
    pending_.bytes += message.bytes();
  }
}

std::optional<std::string_view> PublishSession::PartitioningKey(
    std::optional<std::string_view> key) const {
  if (key && options_.partition_by == PartitionBy::kKeyBody &&
      options_.output_format == OutputFormat::kAvro) {
    key->remove_prefix(kWireFormatHeaderBytes);
  }
  return key;
}

void PublishSession::Refuse(const Change& change, const TableRoute& route,
                            const std::string& reason) {
  const std::string text = fmt::format("Table {}, change {} cannot be published: {}", route.table,
                                       change.position.ToString(), reason);
  if (options_.on_error == OnError::kExit && !route.held) throw RowError(text);
  ++pending_.rows_refused;
  SayRefused(fmt::format("{} (left out by {})", text,
                         route.held ? "--on-collision=hold" : "--on-error=log"));
}

// Its re-read is noted, or stands in the spool behind this row.
bool PublishSession::ComesAgain(const Change& change) {
  if (!rereads_) {
    rereads_.emplace();
    for (const Reread& note : parts_.spool->ledger().rereads()) {
      (*rereads_)[note.table] = Lsn::Max();
    }
    for (const SnapshotMark& mark : parts_.spool->ledger().snapshots()) {
      for (const TableName& table : mark.tables) {
        Lsn& newest = rereads_->try_emplace(table, mark.commit_lsn).first->second;
        newest = std::max(newest, mark.commit_lsn);
      }
    }
  }
  const TableSchema& schema = parts_.spool->log().Schema(change.schema_id);
  const auto found = rereads_->find({schema.schema, schema.table});
  return found != rereads_->end() && found->second > change.position.commit_lsn;
}

void PublishSession::SayRefused(const std::string& text) {
  // A refused schema refuses each of perhaps millions of rows; the figures count them all.
  const TimePoint now = parts_.clock->Now();
  if (!refusal_said_at_ || now - *refusal_said_at_ >= kRefusalSayInterval) {
    refusal_said_at_ = now;
    spdlog::error("{}", text);
  }
}

void PublishSession::ProduceCheckpoint(const Progress& progress) {
  remedies_said_ = parts_.spool->ledger().remedies();
  HideTornOffsets(progress);
  Checkpoint head;
  head.lineage = lineage_;
  head.instance = memory_->instance;
  head.source = source_;
  head.progress = progress;
  head.remedy = fmt::format("{}", fmt::join(remedies_said_, "; "));
  for (const auto& [topic, table] : claims_->pending()) {
    ProduceCheckpointRecord(TopicClaimKey(topic), EncodeTopicClaim(table));
  }
  for (const auto& [key, value] : checkpoint_writer_->Encode(std::move(head))) {
    ProduceCheckpointRecord(key, value);
    BW_KILL_POINT("publish.after_produce_checkpoint_record");
  }
}

void PublishSession::ProduceCheckpointRecord(std::string_view key, std::string_view value) {
  producer_->Produce({.topic = opened_checkpoint_.handle,
                      .partition = 0,
                      .key = key,
                      .value = value,
                      .headers = {}});
}

// Offsets behind a torn record would hide it from the next session, which has to skip it, too, as
// long as the position is before it.
void PublishSession::HideTornOffsets(const Progress& progress) {
  const bool is_hidden = torn_.HasBeyond(progress.position);
  for (const auto& [partition, from] : torn_from_) {
    checkpoint_writer_->Set(partition, is_hidden ? from : next_offsets_.at(partition));
  }
}

void PublishSession::RecordCommit(const Progress& progress) {
  progress_ = progress;
  memory_->has_committed = true;
  for (const auto& [topic, table] : claims_->pending()) {
    unnoted_claims_.tables.insert_or_assign(topic, table);
  }
  claims_->ForgetPending();
  // Before the hint: a spool that remembers publishing also remembers where.
  parts_.spool->ledger().SetKafkaClusterId(cluster_id_);
  parts_.spool->ledger().SetPublished(progress_);
  parts_.spool->ledger().ForgetRemedies(remedies_said_);  // Not before the checkpoint is committed.
  BW_KILL_POINT("publish.after_set_published");
  if (!torn_.empty()) {
    torn_.ForgetThrough(progress_.position);
    if (torn_.empty()) {
      torn_from_.clear();
      spdlog::info("The torn transaction is behind us");
    }
  }
  committed_at_ = contact_at_ = parts_.clock->Now();
  if (!unseen_since_) unseen_since_ = committed_at_;

  const std::lock_guard lock(memory_->mutex);
  PublishFigures& figures = memory_->figures;
  ++figures.transactions;
  figures.changes += pending_.changes;
  figures.messages += pending_.messages;
  figures.bytes += pending_.bytes;
  figures.rows_refused += pending_.rows_refused;
  figures.torn_skipped += pending_.torn_skipped;
  figures.split_transactions += pending_.split_transactions;
  figures.published = progress_;
}

// --- A re-snapshot ------------------------------------------------------------------------------

// One transaction of tombstones. What an earlier session has committed of them is seen in the
// topics themselves, so a new session begins by comparing again.
PublishSession::Step PublishSession::Purge(const SnapshotMark& snapshot) {
  if (!leftovers_ && !FindLeftovers(snapshot)) {
    ReadBackIfDue();
    return Step::kRegistryAway;
  }
  BW_KILL_POINT("resnapshot.leftovers_found");
  AnnouncePartitions();
  PauseBeforeBegin();
  RecordCommit(CommitTransaction([&] { return ProduceTombstones(snapshot); }));
  if (progress_.position.is_end()) {
    leftovers_.reset();
    spdlog::info("{} keys that the new snapshot does not have got their tombstone",
                 next_tombstone_.index);
  }
  ReadBackIfDue();
  return Step::kPublished;
}

bool PublishSession::FindLeftovers(const SnapshotMark& snapshot) {
  auto leftovers = std::make_unique<LeftoverKeys>(parts_.cluster, parts_.spool->MakeScratch(),
                                                  snapshot.tombstones_lsn());
  std::map<std::string, size_t> topics;
  for (const TableName& table : snapshot.tables) {
    const auto topic = routes_->TopicFor(table);
    if (!topic || topics.contains(*topic)) continue;
    if (const auto index = leftovers->AddTopic(*topic)) {
      topics.emplace(*topic, *index);
      claims_->Claim(*topic, table);
    }
  }
  if (!claims_->pending().empty()) partitions_announced_ = false;
  if (!topics.empty()) {
    spdlog::info("Looking in {} topics for keys that the new snapshot does not have",
                 topics.size());
    if (!AddSnapshotRows(snapshot, topics, leftovers.get())) return false;
    leftovers->ReadTopics();
  }
  std::vector<std::pair<std::string, int32_t>> partitions;
  for (const auto& [topic, index] : topics) {
    partitions.emplace_back(topic, routes_->Open(topic).partitions);
  }
  NotePartitions(partitions);
  next_tombstone_ = {snapshot.tombstones_lsn(), leftovers->next_tombstone_index()};
  if (progress_.position >= next_tombstone_) {
    next_tombstone_.index = progress_.position.index + 1;
  }
  leftovers_ = std::move(leftovers);
  return true;
}

// False when the registry, whose ids are in the keys, cannot be asked now.
bool PublishSession::AddSnapshotRows(const SnapshotMark& snapshot,
                                     const std::map<std::string, size_t>& topics,
                                     LeftoverKeys* leftovers) {
  Position after = Position::EndOf(snapshot.tombstones_lsn());
  while (true) {
    if (stop_.requested()) throw TransientError("Stopped while comparing topics and snapshot");
    const SpoolBatch batch = parts_.spool->log().Read(
        after, {options_.transaction_max_messages, options_.transaction_max_bytes,
                Lsn{snapshot.commit_lsn.value + 1}});
    if (batch.changes().empty()) return true;
    if (!Prepare(batch)) return false;
    for (const Change& change : batch.changes()) {
      if (!change.key) continue;
      const TableRoute& route = routes_->Get(change.schema_id);
      const auto topic = topics.find(route.topic);
      if (topic == topics.end()) continue;
      if (route.refusal) {
        leftovers->LeaveAlone(topic->second);
      } else {
        AddSnapshotRow(change, route, topic->second, leftovers);
      }
    }
    after = batch.through().position;
  }
}

void PublishSession::AddSnapshotRow(const Change& change, const TableRoute& route, size_t topic,
                                    LeftoverKeys* leftovers) {
  try {
    leftovers->AddRow(topic, encoder_.EncodeKey(change, route.encoding));
  } catch (const Error& error) {
    // Refused again, and counted, when its turn comes.
    if (error.kind() != ErrorKind::kRow) throw;
  }
}

Progress PublishSession::ProduceTombstones(const SnapshotMark& snapshot) {
  for (size_t count = 0; count < options_.transaction_max_messages; ++count) {
    const auto leftover = leftovers_->Next();
    if (!leftover) return {Position::EndOf(snapshot.tombstones_lsn()), Lsn::Invalid()};
    const EncodedMessage tombstone =
        encoder_.Tombstone(leftover->key, next_tombstone_, parts_.clock->WallMicros());
    producer_->Produce({.topic = routes_->Open(leftovers_->topic(leftover->topic)).handle,
                        .partition = leftover->partition,
                        .key = tombstone.key,
                        .value = std::nullopt,
                        .headers = tombstone.headers});
    ++next_tombstone_.index;
    ++pending_.messages;
    pending_.bytes += tombstone.bytes();
    BW_KILL_POINT("resnapshot.after_tombstone");
  }
  return {{next_tombstone_.commit_lsn, next_tombstone_.index - 1}, Lsn::Invalid()};
}

// --- Reading back ------------------------------------------------------------------------------

void PublishSession::ReadBackIfDue() {
  if (!unseen_since_) return;
  if (parts_.clock->Now() - read_back_at_ < options_.read_back_interval) return;
  read_back_at_ = parts_.clock->Now();
  ReadBack();
  if (!unseen_since_ || read_back_at_ - *unseen_since_ < options_.read_back_overdue) return;
  // A commit that was reported and is not there (librdkafka #4697, Redpanda #17921): seen once, a
  // new session looks again; twice in a row, it is not the reader's fault.
  const std::string finding =
      fmt::format("The checkpoint at {} was committed but a read_committed reader does not get it",
                  progress_.position.ToString());
  if (++memory_->read_backs_overdue >= 2) {
    Halt(finding +
         ", also not in a new session. Kafka has lost it, or another producer's open "
         "transaction blocks the checkpoint topic. Nothing is trimmed from the spool.");
  }
  throw TransientError(finding);
}

void PublishSession::ReadBack() {
  std::optional<Checkpoint> newest;
  while (const auto record = follower_->Poll()) {
    if (record->key != kCheckpointKey || !record->value) continue;
    newest = DecodeCheckpoint(
        *record->value, fmt::format("topic {}, offset {}", checkpoint_topic_, record->offset));
    CheckNoRival(*newest);
    unnoted_claims_.read_through = record->offset + 1;
  }
  if (!newest) return;
  if (parts_.spool->ledger().NoteTopicClaims(unnoted_claims_)) unnoted_claims_.tables.clear();
  memory_->read_backs_overdue = 0;
  const Position position = newest->progress.position;
  // Ours, and nobody else writes: it can only be something that we have committed.
  BW_CHECK(position <= progress_.position);
  if (position == progress_.position) {
    unseen_since_.reset();
  } else {
    unseen_since_ = parts_.clock->Now();
  }
  {
    const std::lock_guard lock(memory_->mutex);
    memory_->figures.read_back = std::max(memory_->figures.read_back, position);
  }
  BW_KILL_POINT("publish.before_trim");
  if (options_.replay_window_bytes == 0) {
    parts_.spool->log().Trim(position);
  } else if (position.commit_lsn.value > options_.replay_window_bytes) {
    parts_.spool->log().Trim(
        Position::EndOf(Lsn{position.commit_lsn.value - options_.replay_window_bytes}));
  }
  BW_KILL_POINT("publish.after_trim");
}

}  // namespace bw
