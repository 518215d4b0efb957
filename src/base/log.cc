#include "base/log.h"

#include <spdlog/sinks/stdout_color_sinks.h>

#include "base/error.h"

namespace bw {

void StartLogging(const LogOptions& options) {
  const auto level = spdlog::level::from_str(options.level);
  if (level == spdlog::level::off && options.level != "off") {
    throw UsageError("--log-level: \"" + Printable(options.level) +
                     "\" is not one of trace, debug, info, warn, error");
  }
  auto logger = spdlog::stderr_color_mt("bottledwater");
  logger->set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %^%-5l%$ %v");
  logger->set_level(level);
  logger->flush_on(spdlog::level::trace);
  spdlog::set_default_logger(std::move(logger));
}

std::string Printable(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\n' || c == '\t' || c == '\r') {
      if (!out.empty() && out.back() != ' ') out.push_back(' ');
    } else if (byte < 0x20 || byte == 0x7F) {
      out += fmt::format("\\x{:02x}", byte);
    } else {
      out.push_back(c);
    }
  }
  while (!out.empty() && out.back() == ' ') out.pop_back();
  return out;
}

void AwayLog::Away(std::string_view why) {
  const auto now = std::chrono::steady_clock::now();
  if (!away_) {
    away_ = true;
    since_ = said_ = now;
    spdlog::warn("{} is away, waiting for it: {}", server_, Printable(why));
  } else if (now - said_ >= std::chrono::minutes(1)) {
    said_ = now;
    spdlog::warn("{} is still away after {} s: {}", server_,
                 std::chrono::duration_cast<std::chrono::seconds>(now - since_).count(),
                 Printable(why));
  }
}

void AwayLog::Back() {
  if (!away_) return;
  away_ = false;
  spdlog::info(
      "{} is back after {} s", server_,
      std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now() - since_)
          .count());
}

}  // namespace bw
