#include "spool/spool.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <map>
#include <mutex>

#include "base/error.h"
#include "base/kill_point.h"
#include "base/random_id.h"
#include "spool/corruption.h"
#include "spool/meta_format.h"
#include "spool/record_format.h"
#include "spool/reread_notes.h"
#include "spool/spool_batch.h"
#include "spool/spool_directory.h"
#include "spool/spool_store.h"
#include "spool/spool_writer.h"
#include "spool/table_keys.h"
#include "spool/topic_notes.h"

namespace bw {
namespace {

using Family = SpoolStore::Family;

// How often the files are counted, which is only needed for --spool-max-bytes and the figures.
constexpr std::chrono::seconds kDiskFigureAge{1};
// The first key behind those of every position.
const std::string kBehindAllPositions(kPositionKeySize + 1, '\xFF');

// What RocksDB needs on the disk to open: a manifest, and what it writes of its log.
constexpr uint64_t kOpenFreeBytes = 16 * kMiB;

// A simulated file system has no SpoolDirectory.
std::string DatabasePath(const SpoolOptions& options) {
  return options.env == nullptr ? options.directory + "/db" : options.directory;
}

uint64_t FreeBytesOf(const SpoolOptions& options) {
  return options.free_bytes ? options.free_bytes() : FreeBytes(options.directory);
}

void RequireRoomToOpen(const SpoolOptions& options) {
  if (Spool::HasRoomToOpen(options)) return;
  throw TransientError("the disk of the spool \"" + options.directory +
                       "\" is too full to open it again");
}

// The smallest key above this position's.
std::string KeyAfter(const Position& position) {
  return std::string(EncodePositionKey(position)) + '\0';
}

}  // namespace

class Spool::Impl {
 public:
  explicit Impl(const SpoolOptions& options)
      : options_(options),
        directory_(options.env == nullptr ? std::make_unique<SpoolDirectory>(options.directory)
                                          : nullptr),
        store_(options, DatabasePath(options)) {
    LoadState(Published::kUnknown);
    ScratchSet::Destroy(scratch_path(), options.env);
    LoadSchemas();
    writer_ = std::make_unique<SpoolWriter>(
        &store_, options_, [this](uint64_t bytes) { return CheckRoom(bytes); },
        [this](const SpoolWriter::Durable& durable) { OnDurable(durable); });
  }

  SpoolState state() const {
    const std::lock_guard lock(state_mutex_);
    return state_;
  }

  // --- Life ---

  void BeginFirstStart(const Source& source,
                       const std::optional<std::vector<std::string>>& supersedes) {
    SpoolState fresh;
    fresh.source = source;
    fresh.supersedes = supersedes;
    fresh.phase = SpoolPhase::kFirstStart;
    Reset(std::move(fresh));
  }

  void BeginStreamingAt(const Source& source, const Progress& captured,
                        const std::string& predecessor) {
    SpoolState fresh;
    fresh.source = source;
    fresh.phase = SpoolPhase::kStreaming;
    fresh.captured = captured;
    fresh.history.changes_end = captured.end_lsn;
    fresh.predecessor = predecessor;
    Reset(std::move(fresh));
  }

  void SetTimeline(uint32_t timeline) {
    ChangeIdentity([timeline](SpoolState* state) { state->source.timeline = timeline; });
  }

  void NoteRemedy(const std::string& remedy) {
    const std::lock_guard remedies_lock(remedies_mutex_);
    std::vector<std::string> noted = remedies();
    if (std::ranges::find(noted, remedy) != noted.end()) return;
    noted.push_back(remedy);
    WriteMeta(kMetaRemedies, EncodeRemedies(noted), /*sync=*/true);
    const std::lock_guard lock(state_mutex_);
    state_.remedies = std::move(noted);
  }

  std::optional<std::vector<uint32_t>> accounted_members() {
    const auto body = ReadMeta(kMetaMembers);
    if (!body) return std::nullopt;
    return DecodeMembers(*body);
  }

