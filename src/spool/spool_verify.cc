#include "spool/spool_verify.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <set>
#include <string_view>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/shown_text.h"
#include "spool/corruption.h"
#include "spool/meta_format.h"
#include "spool/record_format.h"
#include "spool/spool_reader.h"
#include "spool/spool_state.h"
#include "spool/spool_store.h"
#include "spool/store_cursor.h"
#include "spool/toast_format.h"

namespace bw {
namespace {

using Family = SpoolStore::Family;
using Found = std::function<void(const std::string& finding)>;

// The short form of what a decoder throws.
std::string FindingOf(const Error& error) {
  const auto* corrupt = dynamic_cast<const CorruptSpool*>(&error);
  return corrupt == nullptr ? error.what() : Sentence(corrupt->finding());
}

class Verifier {
 public:
  Verifier(const SpoolOptions& options, const Found& found)
      : found_(found), store_(OpenStoreForReading(options)) {}

  VerifiedSpool Run() {
    Walk(Family::kMeta, "\xFF", "meta entries",
         [this](std::string_view name, std::string_view value) { VerifyMeta(name, value); });
    Walk(Family::kSchemas, std::string(kBehindAllSchemas), "schemas",
         [this](std::string_view key, std::string_view value) { VerifySchema(key, value); });
    if (store_->Has(Family::kToast)) {
      Walk(Family::kToast, "\xFF", "large values",
           [this](std::string_view key, std::string_view value) { VerifyToast(key, value); });
    }
    VerifyMarks();
    times_opened_ = store_->times_opened();
    Walk(Family::kChanges, kBehindAllPositions, "changes",
         [this](std::string_view key, std::string_view value) { VerifyRecord(key, value); });
    EndOfCaptured();
    return counts_;
  }

 private:
  using Visit = std::function<void(std::string_view key, std::string_view value)>;

  void Find(const std::string& finding) {
    ++counts_.findings;
    found_(finding);
  }
  void Walk(Family family, const std::string& end, const char* what, const Visit& visit);
  void VerifyMeta(std::string_view name, std::string_view value);
  void DecodeMeta(std::string_view name, std::string_view body);
  void VerifyToast(std::string_view key, std::string_view value);
  void VerifySchema(std::string_view key, std::string_view value);
  void VerifyMarks();
  void VerifyRecord(std::string_view key, std::string_view value);
  void VerifyChange(const Change& change);
  void VerifyEnd(const TransactionEnd& end);
  void RequireNoneOpen();
  void EndOfCaptured();

  const Found& found_;
  const std::unique_ptr<SpoolStore> store_;
  VerifiedSpool counts_;

  SpoolState marks_;  // Only marks and history.
  std::vector<SnapshotMark> snapshots_;
  std::set<SchemaId> schemas_;
  std::set<SchemaId> missing_schemas_;

