#pragma once

#include <string>

#include "base/halt.h"

namespace bw {

// Halt kSpoolUnusable with its remedy; `what` says what was found, and where.
inline Error CorruptSpool(const std::string& what) {
  return Halt{ExitCode::kSpoolUnusable,
              "spool-corrupt",
              "The spool is corrupt: " + what + ".",
              "What cannot be read was not published.",
              {{"keep the spool's directory for analysis and check the disk; then move it away and "
                "start again: the relay resumes from Kafka's checkpoint if PostgreSQL still has "
                "what is missing, and says so if not",
                ""}}}
      .ToError();
}

}  // namespace bw
