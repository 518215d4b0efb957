#include "base/log.h"

#include <fmt/format.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_color_sinks.h>

#include <iostream>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/format.h"
#include "base/no_color.h"

namespace bw {
namespace {

// Everything that is logged passes through here.
class ShownTextFormatter : public spdlog::formatter {
 public:
  explicit ShownTextFormatter(std::unique_ptr<spdlog::formatter> inner)
      : inner_(std::move(inner)) {}

  void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& out) override {
    spdlog::details::log_msg shown = message;
    const std::string text =
        ShownText({message.payload.data(), static_cast<size_t>(message.payload.size())});
    shown.payload = text;
    inner_->format(shown, out);
    // Tells the sink which part to colour.
    message.color_range_start = shown.color_range_start;
    message.color_range_end = shown.color_range_end;
  }
  std::unique_ptr<spdlog::formatter> clone() const override {
    return std::make_unique<ShownTextFormatter>(inner_->clone());
  }

 private:
  const std::unique_ptr<spdlog::formatter> inner_;
};

// The message, which the caller has passed through ShownText(), as JSON.
class JsonFormatter : public spdlog::formatter {
 public:
  void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& out) override {
    using std::chrono::microseconds;
    const auto since_epoch =
        std::chrono::duration_cast<microseconds>(message.time.time_since_epoch()).count();
    const nlohmann::ordered_json line = {
        {"time", FormatTime(since_epoch)},
        {"level", std::string_view(spdlog::level::to_string_view(message.level).data(),
                                   spdlog::level::to_string_view(message.level).size())},
        {"message",
         std::string_view(message.payload.data(), static_cast<size_t>(message.payload.size()))},
    };
    using Json = nlohmann::ordered_json;
    const std::string text = line.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
    out.append(text.data(), text.data() + text.size());
  }
  std::unique_ptr<spdlog::formatter> clone() const override {
    return std::make_unique<JsonFormatter>();
  }
};

bool g_log_is_json = false;  // Written before any thread is started.

int64_t SecondsSince(std::chrono::steady_clock::time_point begin) {
  const auto passed = std::chrono::steady_clock::now() - begin;
  return std::chrono::duration_cast<std::chrono::seconds>(passed).count();
}

// One refusal may follow another, as what was missing is put in place.
constexpr std::chrono::seconds kNewRefusalInterval{2};

}  // namespace

void StartLogging(const LogOptions& options) {
  const std::string name = options.level.value_or(options.quiet ? "warn" : "info");
  const auto level = spdlog::level::from_str(name);
  if (level == spdlog::level::off && name != "off") {
    throw UsageError("--log-level: \"" + name + "\" is not one of trace, debug, info, warn, error");
  }
  auto logger = spdlog::stderr_color_mt(
      "bottledwater", NoColorIsSet() ? spdlog::color_mode::never : spdlog::color_mode::automatic);
  g_log_is_json = options.format == LogFormat::kJson;
  logger->set_formatter(g_log_is_json ? JsonLogFormatter()
                                      : LogFormatter("%Y-%m-%dT%H:%M:%S.%e%z %^%-5l%$ %v"));
  logger->set_level(level);
  logger->flush_on(spdlog::level::trace);
  spdlog::set_default_logger(std::move(logger));
}

std::unique_ptr<spdlog::formatter> LogFormatter(const std::string& pattern) {
  return std::make_unique<ShownTextFormatter>(std::make_unique<spdlog::pattern_formatter>(pattern));
}

std::unique_ptr<spdlog::formatter> JsonLogFormatter() {
  return std::make_unique<ShownTextFormatter>(std::make_unique<JsonFormatter>());
}

void SayLastWords(std::string_view why) {
  if (g_log_is_json) {
    spdlog::critical("{}", why);
  } else {
    std::cerr << ShownText(fmt::format("bottledwater: {}", why)) << '\n';
  }
}

void AwayLog::Away(std::string_view why) {
  Say(TroubleKind::kAway, {"is away, waiting for it", "is still away"}, why, "");
}

void AwayLog::Refuses(std::string_view why, std::string_view remedy) {
  Say(TroubleKind::kRefuses, {"refuses, trying again", "still refuses"}, why, remedy);
}

void AwayLog::Say(TroubleKind kind, const Words& words, std::string_view why,
                  std::string_view remedy) {
  const auto now = std::chrono::steady_clock::now();
  if (troubles_ != nullptr) {
    troubles_->Set({.what = fmt::format("{} {}: {}", server_, words.first, why),
                    .remedy = std::string(remedy),
                    .kind = kind,
                    .server = server_});
  }
  const std::string what_to_do = remedy.empty() ? "" : fmt::format(". {}", remedy);
  const bool is_new_refusal =
      kind == TroubleKind::kRefuses && why != said_why_ && now - said_ >= kNewRefusalInterval;
  if (said_kind_ != kind || is_new_refusal) {
    if (!said_kind_) since_ = now;
    said_ = now;
    said_why_ = why;
    spdlog::warn("{} {}: {}{}", server_, words.first, why, what_to_do);
  } else if (now - said_ >= std::chrono::minutes(1)) {
    said_ = now;
    spdlog::warn("{} {} after {} s: {}{}", server_, words.still, SecondsSince(since_), why,
                 what_to_do);
  }
  said_kind_ = kind;
}

void AwayLog::Forget() {
  if (!said_kind_) return;
  said_kind_.reset();
  if (troubles_ != nullptr) troubles_->Clear(server_);
}

void AwayLog::Back() {
  if (!said_kind_) return;
  Forget();
  spdlog::info("{} is back after {} s", server_, SecondsSince(since_));
}

}  // namespace bw
