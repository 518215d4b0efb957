#pragma once

#include <spdlog/spdlog.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/shown_text.h"
#include "base/trouble_list.h"

namespace bw {

// Logging is spdlog's default logger, on standard error: spdlog::info("Table {} ...", ...). Text
// from outside (table names, server messages) needs no escaping: every message goes through
// ShownText(), see base/shown_text.h.

enum class LogFormat {
  kText,
  // One object a line: {"time": "2026-01-31T12:00:00.000Z", "level": "info", "message": "..."}. An
  // OwnLine() is a line break within the message.
  kJson,
};

struct LogOptions {
  std::optional<std::string> level;  // trace, debug, info, warn, error.
  bool quiet = false;                // Without a level: warn instead of info.
  LogFormat format = LogFormat::kText;
};

// Call once, before any thread is started. Text has colours on a terminal, unless the environment
// has NO_COLOR. Throws a usage Error for an unknown level.
void StartLogging(const LogOptions& options);

// Says why the process ends: as a line of the log if that is JSON, else as programs do,
// "bottledwater: ...".
void SayLastWords(std::string_view why);

// Formats every line: `pattern` is spdlog's, and the message goes through ShownText().
std::unique_ptr<spdlog::formatter> LogFormatter(const std::string& pattern);
// LogFormat::kJson, valid JSON whatever the bytes of the message.
std::unique_ptr<spdlog::formatter> JsonLogFormatter();

// Logs the outage of a server that we wait for, and notes it in `troubles`, if given: at once, then
// once a minute, a refusal for another reason within seconds, and its end. Not thread-safe.
class AwayLog {
 public:
  explicit AwayLog(std::string server, TroubleList* troubles = nullptr)
      : server_(std::move(server)), troubles_(troubles) {}
  ~AwayLog() { Forget(); }
  AwayLog(const AwayLog&) = delete;
  AwayLog& operator=(const AwayLog&) = delete;

  void Away(std::string_view why);
  // It answers, but something there must change first; `remedy` may be empty.
  void Refuses(std::string_view why, std::string_view remedy = "");
  void Back();
  // Nobody waits for it any more, so that nobody knows how it is. Logs nothing.
  void Forget();

 private:
  struct Words {
    std::string_view first;
    std::string_view still;
  };
  void Say(TroubleKind kind, const Words& words, std::string_view why, std::string_view remedy);

  const std::string server_;
  TroubleList* const troubles_;
  std::optional<TroubleKind> said_kind_;  // Nothing while it is not away.
  std::chrono::steady_clock::time_point since_;
  std::chrono::steady_clock::time_point said_;
  std::string said_why_;
};

}  // namespace bw
