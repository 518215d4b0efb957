#pragma once

#include <optional>
#include <thread>

#include "base/stop.h"
#include "capture/capture_figures.h"
#include "capture/capture_options.h"

namespace bw {

// Looks at the slot while nobody else does: while capture is paused, waits for room in the spool or
// for its next session, PostgreSQL goes on retaining WAL for it, and may give it up.
//
//   every few seconds:
//     the keeper has looked meanwhile (slot_watch.h)?  close the connection
//     else look, through an ordinary connection; when that fails, nothing is known of the slot any
//     more, and it looks less often
//
// It never warns: whoever needs PostgreSQL says that it is away.
class SlotLookout {
 public:
  // Both, and `stop`, must outlive it.
  SlotLookout(const CaptureOptions& options, CaptureFigures* figures, const Stop& stop);
  ~SlotLookout();
  SlotLookout(const SlotLookout&) = delete;
  SlotLookout& operator=(const SlotLookout&) = delete;

 private:
  void Run();
  bool OthersLook() const;

  const CaptureOptions& options_;
  CaptureFigures* const figures_;
  Stop end_;
  std::optional<TimePoint> looked_at_;  // The thread's own.
  std::thread thread_;                  // Last: it uses all of the above.
};

}  // namespace bw