  void SetAccountedMembers(const std::vector<uint32_t>& members) {
    WriteMeta(kMetaMembers, EncodeMembers(members), /*sync=*/true);
  }

  // --- Capture ---

  void DropUncaptured() {
    writer_->Restart();
    const Position captured_position = captured().position;
    const std::string begin = KeyAfter(captured_position);
    bool any = false;
    store_.Scan(Family::kChanges, begin, kBehindAllPositions, [&](auto, auto) {
      any = true;
      return false;
    });
    if (any) {
      rocksdb::WriteBatch batch;
      store_.DeleteRange(&batch, Family::kChanges, begin, kBehindAllPositions);
      store_.Write(&batch, /*sync=*/true);
    }
    newest_appended_ = captured_position;
    newest_ended_ = captured();
    newest_history_ = state().history;
    LoadSchemas();    // Forgets those that were only pending, ...
    LoadSnapshots();  // ... and a snapshot that did not come to its end.
    rereads_.Load();
    table_keys_.Load();
  }

  void AppendTableKey(const TableKey& key) {
    const std::optional<std::string> entry = table_keys_.Set(key);
    if (entry) writer_->Append(Family::kMeta, TableKeyName(key.relation), *entry);
  }

  SchemaId AddSchema(const TableSchema& schema) {
    const std::string body = EncodeTableSchema(schema);
    const std::lock_guard lock(schemas_mutex_);
    if (const auto known = schema_ids_.find(body); known != schema_ids_.end()) return known->second;
    const SchemaId id{schemas_.empty() ? 1 : schemas_.rbegin()->first.value + 1};
    const std::string key = EncodeSchemaKey(id);
    writer_->Append(Family::kSchemas, key, WrapMeta(key, body));
    schemas_.emplace(id, schema);
    schema_ids_.emplace(body, id);
    return id;
  }

  void Append(const Change& change) {
    // A position that does not rise would overwrite, or hide below `captured`, another change.
    BW_CHECK(change.position > newest_appended_);
    AppendRecord(change.position,
                 [&](std::string_view key) { EncodeChange(key, change, &record_); });
  }

  void EndTransaction(const TransactionEnd& end) {
    AppendEnd(end);
    newest_history_ = {end.end_lsn, end};
    writer_->End(newest_ended_, newest_history_);
  }

  void EndSnapshot(const TransactionEnd& end, const std::vector<TableName>& tables) {
    AppendEnd(end);
    SpoolState streaming = state();
    const bool is_first = streaming.phase == SpoolPhase::kFirstStart;
    std::vector<SnapshotMark> marks = snapshots();
    // What is published needs no mark any more.
    std::erase_if(marks, [&](const SnapshotMark& mark) {
      return streaming.published.position >= Position::EndOf(mark.commit_lsn);
    });
    marks.push_back({end.commit_lsn, !is_first || streaming.supersedes, tables});
    writer_->Append(Family::kMeta, kMetaSnapshots,
                    WrapMeta(kMetaSnapshots, EncodeSnapshots(marks)));
    for (const std::string& key : rereads_.Settle(tables)) writer_->DeleteMeta(key);
    if (is_first) {
      streaming.phase = SpoolPhase::kStreaming;
      writer_->Append(Family::kMeta, kMetaIdentity,
                      WrapMeta(kMetaIdentity, EncodeIdentity(streaming)));
    }
    {
      // Memory may run ahead of the disk: nobody acts on it before it is durable.
      const std::lock_guard lock(state_mutex_);
      state_.phase = SpoolPhase::kStreaming;
      snapshots_ = std::move(marks);
    }
    newest_history_.changes_end = end.end_lsn;
    writer_->End(newest_ended_, newest_history_);
  }

  void AdvanceIdle(Lsn end_lsn) {
    if (end_lsn <= newest_ended_.end_lsn) return;
    newest_ended_.end_lsn = end_lsn;
    writer_->End(newest_ended_, newest_history_);
  }

