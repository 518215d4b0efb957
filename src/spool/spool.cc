#include "spool/spool.h"

#include <spdlog/spdlog.h>

#include <utility>

#include "base/error.h"
#include "spool/spool_directory.h"
#include "spool/spool_store.h"

namespace bw {

void CheckSpoolOptions(const SpoolOptions& options) {
  if (options.max_bytes > 0 && options.max_bytes < kMiB) {
    throw UsageError(
        "--spool-max-bytes: a spool needs more than that to work; give 0 (no limit) or at least "
        "1MiB");
  }
  if (options.toast_cache_max_bytes > 0 && options.toast_cache_max_bytes < kMiB) {
    throw UsageError(
        "--toast-cache-max-bytes: less than 1MiB is of no use; give 0 to keep no values, or at "
        "least 1MiB");
  }
}

Spool::Spool(const SpoolOptions& options, std::shared_ptr<const SpoolDirectory> held)
    : options_(options),
      directory_(held ? std::move(held) : HoldDirectory(options)),
      store_(std::make_unique<SpoolStore>(options, StorePath(options))),
      ledger_(store_.get(), options.clock),
      room_(options, store_.get(), &ledger_),
      log_(options, store_.get(), &ledger_, &room_) {
  ScratchSet::Destroy(scratch_path(), options.env);
}

Spool::~Spool() = default;

std::unique_ptr<Spool> Spool::Open(const SpoolOptions& options,
                                   std::shared_ptr<const SpoolDirectory> held) {
  return std::unique_ptr<Spool>(new Spool(options, std::move(held)));
}

bool Spool::Exists(const SpoolOptions& options) {
  return HasStore(StorePath(options), options.env);
}

void Spool::BeginFirstStart(const Source& source,
                            const std::optional<std::vector<std::string>>& supersedes) {
  SpoolState fresh;
  fresh.source = source;
  fresh.supersedes = supersedes;
  fresh.phase = SpoolPhase::kFirstStart;
  log_.BeginAnew(std::move(fresh));
}

void Spool::BeginStreamingAt(const Source& source, const Progress& captured,
                             const std::string& predecessor, const std::string& lineage) {
  SpoolState fresh;
  fresh.lineage = lineage;
  fresh.source = source;
  fresh.phase = SpoolPhase::kStreaming;
  fresh.captured = captured;
  fresh.history.changes_end = captured.end_lsn;
  fresh.predecessor = predecessor;
  log_.BeginAnew(std::move(fresh));
}

uint64_t Spool::write_stalls() { return store_->WriteStalls(); }

bool Spool::failed() const { return log_.failed() || store_->failed(); }

void Spool::Recover() {
  if (!failed()) return;
  room_.RequireEnoughToOpen();
  log_.Recover();
  spdlog::info("The spool was opened again and read back: captured up to {}",
               ledger_.captured().end_lsn.ToString());
}

std::string Spool::scratch_path() const {
  return directory_ ? directory_->scratch_path() : options_.directory + ".scratch";
}

std::unique_ptr<ScratchSet> Spool::MakeScratch() {
  room_.RequireEnoughToOpen();
  return std::make_unique<ScratchSet>(scratch_path(), options_.env,
                                      [this](uint64_t bytes) { return room_.HasFree(bytes); });
}

}  // namespace bw
