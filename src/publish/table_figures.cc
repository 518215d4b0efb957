#include "publish/table_figures.h"

namespace bw {

TableFigures::Counter* TableFigures::Find(const std::string& table) {
  const std::lock_guard lock(mutex_);
  if (const auto found = counters_.find(table); found != counters_.end()) return &found->second;
  return &counters_[counters_.size() < kTablesMax ? table : kOthers];
}

void TableFigures::Begin() {
  for (Counter* counter : touched_) {
    counter->pending_ = {};
    counter->touched_ = false;
  }
  touched_.clear();
}

void TableFigures::Add(Counter* counter, const Counts& more) {
  if (!counter->touched_) {
    counter->touched_ = true;
    touched_.push_back(counter);
  }
  counter->pending_.changes += more.changes;
  counter->pending_.bytes += more.bytes;
  counter->pending_.rows_refused += more.rows_refused;
  counter->pending_.dead_letters += more.dead_letters;
}

void TableFigures::Commit() {
  {
    const std::lock_guard lock(mutex_);
    for (Counter* counter : touched_) {
      counter->committed_.changes += counter->pending_.changes;
      counter->committed_.bytes += counter->pending_.bytes;
      counter->committed_.rows_refused += counter->pending_.rows_refused;
      counter->committed_.dead_letters += counter->pending_.dead_letters;
    }
  }
  Begin();
}

std::map<std::string, TableFigures::Counts> TableFigures::List() const {
  const std::lock_guard lock(mutex_);
  std::map<std::string, Counts> list;
  for (const auto& [table, counter] : counters_) list.emplace(table, counter.committed_);
  return list;
}

}  // namespace bw
