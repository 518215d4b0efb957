#include "capture/history_proof.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/crc32c.h"
#include "base/halt.h"
#include "base/log.h"

namespace bw {
namespace {

// A spool that began at a checkpoint knows only the commit LSN of the checkpoint's newest
// transaction. WAL records begin at multiples of 8; the commit LSNs of a snapshot's rows and
// tombstones do not.
TransactionEnd LastOf(const SpoolState& spool) {
  constexpr uint64_t kRecordAlignment = 8;
  const Position& newest = spool.captured.position;
  if (spool.history.last.xid == 0 && !spool.predecessor.empty() && newest.is_end() &&
      newest.commit_lsn.value % kRecordAlignment == 0) {
    return {newest.commit_lsn, spool.history.changes_end};
  }
  return spool.history.last;
}

std::string Name(const TransactionEnd& last) {
  return last.xid == 0 ? "The newest transaction that Kafka has"
                       : fmt::format("Transaction {}", last.xid);
}

// The stream's own form of halts::DatabaseWentBack.
[[noreturn]] void ThrowWentBack(const TransactionEnd& last, const std::string& found) {
  throw Halt{
      ExitCode::kHaltDatabaseWentBack,
      "database-went-back",
      fmt::format("{} was captured with its commit at {}, but {}.", Name(last),
                  last.commit_lsn.ToString(), found),
      "The database was restored to an older state, and has written other WAL since: the "
      "spool and Kafka may hold changes that it no longer has.",
      {{"if this is the wrong server, e.g. an old copy, give the right one", "--postgres=..."},
       ResnapshotRemedy()}}
      .ToError();
}

}  // namespace

HistoryProof::HistoryProof(const SpoolState& spool, Lsn confirmed_flush, uint32_t publications)
    : last_(LastOf(spool)),
      publications_(publications),
      start_lsn_(std::min(spool.history.changes_end, spool.captured.end_lsn)) {
  if (!last_.commit_lsn.valid() || Position::EndOf(last_.commit_lsn) > spool.captured.position) {
    return;
  }
  if (confirmed_flush > last_.commit_lsn) return;
  start_lsn_ = last_.commit_lsn;
  is_open_ = true;
}

void HistoryProof::OnBegin(const BeginMessage& begin) {
  if (!is_open_ || begin.commit_lsn < last_.commit_lsn) return;
  if (begin.commit_lsn > last_.commit_lsn) {
    NotSentAgain(begin.commit_lsn);
    return;
  }
  if (last_.xid != 0 && (begin.xid != last_.xid || begin.commit_time_us != last_.commit_time_us)) {
    ThrowWentBack(last_, fmt::format("the server has transaction {} there", begin.xid));
  }
  is_open_ = false;
  spdlog::debug("The newest captured transaction was sent again: this is the same history");
}

void HistoryProof::OnWalEnd(Lsn wal_end) {
  if (is_open_ && wal_end >= last_.end_lsn) NotSentAgain(wal_end);
}

void HistoryProof::NotSentAgain(Lsn seen) {
  if (last_.xid == 0 || publications_ == last_.publications) {
    ThrowWentBack(last_, fmt::format("the server, whose WAL is read up to {}, does not have it",
                                     seen.ToString()));
  }
  spdlog::warn(
      "The publications have changed since the previous session: it could not be checked whether "
      "the server still has the captured transactions up to {}",
      last_.commit_lsn.ToString());
  is_open_ = false;
}

uint32_t PublicationsChecksum(std::vector<std::string> names) {
  std::sort(names.begin(), names.end());
  uint32_t checksum = 0;
  for (const std::string& name : names) checksum = Crc32c(name + '\0', checksum);
  return checksum;
}

}  // namespace bw
