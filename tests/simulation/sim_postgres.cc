#include "simulation/sim_postgres.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <set>

#include "avro/postgres_type_name.h"
#include "base/error.h"
#include "base/stop.h"

namespace bw::simulation {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

constexpr uint32_t kInt8Oid = 20;
constexpr uint32_t kTextOid = 25;
constexpr uint64_t kStallMicrosMax = 10'000'000;
constexpr int64_t kPostgresEpochUs = 946'684'800'000'000;

// Big-endian, as the protocol has it.
template <typename Integer>
void Put(std::string* out, Integer value) {
  for (size_t i = sizeof(Integer); i-- > 0;) {
    out->push_back(static_cast<char>(static_cast<uint64_t>(value) >> (8 * i)));
  }
}

void PutText(std::string* out, const std::string& text) {
  out->push_back('t');
  Put(out, static_cast<uint32_t>(text.size()));
  *out += text;
}

std::string EncodeBegin(const Transaction& transaction) {
  std::string out = "B";
  Put(&out, transaction.commit_lsn.value);
  Put(&out, static_cast<uint64_t>(transaction.commit_time_us - kPostgresEpochUs));
  Put(&out, transaction.xid);
  return out;
}

std::string EncodeCommit(const Transaction& transaction) {
  std::string out = "C";
  out.push_back('\0');
  Put(&out, transaction.commit_lsn.value);
  Put(&out, transaction.end_lsn.value);
  Put(&out, static_cast<uint64_t>(transaction.commit_time_us - kPostgresEpochUs));
  return out;
}

std::string EncodeRelation(const SimTable& table) {
  std::string out = "R";
  Put(&out, table.oid);
  out += "public";
  out.push_back('\0');
  out += table.name;
  out.push_back('\0');
  out.push_back(table.keyed ? 'd' : 'n');
  Put(&out, uint16_t{2});
  const auto put_column = [&](bool key, const char* name, uint32_t oid) {
    out.push_back(key ? '\1' : '\0');
    out += name;
    out.push_back('\0');
    Put(&out, oid);
    Put(&out, static_cast<uint32_t>(-1));
  };
  put_column(table.keyed, "id", kInt8Oid);
  put_column(false, "v", kTextOid);
  return out;
}

void PutRow(std::string* out, int64_t id, const std::string& text) {
  Put(out, uint16_t{2});
  PutText(out, std::to_string(id));
  PutText(out, text);
}

void PutKey(std::string* out, int64_t id) {
  Put(out, uint16_t{2});
  PutText(out, std::to_string(id));
  out->push_back('n');
}

std::string EncodeChange(const SimTable& table, const RowChange& change) {
  std::string out;
  switch (change.operation) {
    case Operation::kInsert:
    case Operation::kSnapshot:
      out = "I";
      Put(&out, table.oid);
      out.push_back('N');
      PutRow(&out, change.id, change.text);
      break;
    case Operation::kUpdate:
      out = "U";
      Put(&out, table.oid);
      if (change.old_id) {
        out.push_back('K');
        PutKey(&out, *change.old_id);
      }
      out.push_back('N');
      PutRow(&out, change.id, change.text);
      break;
    case Operation::kDelete:
      out = "D";
      Put(&out, table.oid);
      out.push_back('K');
      PutKey(&out, change.id);
      break;
  }
  return out;
}

}  // namespace

Table SimTable::Describe() const {
  Table table;
  table.schema = "public";
  table.name = name;
  table.columns = {{"id", kInt8Oid, -1, "", keyed}, {"v", kTextOid, -1, "", false}};
  for (Column& column : table.columns) {
    column.type_name = PostgresTypeName(column.type_oid, column.typmod, "");
  }
  return table;
}

// One walsender's life.
class SimStream : public ReplicationStream {
 public:
  SimStream(SimPostgres* postgres, SimProcess* process, const Stop* stop)
      : postgres_(postgres), process_(process), stop_(stop), generation_(postgres->generation_) {}
  ~SimStream() override { Leave(milliseconds(postgres_->random_.Below(3'000))); }

  void Start(const StreamStart& start) override {
    Enter();
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
    frames_.push_back(EncodeBegin(transaction));
    for (const RowChange& change : transaction.changes) {
      const SimTable& table = postgres_->tables_[change.table];
      if (announced_.insert(table.oid).second || postgres_->random_.Chance(20)) {
        frames_.push_back(EncodeRelation(table));
      }
      frames_.push_back(EncodeChange(table, change));
    }
    frames_.push_back(EncodeCommit(transaction));
  }

  SimPostgres* const postgres_;
  SimProcess* const process_;
  const Stop* const stop_;
  const uint64_t generation_;
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
               slot_exists_, consistent_point_,    confirmed_, snapshot_};
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
}

void SimPostgres::CheckUp(SimProcess* process) const {
  process->CheckAlive();
  scheduler_->Sleep(milliseconds(1));
  if (!up_) throw TransientError("PostgreSQL is away");
}

Lsn SimPostgres::CreateSlot(SimProcess* process) {
  CheckUp(process);
  if (slot_exists_) throw TransientError("the slot exists");
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

void SimPostgres::DropSlot(SimProcess* process) {
  CheckUp(process);
  slot_exists_ = false;
}

ServerFacts SimPostgres::Identify(SimProcess* process) const {
  CheckUp(process);
  ServerFacts facts;
  facts.system_identifier = impostor_ ? "7300000000000000002" : "7300000000000000001";
  facts.database = "shop";
  facts.timeline = 1;
  facts.wal_end = wal_end_;
  return facts;
}

SlotFacts SimPostgres::Slot(SimProcess* process) const {
  CheckUp(process);
  SlotFacts facts;
  facts.name = "bottledwater";
  facts.exists = slot_exists_;
  if (!slot_exists_) return facts;
  facts.confirmed_flush = confirmed_;
  facts.active = active_ || scheduler_->Now() < active_until_;
  facts.wal_status = "reserved";
  facts.plugin = "pgoutput";
  facts.database = "shop";
  return facts;
}

std::unique_ptr<ReplicationStream> SimPostgres::Connect(SimProcess* process, const Stop* stop) {
  CheckUp(process);
  return std::make_unique<SimStream>(this, process, stop);
}

}  // namespace bw::simulation
