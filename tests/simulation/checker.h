#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "base/lsn.h"
#include "publish/publish_options.h"
#include "simulation/sim_kafka.h"
#include "simulation/sim_postgres.h"

namespace bw::simulation {

// Compares what a read_committed consumer sees with what the database has committed. Knows nothing
// of the relay but the message headers and the names of topics.
//
// While the schedule runs:
// - nothing becomes visible twice, and nothing that never committed
// - of a PostgreSQL transaction that fits a Kafka transaction, all rows become visible at once
// - a topic has the rows of one table, which a claim has named before
// - the checkpoint never goes back, nor to a lineage that another one has followed
// - the spool trims nothing that no checkpoint covers, and nothing of the replay window
// - the slot is never told more than is captured, more than the lazy policy allows, or less than
//   it knows
// - a tombstone of a re-snapshot is for a key that its topic has and the snapshot has not
// At the end:
// - nothing is missing, but for what a re-snapshot has made unnecessary
// - per key, in the order of the commits
// - the last value of each key equals the row, and keys without one are no more
//
// The first violation counts; later ones may follow from it.
class Checker {
 public:
  // `whole_transactions_max`: transactions with more changes need not become visible at once.
  Checker(const SimPostgres* postgres, size_t whole_transactions_max)
      : postgres_(postgres), whole_transactions_max_(whole_transactions_max) {}

  // The snapshot may be taken again, with a new slot.
  void AllowResnapshots() { may_resnapshot_ = true; }

  void OnVisible(const std::vector<SimKafka::Seen>& records);
  struct Confirmation {
    Lsn flush;
    Lsn before;
    Lsn captured_end;
    Lsn published_end;
    Lsn wal_end;
    uint64_t max_wal_retained = 0;
  };
  void OnConfirm(const Confirmation& confirmation);
  // Whether everything that committed is visible.
  bool Complete();
  void OnEnd(const SimKafka& kafka);
  void Violate(const std::string& violation);

  // What the spool no longer has. It must be visible, and beyond the replay window.
  void OnTrimmed(const Position& trimmed, uint64_t replay_window_bytes);

  // Of the newest visible checkpoint; invalid when there is none.
  Lsn checkpoint_end() const { return checkpoint_end_; }
  const std::optional<std::string>& violation() const { return violation_; }
  uint64_t records_seen() const { return seen_.size(); }

 private:
  // A record as it must appear: by table, position and operation there is one at most.
  struct Expected {
    std::optional<int64_t> id;
    std::string text;         // Empty for a tombstone.
    bool superseded = false;  // A re-snapshot came before it was visible: it may stay away.
  };
  using Identity = std::tuple<std::string, Position, char>;

  void Learn();
  void Expect(const std::string& topic, const Position& position, char operation,
              std::optional<int64_t> id, std::string text);
  void LearnSnapshot();
  void LearnTransaction(const Transaction& transaction);
  bool IsPurge(const Identity& identity) const;
  void CheckPurge(const SimKafka::Seen& record, const Identity& identity);
  void CheckLastValues();
  void CheckClaim(const SimKafka::Seen& record);
  void CheckCheckpoint(const SimKafka::Seen& record);
  void CheckRecord(const SimKafka::Seen& record);
  std::optional<Identity> Identify(const SimKafka::Seen& record) const;

  const SimPostgres* const postgres_;
  const size_t whole_transactions_max_;
  std::optional<std::string> violation_;

  size_t learnt_ = 0;  // Transactions.
  Lsn snapshot_;       // The consistent point of the snapshot that was learnt.
  bool may_resnapshot_ = false;
  bool has_resnapshot_ = false;  // A second snapshot was learnt.
  // Of each re-snapshot, by the commit LSN of its tombstones: its keyed rows.
  std::map<Lsn, std::set<std::pair<std::string, int64_t>>> purges_;
  // What a consumer that keeps the last value of each key has, by table and key.
  struct Live {
    int64_t id = 0;
    std::string text;
  };
  std::map<std::pair<std::string, std::string>, Live> live_;
  std::map<Identity, Expected> expected_;
  std::map<Lsn, size_t> records_of_;  // Per commit LSN.
  std::map<Lsn, size_t> changes_of_;  // Per commit LSN.
  std::set<Identity> seen_;
  std::map<std::string, std::string> table_of_;  // By topic, as claims have said.
  std::map<Lsn, size_t> visible_of_;  // Per commit LSN.
  Position checkpoint_;
  std::string lineage_;               // The newest checkpoint's.
  std::set<std::string> superseded_;  // Lineages before it.
  Lsn checkpoint_end_;
  Lsn told_;  // The newest confirmed LSN of a slot, also where it went back since.
};

}  // namespace bw::simulation
