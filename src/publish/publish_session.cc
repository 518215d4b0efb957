#include "publish/publish_session.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "base/kill_point.h"
#include "base/log.h"
#include "publish/topic_name.h"
#include "publish/topic_trial.h"
#include "recovery/reconcile_publish.h"

namespace bw {
namespace {

// An idle session sleeps no longer than this, because it still has to read back and to write
// checkpoints.
constexpr Duration kIdleWait{500};
// Around the record in a batch of one.
constexpr size_t kBatchOverheadBytes = 128;

}  // namespace

PublishSession::PublishSession(const PublishOptions& options, const PublishParts& parts,
                               PublishMemory* memory, const Stop& stop, AwayLog* kafka_away)
    : options_(options),
      parts_(parts),
      memory_(memory),
      stop_(stop),
      kafka_away_(kafka_away),
      source_(parts.spool->ledger().state().source),
      lineage_(parts.spool->ledger().state().lineage),
      checkpoint_topic_(CheckpointTopic(options.topic_prefix, source_)),
      encoder_(options.output_format, TransactionalId(source_)) {
  BW_CHECK(parts.spool->ledger().state().phase == SpoolPhase::kStreaming);
}

PublishSession::~PublishSession() {
  const std::lock_guard lock(memory_->mutex);
  memory_->figures.in_session = false;
}

void PublishSession::Run(const std::function<void()>& made_progress) {
  bool has_told = false;
  while (!stop_.requested() && !parts_.paused->load() && !memory_->resume_asked.load()) {
    const Step step = TakeStep();
    // Not before: what Kafka refuses each session would look as if it were over with each.
    if (!std::exchange(has_told, true) && made_progress) made_progress();
    switch (step) {
      case Step::kPublished:
        break;
      case Step::kIdle:
        parts_.spool->ledger().WaitForCaptured(seen_, kIdleWait, stop_);
        break;
      case Step::kRegistryAway:
        stop_.WaitFor(destinations_->registry_pause());
        break;
    }
  }
}

// --- Start -------------------------------------------------------------------------------------

void PublishSession::Start() {
  cluster_id_ = parts_.cluster->ClusterId();
  memory_->schema_ids.Remember(parts_.spool->ledger().RegistryIds());
  memory_->schema_ids.set_accept_new_ids(options_.accept_new_schema_ids);
  memory_->schema_ids.set_subject_naming(options_.subject_naming);
  const auto note_silence = [this](const std::string& why) {
    if (kafka_away_ != nullptr) kafka_away_->Away(why);
  };
  producer_ = parts_.cluster->CreateProducer({.transactional_id = TransactionalId(source_),
                                              .on_silence = note_silence,
                                              .batch_bytes_max = memory_->batch_bytes_max,
                                              .message_bytes_max = options_.message_bytes_max});
  BW_KILL_POINT("publish.before_init");
  producer_->InitTransactions();
  BW_KILL_POINT("publish.after_init");
  // From here on nothing that an older producer wrote can change: what is read now is final.
  const NewestCheckpoint newest =
      ReadNewestCheckpoint(parts_.cluster, checkpoint_topic_,
                           parts_.spool->ledger().topic_claims(checkpoint_topic_).read_through);
  if (newest.checkpoint) CheckNoRival(*newest.checkpoint, *memory_);
  FitBatchesInto(newest);
  NextOffsets next_offsets = Resume(newest.checkpoint);
  EnsureCheckpointTopic(newest.topic_exists);
  // Created before anything is written to the topic.
  auto follower = parts_.cluster->Follow({checkpoint_topic_, 0}, newest.next_offset);
  // Asked from here on: the next session tries again. What a limit has refused is tried, too.
  if (memory_->resume_asked.exchange(false)) memory_->refused_sizes.clear();
  if (newest.checkpoint) held_ = HeldTables(HeldOf(*newest.checkpoint));
  TellHeld();
  torn_ = LookBeyondCheckpoint(parts_.cluster, &parts_.spool->ledger(), WhatIsPublished(newest),
                               parts_.overrides.republish,
                               {.relay = TransactionalId(source_),
                                .names = {DeadLetterTopic(options_.topic_prefix),
                                          TransactionMetadataTopic(options_.topic_prefix)}},
                               &next_offsets);
  ReleaseGivenUp();
  BW_KILL_POINT("publish.after_tail_scan");
  offsets_ = std::make_unique<CheckpointOffsets>(
      std::move(next_offsets), CheckpointRecordBytesMax(newest),
      newest.checkpoint ? newest.checkpoint->parts : std::vector<CheckpointPart>());
  destinations_ = std::make_unique<Destinations>(options_, parts_, memory_, producer_.get(),
                                                 offsets_.get(), checkpoint_topic_, newest);
  const RowPublisher::Tools tools{&options_,           parts_,    memory_, producer_.get(),
                                  destinations_.get(), &encoder_, &torn_,  &held_};
  rows_ = std::make_unique<RowPublisher>(tools);
  if (options_.transaction_metadata) metadata_ = std::make_unique<TransactionMetadata>(tools);
  watch_ = std::make_unique<CheckpointWatch>(options_, parts_, memory_, checkpoint_topic_,
                                             std::move(follower));
  committed_at_ = contact_at_ = parts_.clock->Now();
  if (std::exchange(memory_->said_position, progress_.position) != progress_.position) {
    spdlog::info("Publishing to Kafka from {}", progress_.position.ToString());
  }
  const std::lock_guard lock(memory_->mutex);
  ++memory_->figures.sessions;
  memory_->figures.in_session = true;
  memory_->figures.published = progress_;
}

NextOffsets PublishSession::Resume(const std::optional<Checkpoint>& newest) {
  Ledger& ledger = parts_.spool->ledger();
  const auto outcome = ReconcilePublish(ledger.state(), StateOf(newest, cluster_id_),
                                        parts_.overrides, parts_.places);
  if (const auto* halt = std::get_if<Halt>(&outcome)) throw halt->ToError();
  const auto& plan = std::get<PublishPlan>(outcome);
  for (const std::string& note : plan.notes) spdlog::warn("{}", note);
  // The checkpoint counts unless it was overridden; then only the position is known.
  const bool counts = newest && newest->progress.position == plan.publish_after;
  progress_ = counts ? newest->progress : Progress{plan.publish_after, Lsn::Invalid()};
  const std::string remedy = fmt::format("{}", fmt::join(plan.overrides_used, "; "));
  if (!remedy.empty()) {
    spdlog::warn("An operator has allowed: {}", remedy);
    ledger.NoteRemedy(remedy);
  }
  if (progress_.position < ledger.published().position) {
    BW_CHECK(!remedy.empty());
    ledger.RewindPublished(progress_);
  } else {
    ledger.SetPublished(progress_);
  }
  return counts ? newest->next_offsets : NextOffsets();
}

void PublishSession::EnsureCheckpointTopic(bool exists) {
  if (!exists) {
    parts_.cluster->CreateTopic(CheckpointTopicSpec(checkpoint_topic_, options_));
    spdlog::info("Created checkpoint topic {}", checkpoint_topic_);
    BW_KILL_POINT("publish.checkpoint_topic_created");
  }
  opened_checkpoint_ = producer_->OpenTopic(checkpoint_topic_);
}

// The limit applies to whole batches: several small checkpoint records could exceed it together.
void PublishSession::FitBatchesInto(const NewestCheckpoint& newest) {
  if (!newest.message_bytes_max || *newest.message_bytes_max >= memory_->batch_bytes_max) return;
  memory_->batch_bytes_max = *newest.message_bytes_max;
  throw TransientError(
      fmt::format("Topic {} takes batches of at most {} bytes: starting again with smaller ones",
                  checkpoint_topic_, *newest.message_bytes_max));
}

size_t PublishSession::CheckpointRecordBytesMax(const NewestCheckpoint& newest) const {
  const size_t ours =
      std::min(options_.checkpoint_record_bytes_max, producer_->message_bytes_max());
  if (!newest.message_bytes_max) return ours;
  const size_t overhead = std::min(kBatchOverheadBytes, *newest.message_bytes_max / 2);
  return std::min(ours, *newest.message_bytes_max - overhead);
}

// --- The loop ----------------------------------------------------------------------------------

PublishSession::Step PublishSession::TakeStep() {
  // A spool restored from an older copy has what held tables left once capture has come as far as
  // the checkpoint.
  if (parts_.spool->ledger().captured().position >= progress_.position) {
    std::optional<TableName> table;
    while (parts_.clock->Now() >= catch_up_at_ && (table = held_.NextToTry())) {
      if (const auto step = CatchUp(*table)) return *step;
    }
  }
  std::optional<SnapshotMark> purge;
  {
    const SpoolBatch batch = ReadNext(Lsn::Max());
    // Asked after the read: a snapshot is marked before its rows can be read.
    purge = parts_.spool->ledger().NextPurge(progress_.position);
    if (!purge || batch.through().position < Position{purge->tombstones_lsn(), 0}) {
      return Publish(batch);
    }
  }
  const SpoolBatch batch = ReadNext(purge->tombstones_lsn());
  return HasMessages(batch) ? Publish(batch) : Purge(*purge);
}

bool PublishSession::HasMessages(const SpoolBatch& batch) const {
  return !batch.changes().empty() || (metadata_ != nullptr && !batch.ends().empty());
}

SpoolBatch PublishSession::ReadNext(Lsn before) {
  return parts_.spool->log().Read(progress_.position, {options_.transaction_max_messages,
                                                       options_.transaction_max_bytes, before});
}

PublishSession::Step PublishSession::Publish(const SpoolBatch& batch) {
  if (!HasMessages(batch)) {
    seen_ = batch.through();
    WatchCheckpoint();
    if (!CheckpointIsDue(batch.through())) return Step::kIdle;
  } else if (!destinations_->Prepare(batch,
                                     [&](const Change& change) { return !rows_->Holds(change); })) {
    WatchCheckpoint();
    return Step::kRegistryAway;
  }
  if (!batch.changes().empty() && batch.changes()[0].operation == Operation::kTruncate) {
    return Truncate(batch);
  }
  AnnounceDestinations();
  PauseBeforeBegin();
  PublishBatch(batch);
  WatchCheckpoint();
  return Step::kPublished;
}

void PublishSession::AnnounceDestinations() {
  if (!destinations_->needs_announcement()) return;
  PauseBeforeBegin();
  PublishBatch(SpoolBatch());
}

void PublishSession::WatchCheckpoint() {
  if (const auto through = watch_->LookIfDue(progress_.position)) {
    destinations_->NoteReadBack(*through);
  }
}

bool PublishSession::CheckpointIsDue(const Progress& through) {
  const auto age = parts_.clock->Now() - committed_at_;
  const bool wal_went_on = through.end_lsn > progress_.end_lsn;
  if (!parts_.spool->ledger().remedies().empty()) return true;  // Recorded without delay.
  return (wal_went_on && age >= options_.idle_checkpoint_interval) ||
         age >= options_.heartbeat_interval;
}

void PublishSession::PauseBeforeBegin() {
  const TimePoint now = parts_.clock->Now();
  const auto left = std::chrono::ceil<Duration>(committed_at_ + options_.commit_pause - now);
  if (left > Duration(0) && left <= options_.commit_pause) stop_.WaitFor(left);
  if (now - contact_at_ >= options_.probe_after_idle) {
    // A transaction that begins while the brokers are unreachable can only time out.
    if (const std::string id = parts_.cluster->ClusterId(); id != cluster_id_) {
      throw TransientError(fmt::format("The Kafka cluster's id has changed to \"{}\"", id));
    }
    contact_at_ = parts_.clock->Now();
  }
}

void PublishSession::PublishBatch(const SpoolBatch& batch) {
  CommitTransaction([&] {
    ProduceBatch(batch);
    commit_times_.Note(batch);
    pending_.changes = batch.changes().size() - pending_.left_held;
    if (batch.splits_transaction()) pending_.split_transactions = 1;
    return batch.through();
  });
}

void PublishSession::ProduceBatch(const SpoolBatch& batch) {
  if (metadata_ != nullptr) metadata_->BeginAfter(progress_.position);
  auto end = batch.ends().begin();
  const auto produce_ends = [&](size_t changes_before) {
    if (metadata_ == nullptr) return;
    for (; end != batch.ends().end() && end->changes_before <= changes_before; ++end) {
      metadata_->OnEnd(*end, &pending_);
    }
  };
  for (size_t i = 0; i < batch.changes().size(); ++i) {
    const Change& change = batch.changes()[i];
    produce_ends(i);
    if (metadata_ != nullptr) metadata_->OnChange(change, &pending_);
    if (change.operation != Operation::kTruncate) {
      rows_->Publish(change, &pending_);
      if (rows_->Holds(change)) ++pending_.left_held;
    }
    BW_KILL_POINT("publish.after_produce_one");
  }
  produce_ends(batch.changes().size());
}

void PublishSession::CommitTransaction(const std::function<Progress()>& produce) {
  pending_ = {};
  commit_times_.Clear();
  memory_->tables.Begin();
  rows_->BeginTransaction();
  const int64_t began_us = parts_.clock->WallMicros();
  producer_->Begin();
  BW_KILL_POINT("publish.after_begin");
  const Progress through = ProduceAndFlush(produce);
  BW_KILL_POINT("publish.after_flush");

  // Within a split transaction there is no end LSN yet, so the previous one stays. And a spool
  // restored from an older copy is behind Kafka until capture has caught up.
  const Progress progress{std::max(progress_.position, through.position),
                          std::max(progress_.end_lsn, through.end_lsn)};
  ProduceCheckpoint(progress);
  BW_KILL_POINT("publish.after_produce_checkpoint");
  // offsets_ covers data topics only; the checkpoint itself is found by its topic.
  NextOffsets ignored;
  producer_->Flush(&ignored);
  BW_KILL_POINT("publish.after_flush_checkpoint");
  producer_->Commit();
  BW_KILL_POINT("publish.after_commit");
  if (const auto doubt = producer_->Doubt()) {
    throw TransientError("The last Kafka transaction is in doubt: " + *doubt);
  }
  memory_->kafka_transaction.Observe(parts_.clock->WallMicros() - began_us);
  RecordCommit(progress);
}

Progress PublishSession::ProduceAndFlush(const std::function<Progress()>& produce) {
  try {
    const Progress through = produce();
    BW_KILL_POINT("publish.after_produce_all");
    NextOffsets written;
    producer_->Flush(&written);
    for (const auto& [partition, offset] : written) offsets_->Advance(partition, offset);
    return through;
  } catch (const TooLargeError& error) {
    destinations_->routes().NoteTooLarge(error);
    throw;
  } catch (const RefusedMessageError& error) {
    throw AtItsPlace(error);
  }
}

// The counterpart of CaptureSession::WithinTransaction. Everything else that ends a session within
// a transaction is an outage, a row error (--on-error), a size limit that the next session asks for
// again, or a halt.
Error PublishSession::AtItsPlace(const RefusedMessageError& error) const {
  if (!error.position()) return error;
  const auto table = destinations_->claims().TableOf(error.topic());
  const std::string place = fmt::format(
      "change {} of {}", error.position()->ToString(),
      table ? fmt::format("table {}.{}", table->schema, table->table) : "topic " + error.topic());
  return TransientError(fmt::format("{}, at or just after {}", error.what(), place))
      .At(place, fmt::format("Check what topic {} and the brokers require of a message "
                             "(message.timestamp.*.max.ms, schema validation, clocks); nothing is "
                             "left out, and publishing resumes once they accept it",
                             error.topic()));
}

void PublishSession::ProduceCheckpoint(const Progress& progress) {
  remedies_said_ = parts_.spool->ledger().remedies();
  Checkpoint head;
  head.lineage = lineage_;
  head.instance = memory_->instance;
  head.source = source_;
  head.progress = progress;
  head.held = held_.positions();
  head.remedy = fmt::format("{}", fmt::join(remedies_said_, "; "));
  for (const auto& [topic, table] : destinations_->claims().pending()) {
    ProduceCheckpointRecord(TopicClaimKey(topic), EncodeTopicClaim(table));
  }
  for (const auto& [key, value] : offsets_->Encode(std::move(head), torn_)) {
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

void PublishSession::RecordCommit(const Progress& progress) {
  progress_ = progress;
  memory_->has_committed = true;
  destinations_->NoteCommit();
  // Before the hint: a spool with a published position must also know the cluster.
  parts_.spool->ledger().SetKafkaClusterId(cluster_id_);
  parts_.spool->ledger().SetPublished(progress_);
  parts_.spool->ledger().ForgetRemedies(remedies_said_);  // Not before the checkpoint is committed.
  BW_KILL_POINT("publish.after_set_published");
  if (!torn_.empty()) {
    torn_.ForgetThrough(PublishedOfAll(progress_.position, held_.positions()));
    if (torn_.empty()) spdlog::info("All records of the torn transaction have been skipped");
  }
  committed_at_ = contact_at_ = parts_.clock->Now();
  if (kafka_away_ != nullptr) kafka_away_->Back();
  watch_->NoteCommit();
  TellHeld();

  commit_times_.Observe(parts_.clock->WallMicros(), &memory_->commit_to_kafka);
  memory_->tables.Commit();
  const std::lock_guard lock(memory_->mutex);
  for (const TableName& table : std::exchange(given_up_, {})) memory_->given_up.erase(table);
  memory_->figures.AddCommitted(pending_);
  memory_->figures.published = progress_;
}

}  // namespace bw