  // Of the changes.
  uint64_t times_opened_ = 0;
  Position last_;  // Of the newest record that could be read.
  bool is_damaged_ = false;
  struct OpenTransaction {
    Lsn commit_lsn;
    uint32_t xid = 0;
  };
  std::optional<OpenTransaction> open_;
  Lsn newest_end_lsn_;
  bool has_newest_end_ = false;  // That of marks_.history.
};

// A damaged block hides the rest of its file.
void Verifier::Walk(Family family, const std::string& end, const char* what, const Visit& visit) {
  StoreCursor cursor(store_.get(), family, "", end);
  std::string damage;
  while (true) {
    std::string_view key;
    std::string_view value;
    try {
      if (!cursor.Next(&key, &value)) return;
    } catch (const CorruptSpool& error) {
      if (error.finding() != damage) {
        damage = error.finding();
        Find(family == Family::kChanges
                 ? Sentence(fmt::format("after {}: {}", last_.ToString(), damage))
                 : Sentence(fmt::format("among its {}: {}", what, damage)));
      }
      if (family == Family::kChanges) {
        is_damaged_ = true;
        open_.reset();
      }
      if (!cursor.SkipDamage()) return;
      continue;
    }
    counts_.bytes += key.size() + value.size();
    visit(key, value);
  }
}

void Verifier::VerifyMeta(std::string_view name, std::string_view value) {
  ++counts_.meta_entries;
  try {
    DecodeMeta(name, UnwrapMeta(name, value));
  } catch (const Error& error) {
    Find(fmt::format("Meta entry {}: {}", Printable(name), FindingOf(error)));
  }
}

// Entries of other names may be a newer program's; their checksum was checked.
void Verifier::DecodeMeta(std::string_view name, std::string_view body) {
  if (name == kMetaFormat) CheckFormatVersion(body);
  if (name == kMetaIdentity) DecodeIdentity(body, &marks_);
  if (name == kMetaCaptured) marks_.captured = DecodeProgress(body);
  if (name == kMetaHistory) marks_.history = DecodeHistory(body);
  if (name == kMetaPublished) marks_.published = DecodeProgress(body);
  if (name == kMetaHeldAfter) marks_.held_after = DecodeProgress(body).position;
  if (name == kMetaTrimmed) marks_.trimmed = DecodeProgress(body).position;
  if (name == kMetaSnapshots) snapshots_ = DecodeSnapshots(body);
  if (name == kMetaRemedies) DecodeRemedies(body);
  if (name == kMetaMembers) DecodeMembers(body);
  if (name == kMetaRegistryIds) DecodeRegistryIds(body);
  if (name.starts_with(kMetaRereadPrefix)) DecodeReread(name, body);
  if (name.starts_with(kMetaTableKeyPrefix)) DecodeTableKey(name, body);
  if (name.starts_with(kMetaTypePrefix)) DecodeTypeNote(name, body);
  if (name.starts_with(kMetaClaimPrefix)) DecodeTableName(body);
  if (name.starts_with(kMetaHeldPrefix)) DecodeTableName(body);
  if (name.starts_with(kMetaClaimsReadPrefix)) {
    ByteReader reader(body, "spool claims entry");
    reader.ReadU64();
    reader.ExpectEnd();
  }
}

void Verifier::VerifyToast(std::string_view key, std::string_view value) {
  try {
    UnwrapMeta(key, value);
    if (key.starts_with(kToastEntriesBegin)) DecodeToastEntry(key, value);
  } catch (const Error& error) {
    Find(fmt::format("Large value {}: {}", Printable(key), FindingOf(error)));
  }
}

void Verifier::VerifySchema(std::string_view key, std::string_view value) {
  ++counts_.schemas;
  try {
    const SchemaId id = DecodeSchemaKey(key);
    schemas_.insert(id);  // It is there, even if it cannot be read.
    DecodeTableSchema(UnwrapMeta(key, value));
  } catch (const Error& error) {
    Find(fmt::format("Schema entry {}: {}", counts_.schemas, FindingOf(error)));
  }
}

void Verifier::VerifyMarks() {
  if (marks_.phase != SpoolPhase::kStreaming) return;
  for (const SnapshotMark& snapshot : snapshots_) {
    if (Position{snapshot.commit_lsn, 0} <= marks_.captured.position) continue;
    Find(fmt::format("The snapshot at {} is marked as complete, and is not captured",
                     snapshot.commit_lsn.ToString()));
  }
}

// Checksum and grammar of every record; the rest only of those that count, which are above
// `trimmed` and not above `captured`.
void Verifier::VerifyRecord(std::string_view key, std::string_view value) {
  if (store_->times_opened() != times_opened_) {
    times_opened_ = store_->times_opened();
    const Position trimmed = ReadTrimmed(store_.get());
    if (trimmed > last_) open_.reset();
    marks_.trimmed = std::max(marks_.trimmed, trimmed);
  }
  Record record;
  try {
    record = DecodeRecord(key, value);
    last_ = DecodePositionKey(key);
  } catch (const Error& error) {
    Find(FindingOf(error));
    is_damaged_ = true;
    return;
  }
  const auto* change = std::get_if<Change>(&record);
  if (change != nullptr) {
    ++counts_.changes;
  } else {
    ++counts_.transactions;
  }
  if (last_ > marks_.captured.position) {
    ++counts_.uncaptured;
  } else if (last_ > marks_.trimmed) {
    change != nullptr ? VerifyChange(*change) : VerifyEnd(std::get<TransactionEnd>(record));
  }
}

void Verifier::VerifyChange(const Change& change) {
  const Lsn commit_lsn = change.position.commit_lsn;
  if (open_ && open_->commit_lsn != commit_lsn) RequireNoneOpen();
  if (!open_) open_ = {commit_lsn, change.xid};
  if (change.xid != open_->xid) {
    Find(fmt::format("Its record at {} has xid {}, and the transaction's first one has {}",
                     change.position.ToString(), change.xid, open_->xid));
  }
  for (const SchemaId id : {change.schema_id, change.old_key_schema()}) {
    if (schemas_.contains(id) || !missing_schemas_.insert(id).second) continue;
    Find(fmt::format("Its record at {} refers to schema {}, which is not there",
                     change.position.ToString(), id.value));
  }
}

void Verifier::VerifyEnd(const TransactionEnd& end) {
  if (open_ && open_->commit_lsn != end.commit_lsn) RequireNoneOpen();
  open_.reset();
  if (end.end_lsn < end.commit_lsn || end.end_lsn < newest_end_lsn_) {
    Find(fmt::format("The transaction at {} ends at {}, which is before {}",
                     end.commit_lsn.ToString(), end.end_lsn.ToString(),
                     std::max(end.commit_lsn, newest_end_lsn_).ToString()));
  }
  newest_end_lsn_ = std::max(newest_end_lsn_, end.end_lsn);
  if (end.commit_lsn == marks_.history.last.commit_lsn) has_newest_end_ = true;
}

void Verifier::RequireNoneOpen() {
  Find(fmt::format("The transaction at {} has no end, and what follows it is captured",
                   open_->commit_lsn.ToString()));
  open_.reset();
}

void Verifier::EndOfCaptured() {
  // An open one may be a trimmed one's rest only where the head is within it.
  if (open_ && marks_.captured.position >= Position::EndOf(open_->commit_lsn)) RequireNoneOpen();
  const Lsn newest = marks_.history.last.commit_lsn;
  if (is_damaged_ || has_newest_end_ || !newest.valid()) return;
  const Position end = Position::EndOf(newest);
  if (end <= ReadTrimmed(store_.get()) || end > marks_.captured.position) return;
  Find(fmt::format("The newest captured transaction, at {}, is not there", newest.ToString()));
}

}  // namespace

VerifiedSpool VerifySpool(const SpoolOptions& options,
                          const std::function<void(const std::string& finding)>& found) {
  return Verifier(options, found).Run();
}

}  // namespace bw
