#include "spool/spool_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

#include "base/halt.h"
#include "base/shown_text.h"
#include "spool/corruption.h"
#include "spool/ledger.h"
#include "spool/meta_format.h"
#include "spool/spool_directory.h"
#include "spool/spool_store.h"
#include "spool/store_cursor.h"

namespace bw {
namespace {

using Family = SpoolStore::Family;

// Reads again after the store has been reopened, when the relay has deleted a file meanwhile.
template <typename Read>
auto ReadAgain(SpoolStore* store, const Read& read) {
  constexpr int kReopensMax = 5;
  for (int reopens = 0;; ++reopens) {
    try {
      return read();
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::kTransient || reopens == kReopensMax) throw;
    }
    store->Reopen();
  }
}

std::optional<std::string> GetAgain(SpoolStore* store, Family family, std::string_view key) {
  return ReadAgain(store, [&] { return store->Get(family, key); });
}

}  // namespace

Position ReadTrimmed(SpoolStore* store) {
  const auto value = GetAgain(store, Family::kMeta, kMetaTrimmed);
  if (!value) return Position::Zero();
  return DecodeProgress(UnwrapMeta(kMetaTrimmed, *value)).position;
}

std::unique_ptr<SpoolStore> OpenStoreForReading(const SpoolOptions& options) {
  const std::string path = StorePath(options);
  const auto refuse = [&](const char* found) {
    throw Halt{ExitCode::kSpoolUnusable,
               "spool-missing",
               fmt::format("{} \"{}\".", found, Printable(options.directory)),
               "",
               {{"name the spool of a relay, or a copy of it", "--spool=DIR"}}}
        .ToError();
  };
  if (!HasStore(path, options.env)) refuse("There is no spool in");
  auto store = std::make_unique<SpoolStore>(options, path, StoreAccess::kRead);
  // Written first, by the relay that has just made the directory.
  if (!GetAgain(store.get(), Family::kMeta, kMetaFormat)) refuse("Nothing is in the spool");
  return store;
}

// --- SpoolRecords ------------------------------------------------------------------------------

SpoolRecords::SpoolRecords(SpoolStore* store, const Position& after, const Position& through,
                           const Position& trimmed)
    : store_(store),
      cursor_(std::make_unique<StoreCursor>(store, Family::kChanges,
                                            KeyAfter(std::max(after, trimmed)),
                                            KeyAfter(std::max({after, through, trimmed})))),
      times_opened_(store->times_opened()),
      trimmed_(trimmed),
      last_(std::max(after, trimmed)) {}

SpoolRecords::~SpoolRecords() = default;
SpoolRecords::SpoolRecords(SpoolRecords&&) noexcept = default;

const SpoolRecord* SpoolRecords::Next() {
  std::string_view key;
  std::string_view value;
  while (cursor_->Next(&key, &value)) {
    // Opened again before this entry was read, and after all before it were returned.
    if (store_->times_opened() != times_opened_) LookAtHead();
    const Position position = DecodePositionKey(key);
    if (position <= trimmed_) continue;  // Left over in a file.
    record_ = {position, DecodeRecord(key, value), key.size() + value.size()};
    last_ = position;
    return &record_;
  }
  if (store_->times_opened() != times_opened_) LookAtHead();
  return nullptr;
}

void SpoolRecords::LookAtHead() {
  trimmed_ = std::max(trimmed_, ReadTrimmed(store_));
  times_opened_ = store_->times_opened();
  if (trimmed_ > last_) missed_ = true;
}

// --- SpoolReader -------------------------------------------------------------------------------

SpoolReader::SpoolReader(const SpoolOptions& options)
    : options_(options), store_(OpenStoreForReading(options)) {
  ReadAgain(store_.get(), [this] { Look(); });
}

SpoolReader::~SpoolReader() = default;

void SpoolReader::Look() {
  const Ledger ledger(store_.get(), options_.clock);
  picture_ = {ledger.state(), ledger.snapshots(), ledger.rereads(), ledger.held_tables(),
              ledger.accounted_members().has_value()};
}

SpoolRecords SpoolReader::Read(const Position& after, const Position& through) {
  const SpoolState& state = picture_.state;
  return {store_.get(), after, std::min(through, state.captured.position), state.trimmed};
}

Lsn SpoolReader::OldestTransaction() {
  const SpoolState& state = picture_.state;
  // The head may be within a transaction.
  const Position after =
      state.trimmed.is_end() ? state.trimmed : Position::EndOf(state.trimmed.commit_lsn);
  SpoolRecords records = Read(after, state.captured.position);
  const SpoolRecord* const oldest = records.Next();
  return oldest == nullptr ? Lsn{state.captured.position.commit_lsn.value + 1}
                           : oldest->position.commit_lsn;
}

const TableSchema& SpoolReader::Schema(SchemaId id) {
  if (const auto known = schemas_.find(id); known != schemas_.end()) return known->second;
  const std::string key = EncodeSchemaKey(id);
  const auto value = GetAgain(store_.get(), Family::kSchemas, key);
  if (!value) {
    throw CorruptSpool(fmt::format("a change refers to schema {}, which is not there", id.value));
  }
  return schemas_.emplace(id, DecodeTableSchema(UnwrapMeta(key, *value))).first->second;
}

bool SpoolReader::HasClaims(const std::string& checkpoint_topic) {
  return GetAgain(store_.get(), Family::kMeta, kMetaClaimsReadPrefix + checkpoint_topic)
      .has_value();
}

uint64_t SpoolReader::bytes_on_disk() const {
  return DirectoryBytes(StorePath(options_), options_.env);
}

}  // namespace bw
