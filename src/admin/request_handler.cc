#include "admin/request_handler.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "admin/admin_access.h"
#include "admin/metrics.h"
#include "admin/page.h"
#include "admin/page_policy.h"
#include "admin/status_json.h"
#include "base/format.h"
#include "base/log.h"
#include "relay/status_line.h"

namespace bw {
namespace {

constexpr const char* kJson = "application/json";

// The page loads nothing from elsewhere, and no other page may embed it.
AdminResponse Page() {
  static const std::string policy = ContentSecurityPolicy(kPage);
  return {.content_type = "text/html; charset=utf-8",
          .body = std::string(kPage),
          .headers = {{"Content-Security-Policy", policy},
                      {"X-Frame-Options", "DENY"},
                      {"Referrer-Policy", "no-referrer"}}};
}

// What follows from the slot's state for a capture that was just paused or resumed.
std::string SlotText(const RelayStatus::Capture& capture, bool pauses) {
  if (!capture.slot_is_lost().value_or(false)) return RetainedWalText(capture);
  return fmt::format(
      "PostgreSQL has given up the slot: WAL that the relay needs is gone. {} the relay ends with "
      "exit code {}, and the last message of its log says what to do",
      pauses ? "When capture is resumed," : "Now", static_cast<int>(ExitCode::kHaltSlot));
}

}  // namespace

AdminResponse RequestHandler::Handle(const AdminRequest& request) {
  if (auto refusal = Refusal(request, options_)) {
    refused_.Note(request, *refusal);
    return *std::move(refusal);
  }
  return request.method == "POST" ? Steer(request) : Answer(request);
}

AdminResponse RequestHandler::Answer(const AdminRequest& request) {
  const auto observation = monitor_->Newest();
  if (request.path == "/") return Page();
  if (request.path == "/status") return {200, kJson, StatusJson(*observation)};
  if (request.path == "/metrics") return Metrics();
  if (request.path == "/livez") {
    return monitor_->IsAlive()
               ? TextResponse(200, "alive")
               : TextResponse(503, "the relay has not answered its monitor for a minute");
  }
  if (request.path == "/readyz") {
    return {observation->stalls.empty() ? 200 : 503, kJson, ReadinessJson(*observation)};
  }
  return TextResponse(404, "There are /, /status, /metrics, /livez and /readyz");
}

AdminResponse RequestHandler::Metrics() const {
  EndpointFigures endpoint{.refused = refused_.counts()};
  if (certificate_ != nullptr) endpoint.certificate_expiration = certificate_->ExpirationSeconds();
  return {200, "text/plain; version=0.0.4; charset=utf-8",
          MetricsText(*monitor_->Newest(), ReadProcessFigures(), endpoint)};
}

AdminResponse RequestHandler::Steer(const AdminRequest& request) {
  if (request.path == "/resume" && request.parameters.contains("table")) return ResumeHeld(request);
  if (request.path == "/pause" || request.path == "/resume") return PauseOrResume(request);
  if (request.path == "/resnapshot") return Resnapshot(request);
  return TextResponse(404, "There are /pause, /resume and /resnapshot");
}

AdminResponse RequestHandler::PauseOrResume(const AdminRequest& request) {
  const bool pauses = request.path == "/pause";
  // A mistyped side must not become both.
  const auto& parameters = request.parameters;
  if (request.has_body || parameters.size() > 1 || parameters.size() != parameters.count("side")) {
    return TextResponse(400,
                        "write ?side=capture or ?side=publish after the path, or nothing for both; "
                        "no body");
  }
  const std::string name = parameters.empty() ? "" : parameters.begin()->second;
  if (!parameters.empty() && name.empty()) return TextResponse(400, "side is capture or publish");
  std::vector<Relay::Side> sides;
  if (name.empty() || name == "capture") sides.push_back(Relay::Side::kCapture);
  if (name.empty() || name == "publish") sides.push_back(Relay::Side::kPublish);
  if (sides.empty()) return TextResponse(400, "side is capture or publish");
  for (const Relay::Side one : sides) pauses ? relay_->Pause(one) : relay_->Resume(one);
  const std::string what = name.empty() ? "capture and publish" : name;
  spdlog::warn("An operator has {} {}", pauses ? "paused" : "resumed", what);
  std::string text = (pauses ? "paused " : "resumed ") + what;
  if (sides.front() != Relay::Side::kCapture) return TextResponse(200, text);
  const RelayStatus now = relay_->Status();
  if (pauses && now.capture.pausing) {
    text += now.spool.phase == SpoolPhase::kFirstStart
                ? "; capture pauses when the snapshot is complete"
                : "; capture pauses when its session has ended, within seconds, or the tables that "
                  "it reads again are complete";
  }
  return TextResponse(200, text + "; " + SlotText(now.capture, pauses));
}

AdminResponse RequestHandler::ResumeHeld(const AdminRequest& request) try {
  const auto& parameters = request.parameters;
  std::vector<std::string> names;
  for (const auto& [parameter, name] : parameters) names.push_back(name);
  if (request.has_body || parameters.size() != parameters.count("table")) {
    return TextResponse(400,
                        "write ?table=SCHEMA.TABLE after the path, once or several times; "
                        "no side with it, and no body");
  }
  relay_->ResumeHeld(names);
  spdlog::warn("An operator has resumed: {}", Printable(FormatList(names, 10)));
  std::string text = fmt::format("held tables are tried again: {}", FormatList(names, 10));
  if (relay_->is_paused(Relay::Side::kPublish)) text += "; publish is paused, and must be resumed";
  return TextResponse(202, Printable(text));
} catch (const Error& error) {
  return TextResponse(error.kind() == ErrorKind::kUsage ? 400 : 503, ShownText(error.what()));
}

AdminResponse RequestHandler::Resnapshot(const AdminRequest& request) try {
  // A mistyped parameter must not become all tables.
  const auto& parameters = request.parameters;
  const auto [begin, end] = parameters.equal_range("table");
  const bool lacks_name =
      std::any_of(begin, end, [](const auto& table) { return table.second.empty(); });
  if (request.has_body || lacks_name || parameters.size() != parameters.count("table")) {
    return TextResponse(400,
                        "write ?table=PATTERN after the path, once or several times, or nothing "
                        "for all tables; no body");
  }
  std::vector<std::string> patterns;
  for (auto it = begin; it != end; ++it) patterns.push_back(it->second);
  const AskedRereads asked = relay_->NoteRereads(patterns);
  spdlog::warn("An operator has asked to read again: {}", FormatTables(asked.noted));
  std::string text = fmt::format(
      "{} table{} will be read again{}{}", asked.noted.size(), asked.noted.size() == 1 ? "" : "s",
      asked.noted.empty() ? "" : ": ", asked.noted.empty() ? "" : FormatTables(asked.noted));
  if (!asked.given_up.empty()) {
    text += fmt::format("; what these were held for is given up: {}", FormatTables(asked.given_up));
  }
  if (!asked.unreadable.empty()) {
    text += fmt::format("; these once the relay's role may read them (the log says how): {}",
                        FormatTables(asked.unreadable));
  }
  if (!asked.without_key.empty()) {
    text += fmt::format("; not these, which have no key: {}", FormatTables(asked.without_key));
  }
  if (relay_->is_paused(Relay::Side::kCapture)) text += "; capture is paused, and must be resumed";
  return TextResponse(202, Printable(text));
} catch (const Error& error) {
  const int status = error.kind() == ErrorKind::kUsage       ? 400
                     : error.kind() == ErrorKind::kTransient ? 503
                                                             : 409;
  return TextResponse(status, ShownText(error.what()));
}

}  // namespace bw
