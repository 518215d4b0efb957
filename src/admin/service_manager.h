#pragma once

#include "admin/observation.h"

namespace bw {

// Tells systemd how the relay is, if it runs it as Type=notify (sd_notify(3)); else does nothing.
// Thread-safe.
class ServiceManager {
 public:
  // The relay runs, whether or not its servers answer.
  static void TellReady();
  // It is about to end.
  static void TellStopping();
  // It answers its monitor, so it need not be killed (WatchdogSec); and what `systemctl status`
  // shows. An outage of a server is no reason to withhold this: a restart would not end it.
  static void TellAlive(const Observation& observation);
};

}  // namespace bw
