#pragma once

#include <string>

#include "base/halt.h"

namespace bw {

// Halt kSpoolUnusable: `what` was found, in words and with its place. Says what is to be done.
inline Error CorruptSpool(const std::string& what) {
  return Halt{ExitCode::kSpoolUnusable,
              "spool-corrupt",
              "The spool is corrupt: " + what + ".",
              "What cannot be read was not published.",
              {{"keep the spool's directory for study and check the disk; then move it away and "
                "start again: the relay goes on from Kafka's checkpoint when PostgreSQL still has "
                "what is missing, and says so when not",
                ""}}}
      .ToError();
}

}  // namespace bw
