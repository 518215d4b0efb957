#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <vector>

namespace bw {

// What was published of each table since the process started. The number of tables is bounded:
// those beyond it are counted together, so that neither memory nor metrics grow with a database of
// a hundred thousand tables.
//
// Counts of an open Kafka transaction are added when it is committed. Find, Begin, Add and Commit
// belong to the publish thread; List is thread-safe.
class TableFigures {
 public:
  struct Counts {
    uint64_t changes = 0;
    uint64_t bytes = 0;         // Keys, values and headers.
    uint64_t rows_refused = 0;  // Left out.
    uint64_t dead_letters = 0;  // Published to the dead-letter topic instead.
  };

  // A table's counts; valid as long as this object.
  class Counter {
   public:
    Counter() = default;

   private:
    friend class TableFigures;
    Counts committed_;
    Counts pending_;
    bool touched_ = false;
  };

  static constexpr size_t kTablesMax = 1'000;
  // The name under which all further tables are counted.
  static constexpr const char* kOthers = "(other tables)";

  // `table` is "schema.table".
  Counter* Find(const std::string& table);
  // Forgets what was added and not committed.
  void Begin();
  void Add(Counter* counter, const Counts& more);
  void Commit();

  std::map<std::string, Counts> List() const;

 private:
  std::vector<Counter*> touched_;  // With pending counts.

  mutable std::mutex mutex_;  // Protects counters_ and what they have committed.
  std::map<std::string, Counter> counters_;
};

}  // namespace bw
