#include "admin/service_manager.h"

#include <fmt/format.h>
#include <systemd/sd-daemon.h>

#include "base/format.h"
#include "base/shown_text.h"

namespace bw {
namespace {

void Notify(const std::string& state) { sd_notify(/*unset_environment=*/0, state.c_str()); }

std::string Summary(const Observation& observation) {
  const RelayStatus& status = observation.status;
  for (const RelayStatus::Side* side : {static_cast<const RelayStatus::Side*>(&status.capture),
                                        static_cast<const RelayStatus::Side*>(&status.publish)}) {
    if (!side->troubles.empty()) return side->troubles.front().what;
  }
  return fmt::format("{} changes captured, {} wait to be published",
                     FormatCount(status.capture.changes), FormatCount(status.spool.backlog));
}

}  // namespace

void ServiceManager::TellReady() { Notify("READY=1"); }

void ServiceManager::TellStopping() { Notify("STOPPING=1"); }

void ServiceManager::TellAlive(const Observation& observation) {
  Notify("WATCHDOG=1\nSTATUS=" + Printable(Summary(observation)));
}

}  // namespace bw
