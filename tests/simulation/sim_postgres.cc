#include "simulation/sim_postgres.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <deque>
#include <set>
#include <utility>

#include "avro/row_encoder.h"
#include "base/error.h"
#include "base/stop.h"
#include "capture/change_assembler.h"
#include "capture/pgoutput_message.h"
#include "capture/snapshot_appender.h"
#include "support/make_table.h"
#include "support/pgoutput_builder.h"

namespace bw::simulation {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

constexpr uint32_t kInt8Oid = 20;
constexpr uint32_t kTextOid = 25;
constexpr uint64_t kStallMicrosMax = 10'000'000;

// Big-endian, as the protocol has it.
uint64_t PostgresTime(const Transaction& transaction) {
  return static_cast<uint64_t>(transaction.commit_time_us - kPostgresEpochUs);
}

std::string EncodeRelation(const SimTable& table) {
  return pgoutput::Relation(table.oid, "public", table.name,
                            {{"id", kInt8Oid, table.keyed}, {"v", kTextOid}},
                            table.keyed ? 'd' : 'n');
}

pgoutput::Cell Id(int64_t id) { return {std::to_string(id), false}; }

std::string EncodeChange(const SimTable& table, const RowChange& change) {
  const pgoutput::Row row = {Id(change.id), {change.text, false}};
  switch (change.operation) {
    case Operation::kInsert:
    case Operation::kSnapshot:
    case Operation::kTruncate:
    case Operation::kRefused:
      break;
    case Operation::kUpdate:
      if (!change.old_id) return pgoutput::Update(table.oid, row);
      return pgoutput::UpdateFrom(table.oid, 'K', {Id(*change.old_id), pgoutput::Cell::Null()},
                                  row);
    case Operation::kDelete:
      return pgoutput::Delete(table.oid, 'K', {Id(change.id), pgoutput::Cell::Null()});
  }
  return pgoutput::Insert(table.oid, row);
}

}  // namespace

Table SimTable::Describe() const {
  Table table;
  table.schema = "public";
  table.name = name;
  table.columns = {MakeColumn("id", kInt8Oid, keyed), MakeColumn("v", kTextOid)};
  return table;
}

// Publications by their names: of the pair, the first has the tables with a key.
class SimCatalog : public ServerCatalog {
 public:
  SimCatalog(SimPostgres* postgres, SimProcess* process, const CaptureOptions& options)
      : postgres_(postgres), process_(process), options_(options) {}

  std::vector<CapturedTable> ReadTables() override {
    postgres_->CheckUp(process_);
    std::vector<CapturedTable> tables;
    for (const SimTable& each : postgres_->tables_) {
      CapturedTable& table = tables.emplace_back();
      table.oid = each.oid;
      table.table = each.Describe();
      table.identity = each.keyed ? ReplicaIdentity::kDefault : ReplicaIdentity::kNothing;
      table.key_index = each.keyed ? each.name + "_pkey" : "";
      table.has_identity = each.keyed;
      table.may_use_schema = true;
      table.may_select = true;
    }
    return tables;
  }

  std::vector<Publication> ReadPublications(const std::vector<std::string>& names) override {
    postgres_->CheckUp(process_);
    std::vector<Publication> found;
    for (const std::string& name : names) {
      if (!postgres_->publications_.contains(name)) continue;
      Publication& publication = found.emplace_back();
      publication.name = name;
      publication.all_tables = name != options_.slot;
      publication.publishes_insert = true;
      publication.publishes_update = publication.publishes_delete = !publication.all_tables;
      for (const SimTable& table : postgres_->tables_) {
        if (table.keyed || publication.all_tables) {
          publication.tables.push_back({"public", table.name, {}, 0});
        }
      }
    }
    return found;
  }

  std::vector<std::string> FindPublications(bool expects_pair) override {
    std::vector<std::string> names;
    for (const auto& found : ReadPublications(CandidatePublications(options_))) {
      names.push_back(found.name);
    }
    if (expects_pair && names.size() != 2) {
      throw Error(ErrorKind::kHalt, "a publication is gone", ExitCode::kServerSetting);
    }
    return names;
  }

