#pragma once

#include <spdlog/spdlog.h>

#include <string>
#include <string_view>

namespace bw {

// Logging is spdlog's default logger, on standard error: spdlog::info("Table {} ...", ...).
// What came from outside (table names, server messages) goes through Printable().

struct LogOptions {
  std::string level = "info";  // trace, debug, info, warn, error.
};

// Call once, before any thread is started. Throws a usage Error for an unknown level.
void StartLogging(const LogOptions& options);

// The text on one line and without control characters, so that a table name or a server's message
// cannot forge log lines or colour a terminal. Other UTF-8 passes unchanged.
std::string Printable(std::string_view text);

// Says "... away" once and then at most once a minute, and "... is back" when it returns: what the
// log tells about a server that is waited for. Not thread-safe.
class AwayLog {
 public:
  explicit AwayLog(std::string server) : server_(std::move(server)) {}
  void Away(std::string_view why);
  void Back();

 private:
  std::string server_;
  bool away_ = false;
  std::chrono::steady_clock::time_point since_;
  std::chrono::steady_clock::time_point said_;
};

}  // namespace bw