  SpoolWriter& writer() { return *writer_; }
  RereadNotes& reread_notes() { return rereads_; }
  TableKeys& table_keys() { return table_keys_; }
  TopicNotes& topic_notes() { return topic_notes_; }

  // Whoever wrote: the writer, the start-up code, or the publisher with its hints.
  bool failed() const { return writer_->failed() || store_.failed(); }

  void Recover() {
    if (!failed()) return;
    RequireRoomToOpen(options_);
    writer_->Suspend();
    store_.Reopen();
    LoadState(Published::kKnown);
    writer_->Restart();
    DropUncaptured();
    spdlog::info("The spool was opened again and read back, captured up to {}",
                 captured().end_lsn.ToString());
    captured_changed_.notify_all();
  }

  // --- Publish ---

  SpoolBatch Read(const Position& after, const ReadLimits& limits) {
    const Progress end = captured();
    const Position limit{limits.before, 0};
    const bool is_limited = limit <= end.position;
    Progress through = end;
    if (is_limited) {
      const Position last = Position::EndOf(Lsn{limits.before.value - 1});
      through = {std::max(after, last), Lsn::Invalid()};
    }
    SpoolBatchBuilder builder(limits);
    if (after < end.position && after < limit) {
      // Nothing above `captured` is read: it may be an unfinished transaction.
      store_.Scan(
          Family::kChanges, KeyAfter(after),
          is_limited ? std::string(EncodePositionKey(limit)) : KeyAfter(end.position),
          [&](std::string_view key, std::string_view value) { return builder.Take(key, value); });
    }
    return builder.Finish(through);
  }

  const TableSchema& Schema(SchemaId id) {
    const std::lock_guard lock(schemas_mutex_);
    const auto found = schemas_.find(id);
    if (found == schemas_.end()) {
      throw CorruptSpool("a change refers to schema " + std::to_string(id.value) +
                         ", which is not there");
    }
    return found->second;
  }

  void WaitForCaptured(const Progress& seen, Duration timeout, const Stop& stop) {
    std::unique_lock lock(state_mutex_);
    options_.clock->WaitUntil(&lock, &captured_changed_, options_.clock->Now() + timeout,
                              [&] { return state_.captured != seen || stop.requested(); });
  }

  void SetPublished(const Progress& published) {
    {
      const std::lock_guard lock(state_mutex_);
      BW_CHECK(published.position >= state_.published.position);
      state_.published.position = published.position;
      // Within a split transaction there is no new end LSN.
      state_.published.end_lsn = std::max(state_.published.end_lsn, published.end_lsn);
    }
    // Only a hint, and publishing must go on while nothing can be written here: that is what makes
    // room on a full disk.
    try {
      WriteMeta(kMetaPublished, EncodeProgress(this->published()), /*sync=*/false);
    } catch (const Error& error) {
      spdlog::debug("published position not noted: {}", error.what());
    }
  }

  void RewindPublished(const Progress& published) {
    {
      const std::lock_guard lock(state_mutex_);
      state_.published = published;
    }
    WriteMeta(kMetaPublished, EncodeProgress(published), /*sync=*/true);
  }

  void SetKafkaClusterId(const std::string& cluster_id) {
    {
      const std::lock_guard lock(state_mutex_);
      if (state_.kafka_cluster_id == cluster_id) return;
      state_.kafka_cluster_id = cluster_id;
    }
    WriteMeta(kMetaKafkaCluster, cluster_id, /*sync=*/true);
  }

  std::map<std::string, int32_t> RegistryIds() {
    const auto body = ReadMeta(kMetaRegistryIds);
    return body ? DecodeRegistryIds(*body) : std::map<std::string, int32_t>();
  }

  void NoteRegistryIds(const std::map<std::string, int32_t>& ids) {
    WriteMeta(kMetaRegistryIds, EncodeRegistryIds(ids), /*sync=*/true);
  }

