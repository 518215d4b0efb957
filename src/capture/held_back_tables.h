#pragma once

#include <algorithm>
#include <map>
#include <vector>

#include "base/clock.h"
#include "spool/spool_state.h"

namespace bw {

// Tables whose re-read, which nobody has asked for, met an obstacle of their own: a lock, a row
// that PostgreSQL cannot send, a TRUNCATE at the wrong moment. Each is tried again after 5 s, and
// then less and less often, up to every 10 minutes, so that neither the stream nor the re-reads of
// other tables wait for it. For one thread.
class HeldBackTables {
 public:
  // Returns for how long.
  Duration Hold(const TableName& table, TimePoint now) {
    constexpr Duration kFirst{5'000};
    constexpr Duration kMax{600'000};
    Entry& entry = entries_[table];
    entry.wait = entry.wait == Duration(0) ? kFirst : std::min(entry.wait * 2, kMax);
    entry.until = now + entry.wait;
    return entry.wait;
  }
  bool Holds(const TableName& table, TimePoint now) const {
    const auto found = entries_.find(table);
    return found != entries_.end() && now < found->second.until;
  }
  void Release(const std::vector<TableName>& tables) {
    for (const TableName& table : tables) entries_.erase(table);
  }

  // Forgets tables that are not to be re-read any more, for example because they were dropped.
  void KeepOnly(const std::vector<Reread>& notes) {
    std::erase_if(entries_, [&](const auto& entry) {
      return std::ranges::find(notes, entry.first, &Reread::table) == notes.end();
    });
  }

 private:
  struct Entry {
    TimePoint until;
    Duration wait{0};
  };
  std::map<TableName, Entry> entries_;
};

}  // namespace bw
