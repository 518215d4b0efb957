#include "base/log.h"

#include <spdlog/sinks/stdout_color_sinks.h>

#include "base/error.h"

namespace bw {
namespace {

// Bytes of the UTF-8 control at the begin of `text`: C1 (U+0080 to U+009F, which terminals obey
// too), or one that turns the direction of what follows (U+200E, U+200F, U+202A to U+202E,
// U+2066 to U+2069). 0 if there is none.
size_t Utf8ControlSize(std::string_view text) {
  const auto byte = [text](size_t i) { return static_cast<unsigned char>(text[i]); };
  if (text.size() >= 2 && byte(0) == 0xC2 && byte(1) >= 0x80 && byte(1) <= 0x9F) return 2;
  if (text.size() < 3 || byte(0) != 0xE2) return 0;
  const unsigned char last = byte(2);
  const bool turns =
      (byte(1) == 0x80 && (last == 0x8E || last == 0x8F || (last >= 0xAA && last <= 0xAE))) ||
      (byte(1) == 0x81 && last >= 0xA6 && last <= 0xA9);
  return turns ? 3 : 0;
}

}  // namespace

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
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const auto byte = static_cast<unsigned char>(c);
    if (const size_t size = Utf8ControlSize(text.substr(i))) {
      for (const char part : text.substr(i, size)) {
        out += fmt::format("\\x{:02x}", static_cast<unsigned char>(part));
      }
      i += size - 1;
      continue;
    }
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