  std::vector<SnapshotMark> snapshots() const {
    const std::lock_guard lock(state_mutex_);
    std::vector<SnapshotMark> snapshots = snapshots_;
    // The first one's permission may have come after it.
    for (SnapshotMark& mark : snapshots) mark.purges = mark.purges || state_.supersedes;
    return snapshots;
  }

  // Asked for before each Kafka transaction: copies no table names that nobody needs.
  std::optional<SnapshotMark> NextPurge(const Position& published) const {
    const std::lock_guard lock(state_mutex_);
    for (const SnapshotMark& mark : snapshots_) {
      if (!mark.purges && !state_.supersedes) continue;
      if (published >= Position::EndOf(mark.tombstones_lsn())) continue;
      SnapshotMark next = mark;
      next.purges = true;
      return next;
    }
    return std::nullopt;
  }

  std::vector<std::string> remedies() const {
    const std::lock_guard lock(state_mutex_);
    return state_.remedies;
  }

  void ForgetRemedies(const std::vector<std::string>& said) {
    const std::lock_guard remedies_lock(remedies_mutex_);
    std::vector<std::string> left = remedies();
    if (std::erase_if(left, [&](const std::string& remedy) {
          return std::ranges::find(said, remedy) != said.end();
        }) == 0) {
      return;
    }
    {
      const std::lock_guard lock(state_mutex_);
      state_.remedies = left;
    }
    try {
      WriteMeta(kMetaRemedies, EncodeRemedies(left), /*sync=*/false);
    } catch (const Error& error) {
      spdlog::debug("remedies stay noted: {}", error.what());
    }
  }

  void Supersede(const std::string& lineage) {
    ChangeIdentity([&](SpoolState* state) {
      if (!state->supersedes) state->supersedes.emplace();
      state->supersedes->push_back(lineage);
    });
  }

  std::unique_ptr<ScratchSet> MakeScratch() {
    RequireRoomToOpen(options_);
    return std::make_unique<ScratchSet>(scratch_path(), options_.env, [this](uint64_t bytes) {
      return FreeBytesOf(options_) >= options_.min_free_bytes + bytes;
    });
  }

  void Trim(const Position& through) {
    if (through <= state().trimmed) return;
    try {
      // The head moves first: whatever of the files below it a crash leaves, nobody reads it.
      WriteMeta(kMetaTrimmed, EncodeProgress({through, Lsn::Invalid()}), /*sync=*/false);
      BW_KILL_POINT("spool.trim_head_moved");
      store_.DeleteFiles("", EncodePositionKey(through));
    } catch (const Error& error) {
      spdlog::debug("spool not trimmed now: {}", error.what());
      return;  // The next trim covers this one.
    }
    const std::lock_guard lock(state_mutex_);
    state_.trimmed = through;
  }

  Figures figures() {
    Figures figures;
    {
      const std::lock_guard lock(state_mutex_);
      figures = figures_;
    }
    figures.bytes_on_disk = BytesOnDisk();
    return figures;
  }

  Progress captured() const {
    const std::lock_guard lock(state_mutex_);
    return state_.captured;
  }

  Progress published() const {
    const std::lock_guard lock(state_mutex_);
    return state_.published;
  }

 private:
  // Whether state_.published counts: Kafka has it, and the hint on the disk may be behind.
  enum class Published { kUnknown, kKnown };

