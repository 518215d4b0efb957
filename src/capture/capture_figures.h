#pragma once

#include <atomic>
#include <cstdint>

#include "base/lsn.h"
#include "capture/slot_facts.h"

namespace bw {

// The capture side's figures for status lines and metrics. Written by the capture threads, read by
// any thread; each figure is correct by itself, but they are not consistent with each other. LSNs
// are 0 until known. Lives as long as the process, across all sessions.
struct CaptureFigures {
  std::atomic<bool> streaming{false};        // A session is past START_REPLICATION.
  std::atomic<uint64_t> received_lsn{0};     // Newest LSN that came from the server.
  std::atomic<uint64_t> server_wal_end{0};   // As far as the server has read its WAL for us.
  std::atomic<uint64_t> confirmed_flush{0};  // What the slot was told.
  NewestSlotFacts slot;                      // As slot_watch and slot_lookout see it.
  std::atomic<uint64_t> changes{0};          // Appended to the spool, snapshot rows included.
  std::atomic<uint64_t> transactions{0};     // With changes for us.
  std::atomic<uint64_t> snapshot_rows{0};
  std::atomic<uint64_t> rows_refused{0};        // By --on-error=log.
  std::atomic<uint64_t> unavailable_values{0};  // Rows with a placeholder for unsent TOAST.
  // Unchanged TOASTed values by where they came from; unavailable: the placeholder stands for it.
  std::atomic<uint64_t> toast_from_old_tuple{0};
  std::atomic<uint64_t> toast_from_cache{0};
  std::atomic<uint64_t> toast_refetched{0};
  std::atomic<uint64_t> toast_unavailable{0};
  // Updates and deletes that were published without their effect on an old key, or not at all.
  std::atomic<uint64_t> keyless_changes{0};
  std::atomic<uint64_t> unsure_keys{0};  // Tables whose key was guessed, or unknown.
  std::atomic<uint64_t> truncates{0};
  std::atomic<uint64_t> stopped_at{0};  // The LSN that reached StreamFacts::stop_before.
  std::atomic<uint64_t> sessions{0};    // Sessions that began streaming.

  // WAL that is not yet confirmed; 0 until known.
  uint64_t RetainedWalBytes() const {
    const uint64_t confirmed = confirmed_flush.load();
    return confirmed == 0 ? 0 : WalBytesBetween(Lsn{confirmed}, Lsn{server_wal_end.load()});
  }
};

}  // namespace bw
