#pragma once

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <unordered_map>

#include "base/clock.h"
#include "base/stop.h"
#include "capture/capture_options.h"
#include "capture/postgres_server.h"
#include "capture/row_lookup.h"

namespace bw {

// Reads rows again for the capture thread, which never waits long for it
// (docs/decisions/0024-reading-a-value-again.md):
//
// - The thread, and its connection, are made by the first question; the connection is closed when
//   it is unused for a minute. So neither a name that is not resolved nor a server that does not
//   answer holds capture up.
// - A question waits a second at most, less when a stop is requested.
// - All of them together wait for a quarter of the time at most, after the first seconds: capture
//   keeps up with WAL, which PostgreSQL has to retain, before it has values.
// - A table that could not be read (locked, no right, no answer in time) is left alone for some
//   seconds; so are all, when there is no connection or the transaction is not visible: the relay
//   may be the synchronous standby that it waits for. Each table's trouble is logged once.
//
// Never throws. Used by one thread, and has one of its own.
class RowRefetcher final : public RowReader {
 public:
  // Both must outlive it.
  RowRefetcher(const CaptureOptions& options, const Stop& stop);
  ~RowRefetcher() override;

  ReadRow Read(const RowQuestion& question) override;

 private:
  struct Answer {
    enum class Kind { kRow, kRefused, kAway };
    Kind kind = Kind::kRefused;
    ReadRow row;
    std::string why;
  };
  // One question; done when it has its answer. Shared, because capture does not always wait.
  struct Task {
    Task(RowQuestion asked, const Stop* stop) : question(std::move(asked)), done(stop) {}
    const RowQuestion question;
    Stop done;
    std::optional<Answer> answer;  // Guarded by mutex_.
  };

  Answer Ask(const RowQuestion& question);
  void Note(const RowQuestion& question, const Answer& answer);
  bool MayAsk(RelationId relation, TimePoint now);
  // The thread's.
  void Run();
  Answer LookUp(const RowQuestion& question);
  void Disconnect();

  const CaptureOptions& options_;
  const Stop& stop_;
  Stop end_;

  // Of who asks.
  TimePoint::duration allowance_;  // How long questions may still wait.
  TimePoint counted_at_;
  TimePoint away_until_;
  std::unordered_map<uint32_t, TimePoint> refused_until_;  // By relation.
  std::set<std::string> told_;                             // Troubles that are in the log.

  // The thread's own.
  std::optional<PgConnection> connection_;
  std::optional<RowLookup> lookup_;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::shared_ptr<Task> task_;  // Until it is answered, whether somebody waits or not.
  std::thread thread_;          // From the first question on.
};

}  // namespace bw