  void LoadState(Published published) {
    SpoolState loaded;
    if (const auto format = ReadMeta(kMetaFormat)) {
      CheckFormatVersion(*format);
      if (const auto body = ReadMeta(kMetaIdentity)) DecodeIdentity(*body, &loaded);
      if (const auto body = ReadMeta(kMetaCaptured)) loaded.captured = DecodeProgress(*body);
      loaded.history.changes_end = loaded.captured.end_lsn;  // In a spool of an older program.
      if (const auto body = ReadMeta(kMetaHistory)) loaded.history = DecodeHistory(*body);
      if (const auto body = ReadMeta(kMetaPublished)) loaded.published = DecodeProgress(*body);
      if (const auto body = ReadMeta(kMetaTrimmed)) {
        loaded.trimmed = DecodeProgress(*body).position;
      }
      if (const auto body = ReadMeta(kMetaKafkaCluster)) loaded.kafka_cluster_id = *body;
      if (const auto body = ReadMeta(kMetaRemedies)) loaded.remedies = DecodeRemedies(*body);
      LoadSnapshots();
      rereads_.Load();
      table_keys_.Load();
    } else {
      WriteMeta(kMetaFormat, EncodeFormatVersion(), /*sync=*/true);
    }
    const std::lock_guard lock(state_mutex_);
    if (published == Published::kKnown) loaded.published = state_.published;
    state_ = std::move(loaded);
    newest_appended_ = state_.captured.position;
    newest_ended_ = state_.captured;
    newest_history_ = state_.history;
  }

  void LoadSnapshots() {
    std::vector<SnapshotMark> loaded;
    if (const auto body = ReadMeta(kMetaSnapshots)) loaded = DecodeSnapshots(*body);
    const std::lock_guard lock(state_mutex_);
    snapshots_ = std::move(loaded);
  }

  template <typename Change>
  void ChangeIdentity(const Change& change) {
    const std::lock_guard identity_lock(identity_mutex_);
    SpoolState changed = state();
    change(&changed);
    rocksdb::WriteBatch batch;
    PutMeta(&batch, kMetaIdentity, EncodeIdentity(changed));
    store_.Write(&batch, /*sync=*/true);
    const std::lock_guard lock(state_mutex_);
    change(&state_);
  }

  std::string scratch_path() const {
    return directory_ ? directory_->scratch_path() : options_.directory + ".scratch";
  }

  void LoadSchemas() {
    const std::lock_guard lock(schemas_mutex_);
    std::map<SchemaId, TableSchema> durable;
    store_.Scan(Family::kSchemas, "", "\xFF", [&](std::string_view key, std::string_view value) {
      durable.emplace(DecodeSchemaKey(key), DecodeTableSchema(UnwrapMeta(key, value)));
      return true;
    });
    // References to schemas that stay must stay valid: only add and remove.
    std::erase_if(schemas_, [&](const auto& entry) { return !durable.contains(entry.first); });
    schemas_.merge(durable);
    schema_ids_.clear();
    for (const auto& [id, schema] : schemas_) schema_ids_.emplace(EncodeTableSchema(schema), id);
  }

  // Replaces everything the spool holds by `fresh` under a new lineage.
  void Reset(SpoolState fresh) {
    writer_->Restart();
    fresh.lineage = RandomId();
    rocksdb::WriteBatch batch;
    store_.DeleteRange(&batch, Family::kChanges, "", kBehindAllPositions);
    store_.DeleteRange(&batch, Family::kSchemas, "", "\xFF");
    PutMeta(&batch, kMetaIdentity, EncodeIdentity(fresh));
    PutMeta(&batch, kMetaCaptured, EncodeProgress(fresh.captured));
    PutMeta(&batch, kMetaHistory, EncodeHistory(fresh.history));
    PutMeta(&batch, kMetaPublished, EncodeProgress(fresh.published));
    PutMeta(&batch, kMetaTrimmed, EncodeProgress({fresh.trimmed, Lsn::Invalid()}));
    PutMeta(&batch, kMetaKafkaCluster, fresh.kafka_cluster_id);
    PutMeta(&batch, kMetaSnapshots, EncodeSnapshots({}));
    // Every row is going to be published again, and keys under older ids get their tombstones.
    PutMeta(&batch, kMetaRegistryIds, EncodeRegistryIds({}));
    rereads_.ClearIn(&batch);
    table_keys_.ClearIn(&batch);
    store_.Delete(&batch, Family::kMeta, kMetaMembers);
    store_.Write(&batch, /*sync=*/true);
    LoadState(Published::kUnknown);
    LoadSchemas();
    FreeDeleted();
  }