  std::vector<PublicationMember> ReadMembers(const std::string&) override {
    postgres_->CheckUp(process_);
    std::vector<PublicationMember> members;
    for (const SimTable& table : postgres_->tables_) {
      if (table.keyed) members.push_back({table.oid + 1'000, table.oid});
    }
    return members;
  }

  std::optional<TableKey> ReadPrimaryKey(RelationId) override { return std::nullopt; }
  FactsByTable ReadColumnFacts(const std::vector<uint32_t>&) override { return {}; }
  CommentsByTable ReadComments(const std::vector<uint32_t>&) override { return {}; }
  std::optional<IdentityKey> ReadIdentityKey(RelationId) override { return std::nullopt; }
  UserTypes ReadUserTypes(const std::vector<uint32_t>&) override { return {}; }
  bool IsEnding(uint32_t) override { return false; }
  std::vector<TableFingerprint> ReadFingerprints(const std::vector<uint32_t>&,
                                                 const std::vector<std::string>&) override {
    return {};
  }
  bool IndexIsBuiltConcurrently() override { return false; }

  void CreatePublications(const PublicationPlan& plan) override {
    postgres_->CheckUp(process_);
    postgres_->publications_.insert(plan.names.begin(), plan.names.end());
  }

 private:
  SimPostgres* const postgres_;
  SimProcess* const process_;
  const CaptureOptions& options_;
};

// One walsender's life.
class SimConnection : public ServerConnection {
 public:
  SimConnection(SimPostgres* postgres, SimProcess* process, const CaptureOptions& options,
                const Stop& stop)
      : postgres_(postgres),
        process_(process),
        stop_(&stop),
        generation_(postgres->generation_),
        catalog_(postgres, process, options) {}
  ~SimConnection() override { Leave(milliseconds(postgres_->random_.Below(3'000))); }

  ServerView Look() override {
    Ask();
    ServerView view;
    view.settings.wal_level = "logical";
    view.settings.max_replication_slots = 10;
    view.settings.max_wal_senders = 10;
    view.settings.server_encoding = "UTF8";
    view.settings.wal_sender_timeout = Duration(60'000);
    view.role = {"relay", /*superuser=*/true, /*replication=*/true};
    view.slot = postgres_->Slot();
    Ask();
    view.identity = postgres_->Identity();
    return view;
  }

  ServerCatalog* catalog() override { return &catalog_; }

  bool DropSlotIfExists() override {
    Ask();
    return std::exchange(postgres_->slot_exists_, false);
  }

  CreatedSlot CreateSlot(bool export_snapshot) override {
    Ask();
    if (postgres_->slot_exists_) {
      throw Error(ErrorKind::kHalt, "the slot exists already", ExitCode::kHaltForeignSlot);
    }
    const Lsn consistent_point = postgres_->CreateSlot();
    return {consistent_point, export_snapshot ? std::to_string(generation_) : ""};
  }

  CreatedSlot CreateTemporarySlot(std::optional<Duration>) override {
    throw Error(ErrorKind::kHalt, "re-snapshots of some tables are not simulated",
                ExitCode::kInternal);
  }
  int backend_pid() const override { return 0; }

  void Start(const StreamStart& start) override {
    Ask();
    if (!postgres_->slot_exists_) {
      throw Error(ErrorKind::kHalt, "the slot does not exist", ExitCode::kHaltSlot);
    }
    if (postgres_->on_start_) postgres_->on_start_();
    started_ = true;
    postgres_->active_ = true;
    ++postgres_->connections_;
    // As PostgreSQL does, without a word. Now and then more than was asked for is sent again, which
    // PostgreSQL does not do, and we do not rely on.
    const Lsn from = postgres_->random_.Chance(100)
                         ? postgres_->confirmed_
                         : std::max(start.start_lsn, postgres_->confirmed_);
    const auto& all = postgres_->transactions_;
    next_ = static_cast<size_t>(
        std::partition_point(all.begin(), all.end(),
                             [&](const Transaction& t) { return t.commit_lsn < from; }) -
        all.begin());
    sent_ = from;
  }

  std::optional<Frame> Receive(TimePoint deadline) override {
    Enter();
    if (deadline > process_->Now()) {
      const std::function<bool()> ready = [this] {
        return stop_->requested() || Broken() || HasFrame();
      };
      postgres_->scheduler_->Sleep(microseconds(postgres_->random_.Below(300)));
      // The end of a stall is nobody's event.
      const TimePoint until = Stalled() ? std::min(deadline, stalled_until_) : deadline;
      postgres_->scheduler_->WaitUntil(until, ready);
    }
    Enter();
    if (stop_->requested() || !HasFrame()) return std::nullopt;
    return NextFrame();
  }

  void SendStatus(const StandbyStatus& status) override {
    Enter();
    const Lsn before = postgres_->confirmed_;
    if (postgres_->on_status_) postgres_->on_status_(status.flush, before);
    // Older minor releases let the slot go back.
    postgres_->confirmed_ = status.flush;
    if (status.request_reply) reply_wanted_ = true;
  }

  void Finish() noexcept override { Leave(microseconds(0)); }

 private:
  // A request before the stream starts.
  void Ask() {
    postgres_->CheckUp(process_);
    if (Broken()) throw TransientError("connection to PostgreSQL lost");
  }

  bool Broken() const { return generation_ != postgres_->generation_ || !postgres_->up_; }

  void Enter() {
    process_->CheckAlive();
    if (process_->dead()) return;
    if (started_ && postgres_->random_.Chance(postgres_->cut_chance_)) cut_ = true;
    if (Broken() || cut_) throw TransientError("connection to PostgreSQL lost");
  }

  void Leave(microseconds after) noexcept {
    if (!started_) return;
    started_ = false;
    postgres_->active_ = false;
    postgres_->active_until_ = postgres_->scheduler_->Now() + after;
  }

  bool Stalled() const { return process_->Now() < stalled_until_; }

  bool HasFrame() const {
    if (Stalled()) return false;
    return !frames_.empty() || next_ < postgres_->transactions_.size() || reply_wanted_ ||
           sent_ < postgres_->wal_end_;
  }

  Frame NextFrame() {
    if (frames_.empty() && next_ < postgres_->transactions_.size()) QueueTransaction();
    if (frames_.empty()) {
      sent_ = postgres_->wal_end_;
      reply_wanted_ = false;
      return Keepalive{sent_, AsksForReply()};
    }
    // Also within a transaction, when the receiver is slow. The WAL end is then behind its commit,
    // which a real walsender says only after it, and we do not rely on. Before its Begin nobody
    // could know.
    if (frames_.front()[0] != 'B' && postgres_->random_.Chance(30)) {
      if (postgres_->stalls_ && postgres_->random_.Chance(100)) {
        stalled_until_ = process_->Now() + microseconds(postgres_->random_.Below(kStallMicrosMax));
      }
      return Keepalive{sent_, AsksForReply()};
    }
    bytes_ = std::move(frames_.front());
    frames_.pop_front();
    return XLogData{sent_, sent_, bytes_};
  }

  // Not twice in a row: only a server that shuts down does that.
  bool AsksForReply() {
    if (process_->Now() - asked_at_ < std::chrono::seconds(2)) return false;
    if (!postgres_->random_.Chance(200)) return false;
    asked_at_ = process_->Now();
    return true;
  }

  void QueueTransaction() {
    const Transaction& transaction = postgres_->transactions_[next_++];
    sent_ = std::max(sent_, transaction.end_lsn);
    frames_.push_back(
        pgoutput::Begin(transaction.commit_lsn.value, transaction.xid, PostgresTime(transaction)));
    for (const RowChange& change : transaction.changes) {
      const SimTable& table = postgres_->tables_[change.table];
      if (announced_.insert(table.oid).second || postgres_->random_.Chance(20)) {
        frames_.push_back(EncodeRelation(table));
      }
      frames_.push_back(EncodeChange(table, change));
    }
    frames_.push_back(pgoutput::Commit(transaction.commit_lsn.value, transaction.end_lsn.value,
                                       PostgresTime(transaction)));
  }

  SimPostgres* const postgres_;
  SimProcess* const process_;
  const Stop* const stop_;
  const uint64_t generation_;
  SimCatalog catalog_;
  bool started_ = false;
  bool cut_ = false;
  bool reply_wanted_ = false;
  size_t next_ = 0;  // Transaction.
  Lsn sent_;         // How far the walsender has read.
  std::deque<std::string> frames_;
  std::string bytes_;
  TimePoint asked_at_{};
  TimePoint stalled_until_{};
  std::set<uint32_t> announced_;
};

// New tables are not simulated.
class SimKeeper : public Keeper {
 public:
  std::unique_ptr<Watch> Run(Spool*) override { return std::make_unique<Watch>(); }
  void OnSessionBegins() override {}
  void OnRelationChanged(const CachedRelation&, Spool*) override {}
  std::optional<Lsn> outdated_at() const override { return std::nullopt; }
  bool reread_is_ready() const override { return false; }
  void RereadWasTried() override {}
};

class SimServer : public PostgresServer {
 public:
  SimServer(SimPostgres* postgres, SimProcess* process, const CaptureOptions& options,
            const Stop& stop)
      : postgres_(postgres), process_(process), options_(options), stop_(stop) {}

  std::unique_ptr<ServerConnection> Connect() override {
    postgres_->CheckUp(process_);
    return std::make_unique<SimConnection>(postgres_, process_, options_, stop_);
  }
  std::unique_ptr<ServerCatalog> OpenCatalog() override {
    return std::make_unique<SimCatalog>(postgres_, process_, options_);
  }
  std::unique_ptr<RowReader> OpenRowReader() override { return nullptr; }
  std::unique_ptr<SnapshotHold> HoldSnapshot(std::unique_ptr<ServerConnection>) override {
    throw Error(ErrorKind::kHalt, "re-snapshots of some tables are not simulated",
                ExitCode::kInternal);
  }
  SnapshotContent ReadSnapshot(const SnapshotSource& source, SnapshotHold* hold, Spool* spool,
                               CaptureFigures* figures) override;
  void AdvanceSlot(Lsn) override {
    throw Error(ErrorKind::kHalt, "transactions that cannot be sent are not simulated",
                ExitCode::kInternal);
  }
  void TakeBack(bool slot, const PublicationPlan* made) override {
    postgres_->CheckUp(process_);
    if (slot) postgres_->slot_exists_ = false;
    if (made == nullptr) return;
    for (const std::string& name : made->names) postgres_->publications_.erase(name);
  }
  Keeper& keeper() override { return keeper_; }

 private:
  SimPostgres* const postgres_;
  SimProcess* const process_;
  const CaptureOptions& options_;
  const Stop& stop_;
  SimKeeper keeper_;
};

SnapshotContent SimServer::ReadSnapshot(const SnapshotSource& source, SnapshotHold*, Spool* spool,
                                        CaptureFigures* figures) {
  SnapshotAppender appender(source.slot.consistent_point, process_->WallMicros(), spool, figures);
  SnapshotContent content;
  const auto append = [&](const FormSchemaIds& schemas, RowBatch* batch) {
    postgres_->CheckUp(process_);
    if (source.slot.snapshot_name != std::to_string(postgres_->generation_)) {
      throw TransientError("the snapshot is gone");
    }
    if (batch->empty()) return;
    if (!appender.WaitForRoom(stop_)) throw TransientError("the snapshot was stopped");
    appender.Append({}, schemas, *batch);
    content.rows += batch->rows();
    batch->Clear();
  };
  for (size_t index = 0; index < postgres_->tables_.size(); ++index) {
    const SimTable& table = postgres_->tables_[index];
    const Table described = table.Describe();
    const RowEncoder encoder(described);
    const FormSchemaIds schemas{appender.AddSchema(MakeTableSchema(described))};
    RowBatch batch;
    for (const RowChange& row : postgres_->snapshot_) {
      if (row.table != index) continue;
      const std::string id = std::to_string(row.id);
      const std::array values = {TextValue::Text(id), TextValue::Text(row.text)};
      if (table.keyed) {
        encoder.EncodeKey(values, {}, batch.buffer());
        batch.FinishKey();
      }
      encoder.EncodeValue(values, {}, batch.buffer());
      batch.FinishRow();
      if (batch.rows() == 3) append(schemas, &batch);
    }
    append(schemas, &batch);
    content.tables.push_back({described.schema, described.name});
  }
  return content;
}

SimPostgres::SimPostgres(SimScheduler* scheduler, uint64_t seed)
    : scheduler_(scheduler), random_(seed) {
  // The first two would have one topic.
  tables_ = {{16384, "it-ems", true}, {16390, "it_2d_ems", true}, {16396, "events", false}};
  rows_.resize(tables_.size());
}

void SimPostgres::Commit(uint64_t changes) {
  Transaction transaction;
  transaction.xid = ++xid_;
  for (uint64_t i = 0; i < changes; ++i) {
    RowChange change;
    change.table = random_.Below(tables_.size());
    auto& rows = rows_[change.table];
    const bool keyed = tables_[change.table].keyed;
    change.id = static_cast<int64_t>(random_.Below(12));
    const auto row = rows.find(change.id);
    change.text = fmt::format("text-{}-", ++texts_);
    if (!keyed || row == rows.end()) {
      change.operation = Operation::kInsert;
      if (!keyed) change.id = static_cast<int64_t>(texts_);
    } else if (random_.Chance(300)) {
      change.operation = Operation::kDelete;
    } else {
      change.operation = Operation::kUpdate;
      const auto other = static_cast<int64_t>(random_.Below(12));
      if (random_.Chance(300) && !rows.contains(other)) {
        change.old_id = change.id;
        change.id = other;
      }
    }
    if (change.old_id) rows.erase(*change.old_id);
    if (change.operation == Operation::kDelete) {
      rows.erase(change.id);
    } else {
      rows[change.id] = change.text;
    }
    transaction.changes.push_back(std::move(change));
  }
  // The WAL of the changes themselves may all lie before earlier commits: then nothing is between
  // two commits, and one's end is the next one's start.
  if (!random_.Chance(300)) wal_end_.value += 8 * random_.Between(changes, 40 * changes + 1);
  if (random_.Chance(100)) WriteOtherWal(random_.Below(5'000));
  transaction.commit_lsn = wal_end_;
  transaction.end_lsn = wal_end_ = Lsn{wal_end_.value + 40};
  transaction.commit_time_us =
      1'700'000'000'000'000 +
      std::chrono::duration_cast<microseconds>(scheduler_->Now().time_since_epoch()).count();
  transactions_.push_back(std::move(transaction));
}

void SimPostgres::WriteOtherWal(uint64_t bytes) { wal_end_.value += bytes / 8 * 8; }

void SimPostgres::Crash() {
  ++generation_;
  confirmed_ = std::min(confirmed_, confirmed_durable_);
}

void SimPostgres::SetUp(bool up) {
  if (!up) ++generation_;
  up_ = up;
}

void SimPostgres::SaveCopy() {
  ++generation_;
  confirmed_durable_ = confirmed_;
  copy_ = Copy{rows_,        transactions_.size(), wal_end_,   xid_,
               slot_exists_, consistent_point_,    confirmed_, snapshot_,
               publications_};
}

void SimPostgres::RestoreCopy() {
  ++generation_;
  rows_ = copy_->rows;
  transactions_.erase(transactions_.begin() + static_cast<ptrdiff_t>(copy_->transactions),
                      transactions_.end());
  wal_end_ = copy_->wal_end;
  xid_ = copy_->xid;
  slot_exists_ = copy_->slot_exists;
  consistent_point_ = copy_->consistent_point;
  confirmed_ = confirmed_durable_ = copy_->confirmed;
  snapshot_ = copy_->snapshot;
  publications_ = copy_->publications;
}

void SimPostgres::CheckUp(SimProcess* process) const {
  process->CheckAlive();
  scheduler_->Sleep(milliseconds(1));
  if (!up_) throw TransientError("PostgreSQL is away");
}

Lsn SimPostgres::CreateSlot() {
  slot_exists_ = true;
  wal_end_.value += 56;  // It logs the running transactions: no two slots begin at one point.
  consistent_point_ = confirmed_ = confirmed_durable_ = wal_end_;
  snapshot_.clear();
  for (size_t table = 0; table < tables_.size(); ++table) {
    for (const auto& [id, text] : rows_[table]) {
      snapshot_.push_back({table, Operation::kSnapshot, id, std::nullopt, text});
    }
  }
  return consistent_point_;
}

ServerIdentity SimPostgres::Identity() const {
  ServerIdentity identity;
  identity.system_identifier = impostor_ ? "7300000000000000002" : "7300000000000000001";
  identity.database = "shop";
  identity.timeline = 1;
  identity.wal_end = wal_end_;
  identity.version = 150004;
  return identity;
}

std::optional<SlotState> SimPostgres::Slot() const {
  if (!slot_exists_) return std::nullopt;
  SlotState slot;
  slot.name = "bottledwater";
  slot.plugin = "pgoutput";
  slot.database = "shop";
  slot.confirmed_flush = confirmed_;
  slot.wal_status = "reserved";
  if (active_ || scheduler_->Now() < active_until_) slot.active_pid = 4711;
  return slot;
}

std::unique_ptr<PostgresServer> SimPostgres::Serve(SimProcess* process,
                                                   const CaptureOptions& options,
                                                   const Stop& stop) {
  return std::make_unique<SimServer>(this, process, options, stop);
}

}  // namespace bw::simulation
