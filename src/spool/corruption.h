#pragma once

#include <string>
#include <utility>

#include "base/halt.h"

namespace bw {

// Halt kSpoolUnusable with its remedy.
class CorruptSpool : public Error {
 public:
  // `finding` says what was found, and where.
  explicit CorruptSpool(std::string finding)
      : Error(Halt{ExitCode::kSpoolUnusable,
                   "spool-corrupt",
                   "The spool is corrupt: " + finding + ".",
                   "What cannot be read was not published.",
                   {{RemedyText(), ""}}}
                  .ToError()),
        finding_(std::move(finding)) {}

  const std::string& finding() const { return finding_; }
  static std::string RemedyText() {
    return "keep the spool's directory for analysis and check the disk; then move it away and "
           "start again: the relay resumes from Kafka's checkpoint if PostgreSQL still has what is "
           "missing, and says so if not";
  }

 private:
  std::string finding_;
};

}  // namespace bw