  // The space of what a reset has deleted. Not before its batch is durable: until then a crash must
  // find the old spool whole. What fails here is left to compaction.
  void FreeDeleted() {
    try {
      store_.DeleteFiles("", kBehindAllPositions);
    } catch (const Error& error) {
      spdlog::debug("the old spool's files stay for now: {}", error.what());
    }
  }

  template <typename Encode>
  void AppendRecord(const Position& position, const Encode& encode) {
    const PositionKey key = EncodePositionKey(position);
    record_.clear();
    encode(key);
    writer_->Append(Family::kChanges, key, record_);
    newest_appended_ = position;
  }

  void AppendEnd(const TransactionEnd& end) {
    const Position position = Position::EndOf(end.commit_lsn);
    BW_CHECK(position > newest_ended_.position);
    // A database that was set back to where it had all our changes, and less idle WAL than we have
    // noted, goes on below that.
    newest_ended_ = {position, std::max(end.end_lsn, newest_ended_.end_lsn)};
    AppendRecord(position, [&](std::string_view key) {
      EncodeTransactionEnd(key, newest_ended_.end_lsn, &record_);
    });
  }

  void OnDurable(const SpoolWriter::Durable& durable) {
    {
      const std::lock_guard lock(state_mutex_);
      BW_CHECK(durable.captured.position >= state_.captured.position);
      BW_CHECK(durable.captured.end_lsn >= state_.captured.end_lsn);
      state_.captured = durable.captured;
      state_.history = durable.history;
      figures_.changes_captured += durable.changes;
      ++figures_.syncs;
    }
    captured_changed_.notify_all();
  }

  std::optional<std::string> CheckRoom(uint64_t bytes) {
    const uint64_t free = FreeBytesOf(options_);
    if (free < options_.min_free_bytes + bytes) {
      return fmt::format("the disk of the spool \"{}\" is full ({} MiB free, {} MiB are kept free)",
                         options_.directory, free / kMiB, options_.min_free_bytes / kMiB);
    }
    if (IsBeyondMaxBytes(bytes)) Reclaim();
    // With everything published there is nothing to wait for: a transaction that is larger than the
    // limit alone would otherwise wait for ever, and a snapshot, which is published when it is
    // whole.
    if (IsBeyondMaxBytes(bytes) && published().position < captured().position) {
      return fmt::format("the spool has reached --spool-max-bytes ({} MiB)",
                         options_.max_bytes / kMiB);
    }
    return std::nullopt;
  }

  bool IsBeyondMaxBytes(uint64_t more) {
    return options_.max_bytes != 0 && BytesOnDisk() + more > options_.max_bytes;
  }

  // What was trimmed may still be in memory and in RocksDB's log, where no trimming frees it. Only
  // the writer's thread calls it.
  void Reclaim() {
    const Position trimmed = state().trimmed;
    if (trimmed == reclaimed_) return;
    try {
      store_.Reclaim(EncodePositionKey(trimmed));
    } catch (const Error& error) {
      spdlog::debug("spool not reclaimed now: {}", error.what());
      return;
    }
    reclaimed_ = trimmed;
    const std::lock_guard lock(disk_mutex_);
    bytes_on_disk_at_ = {};
  }

  uint64_t BytesOnDisk() {
    const std::lock_guard lock(disk_mutex_);
    const TimePoint now = options_.clock->Now();
    if (now - bytes_on_disk_at_ >= kDiskFigureAge) {
      bytes_on_disk_ = DirectoryBytes(DatabasePath(options_), options_.env);
      bytes_on_disk_at_ = now;
    }
    return bytes_on_disk_;
  }

  std::optional<std::string> ReadMeta(const char* name) {
    const auto value = store_.Get(Family::kMeta, name);
    if (!value) return std::nullopt;
    return std::string(UnwrapMeta(name, *value));
  }

