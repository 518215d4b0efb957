#include "simulation/checker.h"

#include <fmt/format.h>

#include <algorithm>

namespace bw::simulation {

namespace {

// Of a JSON object, a member that is a text without anything escaped.
std::string FieldOf(const std::string& json, const std::string& name) {
  const std::string begin = "\"" + name + "\":\"";
  const size_t at = json.find(begin);
  if (at == std::string::npos) return "";
  const size_t text = at + begin.size();
  return json.substr(text, json.find('"', text) - text);
}

}  // namespace

void Checker::Violate(const std::string& violation) {
  if (!violation_) violation_ = violation;
}

void Checker::Expect(const std::string& topic, const Position& position, char operation,
                     std::optional<int64_t> id, std::string text) {
  const bool superseded = position.commit_lsn < Lsn{snapshot_.value - 1};
  expected_[{topic, position, operation}] = {id, std::move(text), superseded};
  ++records_of_[position.commit_lsn];
}

// What has committed since the last time.
void Checker::Learn() {
  if (postgres_->consistent_point() != snapshot_) LearnSnapshot();
  if (!snapshot_.valid()) return;
  for (; learnt_ < postgres_->transactions().size(); ++learnt_) {
    const Transaction& transaction = postgres_->transactions()[learnt_];
    // What the spool before has captured may still become visible.
    if (transaction.commit_lsn < snapshot_ && !has_resnapshot_) continue;
    LearnTransaction(transaction);
  }
}

void Checker::LearnSnapshot() {
  has_resnapshot_ = may_resnapshot_ && snapshot_.valid();
  if (has_resnapshot_) {
    for (auto& [identity, row] : expected_)
      row.superseded = row.superseded || !seen_.contains(identity);
  } else {
    // A first start that was begun again: the former snapshot must not appear, the transactions
    // before the new one neither.
    expected_.clear();
    records_of_.clear();
    changes_of_.clear();
    learnt_ = 0;
  }
  snapshot_ = postgres_->consistent_point();
  auto& purge = purges_[Lsn{snapshot_.value - 2}];
  const Lsn commit_lsn{snapshot_.value - 1};
  uint64_t index = 0;
  for (const RowChange& row : postgres_->snapshot()) {
    const SimTable& table = postgres_->tables()[row.table];
    Expect(table.name, {commit_lsn, index++}, 'r',
           table.keyed ? std::optional(row.id) : std::nullopt, row.text);
    if (table.keyed) purge.emplace(table.name, row.id);
  }
  changes_of_[commit_lsn] = index;
}

void Checker::LearnTransaction(const Transaction& transaction) {
  changes_of_[transaction.commit_lsn] = transaction.changes.size();
  for (size_t i = 0; i < transaction.changes.size(); ++i) {
    const RowChange& change = transaction.changes[i];
    const SimTable& table = postgres_->tables()[change.table];
    const Position position{transaction.commit_lsn, i};
    if (change.old_id) Expect(table.name, position, 'd', change.old_id, "");
    const char operation = static_cast<char>(change.operation);
    Expect(table.name, position, operation, table.keyed ? std::optional(change.id) : std::nullopt,
           change.operation == Operation::kDelete ? "" : change.text);
  }
}

std::optional<Checker::Identity> Checker::Identify(const SimKafka::Seen& record) const {
  const auto lsn = record.headers.find("lsn");
  const auto operation = record.headers.find("op");
  if (lsn == record.headers.end() || operation == record.headers.end()) return std::nullopt;
  const auto position = Position::Parse(lsn->second);
  if (!position || operation->second.size() != 1) return std::nullopt;
  // A topic that nobody has claimed is no table's.
  const auto table = table_of_.find(record.partition.topic);
  return Identity{table == table_of_.end() ? "nobody's " + record.partition.topic : table->second,
                  *position, operation->second[0]};
}

void Checker::OnVisible(const std::vector<SimKafka::Seen>& records) {
  Learn();
  std::set<Lsn> touched;
  for (const SimKafka::Seen& record : records) {
    if (record.partition.topic.ends_with(".checkpoint")) {
      if (record.key == "checkpoint") CheckCheckpoint(record);
      if (record.key && record.key->starts_with("topic/")) CheckClaim(record);
      continue;
    }
    const auto identity = Identify(record);
    if (identity && IsPurge(*identity)) {
      CheckPurge(record, *identity);
      continue;
    }
    CheckRecord(record);
    if (identity) {
      const Lsn commit_lsn = std::get<Position>(*identity).commit_lsn;
      ++visible_of_[commit_lsn];
      touched.insert(commit_lsn);
    }
  }
  for (const Lsn commit_lsn : touched) {
    if (changes_of_[commit_lsn] > whole_transactions_max_) continue;
    if (visible_of_[commit_lsn] == records_of_[commit_lsn]) continue;
    Violate(fmt::format("a part of transaction {} is visible: {} of {} records",
                        commit_lsn.ToString(), visible_of_[commit_lsn], records_of_[commit_lsn]));
  }
}

void Checker::CheckRecord(const SimKafka::Seen& record) {
  const auto identity = Identify(record);
  const std::string where =
      fmt::format("{}-{}@{}", record.partition.topic, record.partition.partition, record.offset);
  if (!identity) return Violate("a record without our headers at " + where);
  const std::string what = fmt::format("{} {} {}", std::get<0>(*identity),
                                       std::get<1>(*identity).ToString(), std::get<2>(*identity));
  const auto expected = expected_.find(*identity);
  if (expected == expected_.end()) {
    return Violate(fmt::format("{} at {} never committed", what, where));
  }
  if (!seen_.insert(*identity).second) {
    return Violate(fmt::format("{} is there twice, again at {}", what, where));
  }
  const Expected& row = expected->second;
  if (row.text.empty() != !record.value) {
    return Violate(fmt::format("{} is a tombstone when it should not be, or the reverse", what));
  }
  if (record.value && record.value->find(row.text) == std::string::npos) {
    return Violate(what + " has another row's value");
  }
  if (row.id.has_value() != record.key.has_value()) {
    return Violate(what + " has a key too many or few");
  }
  if (!record.key) return;
  const auto key = std::pair(std::get<0>(*identity), *record.key);
  if (record.value) {
    live_[key] = {*row.id, row.text};
  } else {
    live_.erase(key);
  }
}

bool Checker::IsPurge(const Identity& identity) const {
  return has_resnapshot_ && purges_.contains(std::get<Position>(identity).commit_lsn);
}

void Checker::CheckPurge(const SimKafka::Seen& record, const Identity& identity) {
  const auto& [table, position, operation] = identity;
  const std::string what = fmt::format("{} {} {}", table, position.ToString(), operation);
  if (!seen_.insert(identity).second) return Violate(what + " is there twice");
  if (operation != 'd' || record.value || !record.key) {
    return Violate(what + " is no tombstone, where only a re-snapshot's can be");
  }
  const auto live = live_.find({table, *record.key});
  if (live == live_.end()) return Violate(what + " is a tombstone for a key that is no more");
  if (purges_.at(position.commit_lsn).contains({table, live->second.id})) {
    return Violate(what + " is a tombstone for a row of the new snapshot");
  }
  live_.erase(live);
}

void Checker::CheckClaim(const SimKafka::Seen& record) {
  if (!record.value) return Violate("a claim without value");
  const std::string topic = record.key->substr(std::string("topic/").size());
  const std::string table = FieldOf(*record.value, "table");
  const auto [known, is_new] = table_of_.try_emplace(topic, table);
  if (known->second != table) {
    Violate(fmt::format("topic {} is {}'s, and then {}'s", topic, known->second, table));
  }
}

void Checker::CheckCheckpoint(const SimKafka::Seen& record) {
  if (!record.value) return Violate("a checkpoint without value");
  const auto field = [&](const std::string& name) { return FieldOf(*record.value, name); };
  const auto position = Position::Parse(field("position"));
  checkpoint_end_ = Lsn::Parse(field("end_lsn")).value_or(Lsn::Invalid());
  if (!position) return Violate("a checkpoint whose position cannot be read");
  const std::string lineage = field("lineage");
  const bool begins_anew = may_resnapshot_ && lineage != lineage_;
  if (*position < checkpoint_ && !begins_anew) {
    Violate(fmt::format("the checkpoint went back from {} to {}", checkpoint_.ToString(),
                        position->ToString()));
  }
  checkpoint_ = *position;
  if (lineage != lineage_) {
    if (!lineage_.empty()) superseded_.insert(lineage_);
    lineage_ = lineage;
    if (superseded_.contains(lineage)) Violate("a spool that was replaced publishes again");
  }
}

void Checker::OnTrimmed(const Position& trimmed, uint64_t replay_window_bytes) {
  if (trimmed == Position::Zero()) return;
  const uint64_t newest = checkpoint_.commit_lsn.value;
  if (trimmed <= checkpoint_ && trimmed.commit_lsn.value + replay_window_bytes <= newest) return;
  Violate(fmt::format("trimmed up to {}, with a checkpoint at {} and a replay window of {} bytes",
                      trimmed.ToString(), checkpoint_.ToString(), replay_window_bytes));
}

void Checker::OnConfirm(const Confirmation& confirmation) {
  const auto violate = [&](const std::string& rule) {
    Violate(fmt::format("confirmed {} {}; before {}, captured {}, published {}, WAL end {}",
                        confirmation.flush.ToString(), rule, confirmation.before.ToString(),
                        confirmation.captured_end.ToString(), confirmation.published_end.ToString(),
                        confirmation.wal_end.ToString()));
  };
  if (confirmation.flush < confirmation.before) violate("goes back");
  if (confirmation.flush > confirmation.captured_end) violate("is not captured");
  if (confirmation.max_wal_retained == 0) return;
  const uint64_t bound = confirmation.wal_end.value > confirmation.max_wal_retained
                             ? confirmation.wal_end.value - confirmation.max_wal_retained
                             : 0;
  // A crash of PostgreSQL sets the slot back to before what it was told already.
  const Lsn lazy = std::max({confirmation.before, told_, confirmation.published_end, Lsn{bound}});
  if (confirmation.flush > lazy) violate("is neither published nor beyond --max-wal-retained");
  told_ = std::max(told_, confirmation.flush);
}

bool Checker::Complete() {
  Learn();
  return std::all_of(expected_.begin(), expected_.end(), [this](const auto& entry) {
    return entry.second.superseded || seen_.contains(entry.first);
  });
}

void Checker::OnEnd(const SimKafka& kafka) {
  Learn();
  if (violation_) return;
  // Per key, in commit order. Whether the key's bytes belong to the id is learnt from the first
  // record and must then hold.
  std::map<std::pair<std::string, std::string>, Position> newest;
  std::map<std::pair<std::string, std::string>, int64_t> ids;
  std::map<std::pair<std::string, int64_t>, std::string> keys;
  for (const SimKafka::Seen& record : kafka.ReadCommitted()) {
    const auto identity = Identify(record);
    if (!identity || !record.key) continue;
    const std::string& topic = std::get<0>(*identity);  // By its table's name.
    const Position& position = std::get<Position>(*identity);
    const auto key = std::pair(topic, *record.key);
    Position& last = newest[key];
    if (position < last) {
      return Violate(fmt::format("{}: {} comes after {} of the same key", topic,
                                 position.ToString(), last.ToString()));
    }
    last = position;
    if (IsPurge(*identity)) continue;
    const int64_t id = *expected_.at(*identity).id;
    if (ids.try_emplace(key, id).first->second != id ||
        keys.try_emplace({topic, id}, *record.key).first->second != *record.key) {
      return Violate(fmt::format("{} {}: the key is another row's", topic, position.ToString()));
    }
  }
  for (const auto& [identity, row] : expected_) {
    if (row.superseded || seen_.contains(identity)) continue;
    return Violate(fmt::format("{} {} {} is lost", std::get<0>(identity),
                               std::get<1>(identity).ToString(), std::get<2>(identity)));
  }
  CheckLastValues();
}

void Checker::CheckLastValues() {
  size_t keyed_rows = 0;
  for (size_t i = 0; i < postgres_->tables().size(); ++i) {
    if (postgres_->tables()[i].keyed) keyed_rows += postgres_->rows()[i].size();
  }
  for (const auto& [place, live] : live_) {
    const auto& tables = postgres_->tables();
    const auto table = std::ranges::find(tables, place.first, &SimTable::name);
    const auto& rows = postgres_->rows()[static_cast<size_t>(table - tables.begin())];
    const auto row = rows.find(live.id);
    if (row == rows.end() || row->second != live.text) {
      return Violate(
          fmt::format("{}: the last value of {} is not the row's", place.first, live.id));
    }
  }
  if (live_.size() != keyed_rows) {
    Violate(fmt::format("{} keys have a value, and {} rows a key", live_.size(), keyed_rows));
  }
}

}  // namespace bw::simulation
