#include "base/kill_point.h"

#ifdef BOTTLEDWATER_KILL_POINTS

#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <string>

namespace bw {
namespace {

struct Target {
  std::string name;
  long count = 0;

  Target() {
    const char* text = std::getenv("BOTTLEDWATER_KILL_AT");
    if (text == nullptr) return;
    name = text;
    count = 1;
    if (const size_t colon = name.find(':'); colon != std::string::npos) {
      count = std::strtol(name.c_str() + colon + 1, nullptr, 10);
      name.resize(colon);
    }
  }
};

}  // namespace

void ReachKillPoint(const char* name) {
  static const Target target;
  static std::atomic<long> reached{0};
  if (target.name != name) return;
  if (++reached == target.count) kill(getpid(), SIGKILL);
}

}  // namespace bw

#endif
