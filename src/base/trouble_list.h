#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <vector>

namespace bw {

enum class TroubleKind {
  kAway,     // `server` does not answer.
  kRefuses,  // It answers, and something there must change first.
  kFails,    // It has failed several times at the same place.
  kWaits,    // The side waits for something of ours: the spool is full.
  kAtRisk,   // The side works, but will not for long.
};

// "away", "refuses", "fails", "waits", "at risk".
const char* ToString(TroubleKind kind);

// What keeps one side of the relay from working now, or soon will.
struct Trouble {
  std::string what;      // "Kafka (broker:9092) is away, waiting for it: ...".
  std::string remedy;    // Empty when all there is to do is to wait.
  int64_t since_us = 0;  // Since 1970-01-01 UTC.
  TroubleKind kind = TroubleKind::kFails;
  std::string server;  // "Kafka (broker:9092)"; "" when it is none of a server.
};

// The current troubles of one side, for status, readiness and metrics: one of each server. Who logs
// that something is wrong also notes it here (AwayLog, SessionLoop), and removes it when it is
// over. Thread-safe.
class TroubleList {
 public:
  // Adds the trouble of its server, or replaces the one that there is; it keeps the time of the
  // first call. "Kafka (broker:9092)" and "Kafka" are one server.
  void Set(Trouble trouble);
  void Clear(const std::string& server);
  // A trouble of kind kFails is kept beside that, since its server comes and goes while it lasts.
  void ClearFailing(const std::string& server);
  // The oldest first; of a server that also fails at one place, the other trouble.
  std::vector<Trouble> List() const;

 private:
  using ByName = std::map<std::string, Trouble>;  // By the server's name.

  mutable std::mutex mutex_;
  ByName troubles_;
  ByName failing_;
};

}  // namespace bw
