#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <vector>

namespace bw {

// What keeps one side of the relay from working now.
struct Trouble {
  std::string what;      // "Kafka (broker:9092) is away, waiting for it: ...".
  std::string remedy;    // Empty when all there is to do is to wait.
  int64_t since_us = 0;  // Since 1970-01-01 UTC.
};

// The current troubles of one side, for status, readiness and metrics. Who logs that something is
// wrong also notes it here (AwayLog, SessionLoop), and removes it when it is over. Thread-safe.
class TroubleList {
 public:
  // Adds the trouble of `part`, or replaces its text; it keeps the time of the first call.
  void Set(const std::string& part, const std::string& what, const std::string& remedy = "");
  void Clear(const std::string& part);
  // The oldest first.
  std::vector<Trouble> List() const;

 private:
  mutable std::mutex mutex_;
  std::map<std::string, Trouble> troubles_;  // By part.
};

}  // namespace bw