  void PutMeta(rocksdb::WriteBatch* batch, const char* name, std::string_view body) {
    store_.Put(batch, Family::kMeta, name, WrapMeta(name, body));
  }

  void WriteMeta(const char* name, std::string_view body, bool sync) {
    rocksdb::WriteBatch batch;
    PutMeta(&batch, name, body);
    store_.Write(&batch, sync);
  }

  const SpoolOptions options_;
  const std::unique_ptr<SpoolDirectory> directory_;  // None under a simulated file system.
  SpoolStore store_;
  RereadNotes rereads_{&store_};
  TableKeys table_keys_{&store_};
  TopicNotes topic_notes_{&store_};

  std::mutex identity_mutex_;  // Held by whoever changes what EncodeIdentity() writes.
  std::mutex remedies_mutex_;  // Held by whoever changes what EncodeRemedies() writes.

  mutable std::mutex state_mutex_;  // Protects the members down to figures_.
  std::condition_variable captured_changed_;
  SpoolState state_;
  std::vector<SnapshotMark> snapshots_;
  Figures figures_;

  std::mutex schemas_mutex_;  // Protects the two maps.
  std::map<SchemaId, TableSchema> schemas_;
  std::map<std::string, SchemaId> schema_ids_;  // By encoded schema.

  std::mutex disk_mutex_;  // Protects the two figures.
  Position reclaimed_;     // Up to here Reclaim() has freed what can be freed.
  uint64_t bytes_on_disk_ = 0;
  TimePoint bytes_on_disk_at_{};

  // The capturing thread's own.
  Position newest_appended_;
  Progress newest_ended_;           // Ended, durable or not.
  CapturedHistory newest_history_;  // Likewise.
  std::string record_;              // Reused.

