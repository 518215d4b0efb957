#pragma once

#include <spdlog/spdlog.h>

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include "base/shown_text.h"
#include "base/trouble_list.h"

namespace bw {

// Logging is spdlog's default logger, on standard error: spdlog::info("Table {} ...", ...). Text
// from outside (table names, server messages) needs no escaping: every message goes through
// ShownText(), see base/shown_text.h.

struct LogOptions {
  std::string level = "info";  // trace, debug, info, warn, error.
};

// Call once, before any thread is started. Throws a usage Error for an unknown level.
void StartLogging(const LogOptions& options);

// Formats every line: `pattern` is spdlog's, and the message goes through ShownText().
std::unique_ptr<spdlog::formatter> LogFormatter(const std::string& pattern);

// Logs the outage of a server that we wait for: "is away" at once and then at most once a minute,
// "is back" when it returns. While it lasts, it is also in `troubles`, if given. Not thread-safe.
class AwayLog {
 public:
  explicit AwayLog(std::string server, TroubleList* troubles = nullptr)
      : server_(std::move(server)), troubles_(troubles) {}
  ~AwayLog() { Forget(); }
  AwayLog(const AwayLog&) = delete;
  AwayLog& operator=(const AwayLog&) = delete;

  void Away(std::string_view why);
  // It answers, but something there must change first.
  void Refuses(std::string_view why);
  void Back();

 private:
  void Say(std::string_view first, std::string_view still, std::string_view why);
  void Forget();

  const std::string server_;
  TroubleList* const troubles_;
  bool away_ = false;
  std::chrono::steady_clock::time_point since_;
  std::chrono::steady_clock::time_point said_;
};

}  // namespace bw
