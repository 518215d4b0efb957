#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "avro/text_value.h"
#include "base/lsn.h"
#include "capture/relation_cache.h"
#include "capture/row_lookup.h"
#include "capture/toast_plan.h"
#include "capture/toast_proof.h"
#include "spool/toast_cache.h"

namespace bw {

// Fills in what PostgreSQL does not send: of an update, the out-of-line values that it left
// untouched. They come from the old tuple (REPLICA IDENTITY FULL), or from the spool's ToastCache,
// which this class keeps; else from the row as it is now, read again, and are of a later time then.
//
// What keeps an entry right: each change of a row passes here, in order, and afterwards each of its
// columns that may be out of line has either the value of the row as it is now, or no entry. Where
// a change cannot be followed (no key, a table that is not selected, REPLICA IDENTITY FULL) the
// table's entries are erased. Values that change unsent, and those that are not kept for it:
// toast_proof.h.
//
// What is read again never becomes an entry. It is of an LSN L that can be told only roughly: a
// transaction may have written its commit below L and not be visible yet, for as long as a
// synchronous standby takes, and if its changes of the row are not sent (the table is out of the
// publication meanwhile) nothing would replace the entry. And after a failover it may be a value
// that the new primary never had, whose change was never captured. docs/decisions/0024 has both.
//
// One per connection. Not thread-safe.
class ToastValues {
 public:
  // As LookAtTable(). May be empty: then nothing is kept.
  using Look = std::function<std::optional<TableFingerprint>(RelationId relation, uint32_t xid,
                                                             bool may_wait)>;

  // As RowReader::Read. May be empty: then nothing is read again.
  using Read = std::function<ReadRow(const RowQuestion& question)>;

  struct Row {
    const CachedRelation& relation;
    Position position;
    uint32_t xid = 0;
  };
  // Values by where they came from.
  struct Counts {
    uint64_t old_tuple = 0;
    uint64_t cache = 0;
    uint64_t refetched = 0;
    uint64_t unavailable = 0;
  };

  // `cache` may be null.
  ToastValues(ToastCache* cache, Look look, Read read = {})
      : cache_(cache), look_(std::move(look)), read_(std::move(read)) {}

  // The relation is announced; the next change will have this position, or a later one.
  void OnAnnounced(RelationId relation, const Position& position);
  // The row's values, with those that could be filled in. The span lives until the next call.
  // A row is inserted, or comes into a publication's row filter: it has no history.
  std::span<const TextValue> OnInsert(const Row& row, std::span<const TextValue> values);
  // Without `old_values` the key is as it was.
  std::span<const TextValue> OnUpdate(const Row& row, std::span<const TextValue> values,
                                      std::span<const TextValue> old_values);
  void OnDelete(const Row& row, std::span<const TextValue> old_values);
  // The table has a change that is not followed, or loses all rows.
  void OnUnfollowed(RelationId relation);

  // For when a value that was read again does not fit the latest row's schema: its values without
  // all of those, which become unavailable. Lives as long as the first ones.
  std::span<const TextValue> WithoutRefetched(const Row& row);

  // The fields of the latest row, comma-separated, for which no value was found.
  const std::string& unavailable() const { return unavailable_; }
  // Those whose values were read again.
  const std::string& refetched() const { return refetched_; }
  const Counts& counts() const { return counts_; }

 private:
  struct Table {
    Position announced;
    std::optional<ToastPlan> plan;         // From its first row on.
    std::vector<std::string> field_names;  // From its first value on that is not known.
    bool looked = false;                   // Since it was announced; `plan` is as that says.
  };

  // Of a table whose entries are kept; else null, and its entries are erased.
  const ToastPlan* Follow(const Row& row);
  Table& TableOf(const CachedRelation& relation);
  // Whether something is known about the table that makes its values certain. Looks at the catalog,
  // once for each announcement, and then leaves out of the table's plan what cannot be relied on.
  bool Rely(const Row& row);
  std::span<const TextValue> Change(const Row& row, std::span<const TextValue> values,
                                    std::span<const TextValue> old_values, bool has_history);
  // Sets key_ and former_key_. False, with the table's entries erased, if one is not known.
  bool FindKeys(const Row& row, const ToastPlan& plan, std::span<const TextValue> values,
                std::span<const TextValue> old_values);
  std::span<const TextValue> Fill(const Row& row, const ToastPlan* plan,
                                  std::span<const TextValue> values,
                                  std::span<const TextValue> old_values);
  bool FillFromCache(const Row& row, const ToastPlan& plan, size_t index);
  bool IsCertain(const Row& row, const ToastPlan& plan, const std::string& column,
                 const Position& position);
  void Keep(const Row& row, const ToastPlan& plan, std::span<const TextValue> values);
  void EraseRow(const Row& row, const ToastPlan& plan, std::string_view key);
  // Reads those of unknown_ again, which then has those that are still not known.
  void ReadAgain(const Row& row);
  // Nothing if the row has no whole key.
  std::optional<RowQuestion> QuestionFor(const Row& row) const;
  // Sets unavailable_, refetched_ and the counts.
  void NameFields(const Row& row);
  std::string NamesOf(const Row& row, const std::vector<size_t>& indexes);

  ToastCache* const cache_;
  const Look look_;
  const Read read_;
  std::unordered_map<uint32_t, Table> tables_;
  // The latest transaction that a look did not see. After the first one nothing waits any more: the
  // relay may be the synchronous standby that all of them wait for.
  std::optional<uint32_t> invisible_xid_;
  Counts counts_;
  // Of the latest row.
  std::string unavailable_;
  std::string refetched_;
  std::vector<size_t> unknown_;            // Columns that nothing has a value of.
  std::vector<size_t> read_again_;         // Columns that have values in `row_now_`.
  ReadRow row_now_;                        // filled_ refers to it.
  std::string key_;                        // As ToastPlan::KeyOf.
  std::optional<std::string> former_key_;  // None: the row has no history.
  std::vector<TextValue> filled_;
  std::vector<std::optional<ToastValue>> found_;  // By column; filled_ refers to them.
};

}  // namespace bw
