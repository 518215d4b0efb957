#include "publish/row_refusals.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "base/log.h"

namespace bw {

RowRefusals::Fate RowRefusals::Judge(const Change& change, const TableRoute& route,
                                     const std::string& reason) {
  const std::string row =
      fmt::format("Table {}, change {}", route.table, change.position.ToString());
  if (route.lacks_key) {
    if (ReadAgainThrough(change) < change.position.commit_lsn) {
      const TableSchema& schema = spool_->log().Schema(change.schema_id);
      spool_->ledger().NoteReread({schema.schema, schema.table},
                                  "its topic is compacted, and some of its rows had no key");
      rereads_.reset();
    }
    Say(route,
        fmt::format("{} is left out until the table has a key; the table is then read again: {}",
                    row, reason));
    return Fate::kLeftOut;
  }
  const std::string text = fmt::format("{} cannot be published: {}", row, reason);
  if (options_.on_error == OnError::kExit && !route.held) throw RowError(text);
  if (options_.on_error == OnError::kDeadLetter && !route.held) {
    Say(route, text + " (it goes to the dead-letter topic)");
    return Fate::kDeadLetter;
  }
  if (options_.on_error == OnError::kHold && !route.held) {
    // A snapshot's own row is at its commit LSN. A table without a key is never read again.
    const bool is_superseded = spool_->log().Schema(change.schema_id).key_json &&
                               ReadAgainThrough(change) > change.position.commit_lsn;
    if (!is_superseded) return Fate::kHeld;
    Say(route, text + " (left out, since the table is read again)");
    return Fate::kLeftOut;
  }
  Say(route, fmt::format("{} (left out by {})", text,
                         route.held ? "--on-collision=hold" : "--on-error=log"));
  return Fate::kLeftOut;
}

Lsn RowRefusals::ReadAgainThrough(const Change& change) {
  if (!rereads_) {
    rereads_.emplace();
    for (const Reread& note : spool_->ledger().rereads()) (*rereads_)[note.table] = Lsn::Max();
    for (const SnapshotMark& mark : spool_->ledger().snapshots()) {
      for (const TableName& table : mark.tables) {
        Lsn& newest = rereads_->try_emplace(table, mark.commit_lsn).first->second;
        newest = std::max(newest, mark.commit_lsn);
      }
    }
  }
  const TableSchema& schema = spool_->log().Schema(change.schema_id);
  const auto found = rereads_->find({schema.schema, schema.table});
  return found == rereads_->end() ? Lsn::Invalid() : found->second;
}

// A refused schema may refuse millions of rows. The log gets one line a second of each table; the
// figures count every row.
void RowRefusals::Say(const TableRoute& route, const std::string& text) {
  constexpr Duration kSayInterval{1'000};
  const TimePoint now = clock_->Now();
  const auto [said_at, is_first] = said_at_.try_emplace(route.table, now);
  if (!is_first && now - said_at->second < kSayInterval) return;
  said_at->second = now;
  spdlog::error("{}", text);
}

}  // namespace bw
