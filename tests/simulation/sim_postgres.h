#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "avro/table.h"
#include "capture/capture_options.h"
#include "capture/postgres_server.h"
#include "simulation/random.h"
#include "simulation/sim_clock.h"
#include "spool/change.h"

namespace bw::simulation {

// A table of two columns: an id, and a text that is different in every row that was ever written,
// by which the checkers know a row again.
struct SimTable {
  uint32_t oid = 0;
  std::string name;
  bool keyed = true;

  Table Describe() const;
};

struct RowChange {
  size_t table = 0;
  Operation operation = Operation::kInsert;
  int64_t id = 0;
  std::optional<int64_t> old_id;  // Of an update that changed the key.
  std::string text;               // Of the new row.
};

struct Transaction {
  Lsn commit_lsn;
  Lsn end_lsn;
  uint32_t xid = 0;
  int64_t commit_time_us = 0;
  std::vector<RowChange> changes;
};

// One database of a server, as a replication client sees it: WAL with committed transactions, with
// rolled-back work and other databases' WAL between them, and one slot that remembers what was
// confirmed only as of the server's last checkpoint. Speaks pgoutput.
class SimPostgres {
 public:
  SimPostgres(SimScheduler* scheduler, uint64_t seed);

  // --- What users and the schedule do ---------------------------------------------------------

  // Commits a transaction of this many random changes.
  void Commit(uint64_t changes);
  // WAL that is nothing to us.
  void WriteOtherWal(uint64_t bytes);
  void CheckpointSlot() { confirmed_durable_ = confirmed_; }
  // Cuts every connection; a crash also takes the slot back to the last checkpoint.
  void CutConnections() { ++generation_; }
  void Crash();
  void SetUp(bool up);
  // Within transactions nothing may come for seconds: the walsender reads from a slow disk, or the
  // network is stuck.
  void SetStalls(bool stalls) { stalls_ = stalls; }
  // Another server answers at our address: a copy of ours, with a system identifier of its own.
  // Only while it is down.
  void SetImpostor(bool is) { impostor_ = is; }
  bool impostor() const { return impostor_; }
  // A cold copy of the server: its files, copied while it is stopped for a moment.
  void SaveCopy();
  // The copy is put back: what was committed since has never happened, and other transactions take
  // its LSNs and xids. Only while it is down, and there is a copy.
  void RestoreCopy();
  // Where the copy's WAL ends; nothing without one.
  std::optional<Lsn> copy_wal_end() const {
    return copy_ ? std::optional(copy_->wal_end) : std::nullopt;
  }
  // Each frame can be the last of its connection, in thousandths.
  void SetCutChance(uint64_t in_thousand) { cut_chance_ = in_thousand; }

  // A client of the process, with one slot and one pair of publications.
  std::unique_ptr<PostgresServer> Serve(SimProcess* process, const CaptureOptions& options,
                                        const Stop& stop);

  // --- What the checkers know -----------------------------------------------------------------

  const std::vector<SimTable>& tables() const { return tables_; }
  // By table, as committed.
  const std::vector<std::map<int64_t, std::string>>& rows() const { return rows_; }
  // The rows as the newest slot's snapshot shows them.
  const std::vector<RowChange>& snapshot() const { return snapshot_; }
  // All that ever committed, in order.
  const std::vector<Transaction>& transactions() const { return transactions_; }
  Lsn wal_end() const { return wal_end_; }
  Lsn confirmed() const { return confirmed_; }
  Lsn consistent_point() const { return consistent_point_; }
  // Called for each status message with the flush LSN, and the one that the slot had.
  void SetOnStatus(std::function<void(Lsn flush, Lsn before)> on_status) {
    on_status_ = std::move(on_status);
  }
  // Called when changes begin to be streamed.
  void SetOnStart(std::function<void()> on_start) { on_start_ = std::move(on_start); }
  uint64_t connections() const { return connections_; }

 private:
  friend class SimConnection;
  friend class SimCatalog;
  friend class SimServer;

  struct Copy {
    std::vector<std::map<int64_t, std::string>> rows;
    size_t transactions = 0;
    Lsn wal_end;
    uint32_t xid = 0;
    bool slot_exists = false;
    Lsn consistent_point;
    Lsn confirmed;
    std::vector<RowChange> snapshot;
    std::set<std::string> publications;
  };

  // What every request of a client begins with.
  void CheckUp(SimProcess* process) const;
  Lsn CreateSlot();
  ServerIdentity Identity() const;
  std::optional<SlotState> Slot() const;

  SimScheduler* const scheduler_;
  Random random_;
  std::vector<SimTable> tables_;
  std::vector<std::map<int64_t, std::string>> rows_;  // By table.
  std::vector<Transaction> transactions_;
  Lsn wal_end_{0x1000000};
  uint32_t xid_ = 700;
  uint64_t texts_ = 0;

  bool up_ = true;
  bool impostor_ = false;
  bool stalls_ = false;
  uint64_t generation_ = 0;  // Connections of an older one are cut.
  uint64_t cut_chance_ = 0;
  uint64_t connections_ = 0;

  std::optional<Copy> copy_;
  bool slot_exists_ = false;
  Lsn consistent_point_;
  Lsn confirmed_;
  Lsn confirmed_durable_;
  std::vector<RowChange> snapshot_;
  std::set<std::string> publications_;
  // The walsender of a connection that was cut lives on for a moment.
  TimePoint active_until_{};
  bool active_ = false;
  std::function<void(Lsn flush, Lsn before)> on_status_;
  std::function<void()> on_start_;
};

}  // namespace bw::simulation