  std::unique_ptr<SpoolWriter> writer_;  // Last: its thread uses everything above.
};

std::unique_ptr<Spool> Spool::Open(const SpoolOptions& options) {
  return std::unique_ptr<Spool>(new Spool(std::make_unique<Impl>(options)));
}

bool Spool::HasRoomToOpen(const SpoolOptions& options) {
  return FreeBytesOf(options) >= kOpenFreeBytes;
}

bool Spool::Exists(const SpoolOptions& options) {
  return HasStore(DatabasePath(options), options.env);
}

Spool::Spool(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Spool::~Spool() = default;

SpoolState Spool::state() const { return impl_->state(); }
Progress Spool::captured() const { return impl_->captured(); }
Progress Spool::published() const { return impl_->published(); }
void Spool::BeginFirstStart(const Source& source,
                            const std::optional<std::vector<std::string>>& supersedes) {
  impl_->BeginFirstStart(source, supersedes);
}
void Spool::BeginStreamingAt(const Source& source, const Progress& captured,
                             const std::string& predecessor) {
  impl_->BeginStreamingAt(source, captured, predecessor);
}
void Spool::SetTimeline(uint32_t timeline) { impl_->SetTimeline(timeline); }
void Spool::NoteRemedy(const std::string& remedy) { impl_->NoteRemedy(remedy); }
void Spool::NoteReread(const TableName& table, const std::string& reason) {
  NoteRereads({table}, reason);
}
void Spool::NoteRereads(const std::vector<TableName>& tables, const std::string& reason) {
  impl_->reread_notes().Note(tables, reason);
}
std::vector<Reread> Spool::rereads() const { return impl_->reread_notes().all(); }
void Spool::ForgetReread(const Reread& note) { impl_->reread_notes().Forget(note); }
std::optional<std::vector<uint32_t>> Spool::accounted_members() const {
  return impl_->accounted_members();
}
void Spool::SetAccountedMembers(const std::vector<uint32_t>& members) {
  impl_->SetAccountedMembers(members);
}
void Spool::BeginReread() { impl_->reread_notes().BeginReread(); }
void Spool::NoteTableKeys(const std::vector<TableKey>& keys) { impl_->table_keys().Note(keys); }
std::optional<TableKey> Spool::FindTableKey(uint32_t relation) const {
  return impl_->table_keys().Find(relation);
}
void Spool::DropUncaptured() { impl_->DropUncaptured(); }
void Spool::AppendTableKey(const TableKey& key) { impl_->AppendTableKey(key); }
SchemaId Spool::AddSchema(const TableSchema& schema) { return impl_->AddSchema(schema); }
void Spool::Append(const Change& change) { impl_->Append(change); }
void Spool::EndTransaction(const TransactionEnd& end) { impl_->EndTransaction(end); }
bool Spool::EndSnapshot(const TransactionEnd& end, const std::vector<TableName>& tables,
                        const Stop& stop) {
  impl_->EndSnapshot(end, tables);
  while (!stop.requested()) {
    if (impl_->writer().WaitUntilDurable(std::chrono::seconds(1), stop)) return true;
  }
  return false;
}
void Spool::AdvanceIdle(Lsn end_lsn) { impl_->AdvanceIdle(end_lsn); }
bool Spool::HasRoom() const { return impl_->writer().HasRoom(); }
bool Spool::WaitForRoom(Duration timeout, const Stop& stop) {
  return impl_->writer().WaitForRoom(timeout, stop);
}
bool Spool::WaitUntilDurable(Duration timeout, const Stop& stop) {
  return impl_->writer().WaitUntilDurable(timeout, stop);
}
std::optional<std::string> Spool::Obstacle() const { return impl_->writer().obstacle(); }
bool Spool::failed() const { return impl_->failed(); }
void Spool::Recover() { impl_->Recover(); }
SpoolBatch Spool::Read(const Position& after, const ReadLimits& limits) {
  return impl_->Read(after, limits);
}
const TableSchema& Spool::Schema(SchemaId id) { return impl_->Schema(id); }
void Spool::WaitForCaptured(const Progress& seen, Duration timeout, const Stop& stop) {
  impl_->WaitForCaptured(seen, timeout, stop);
}
void Spool::SetPublished(const Progress& published) { impl_->SetPublished(published); }
void Spool::RewindPublished(const Progress& published) { impl_->RewindPublished(published); }
std::map<std::string, int32_t> Spool::RegistryIds() { return impl_->RegistryIds(); }

void Spool::NoteRegistryIds(const std::map<std::string, int32_t>& ids) {
  impl_->NoteRegistryIds(ids);
}

void Spool::SetKafkaClusterId(const std::string& cluster_id) {
  impl_->SetKafkaClusterId(cluster_id);
}
std::vector<SnapshotMark> Spool::snapshots() const { return impl_->snapshots(); }
std::optional<SnapshotMark> Spool::NextPurge(const Position& published) const {
  return impl_->NextPurge(published);
}
std::vector<std::string> Spool::remedies() const { return impl_->remedies(); }
void Spool::ForgetRemedies(const std::vector<std::string>& said) { impl_->ForgetRemedies(said); }
void Spool::Supersede(const std::string& lineage) { impl_->Supersede(lineage); }
std::unique_ptr<ScratchSet> Spool::MakeScratch() { return impl_->MakeScratch(); }
void Spool::Trim(const Position& through) { impl_->Trim(through); }
TopicClaimNotes Spool::topic_claims(const std::string& checkpoint_topic) const {
  return impl_->topic_notes().Claims(checkpoint_topic);
}
bool Spool::NoteTopicClaims(const TopicClaimNotes& fresh) {
  return impl_->topic_notes().NoteClaims(fresh);
}
std::vector<TableName> Spool::held_tables() const { return impl_->topic_notes().Held(); }
void Spool::NoteHeld(const TableName& table) { impl_->topic_notes().NoteHeld(table); }
void Spool::ForgetHeld(const TableName& table) { impl_->topic_notes().ForgetHeld(table); }
Spool::Figures Spool::figures() const { return impl_->figures(); }

}  // namespace bw
