#include "admin/admin_server.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <openssl/crypto.h>

#include <utility>

#include "admin/admin_socket.h"
#include "admin/metrics.h"
#include "admin/page.h"
#include "admin/service_manager.h"
#include "admin/status_json.h"
#include "base/log.h"
#include "relay/status_line.h"

namespace bw {
namespace {

constexpr const char* kJson = "application/json";

AdminResponse Text(int status, std::string text) {
  return {.status = status, .body = std::move(text) + "\n"};
}

// The page loads nothing from elsewhere, and no other page may embed it.
AdminResponse Page() {
  return {.content_type = "text/html; charset=utf-8",
          .body = std::string(kPage),
          .headers = {{"Content-Security-Policy",
                       "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
                       "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
                       "frame-ancestors 'none'"},
                      {"X-Frame-Options", "DENY"},
                      {"Referrer-Policy", "no-referrer"}}};
}

// "localhost", or an address in figures; with or without a port.
bool IsOurHost(std::string host) {
  if (host.starts_with('[')) {
    host = host.substr(1, host.find(']') - 1);
  } else {
    host = host.substr(0, host.find(':'));
  }
  unsigned char address[sizeof(in6_addr)];
  return host == "localhost" || inet_pton(AF_INET, host.c_str(), address) == 1 ||
         inet_pton(AF_INET6, host.c_str(), address) == 1;
}

// Takes as long for a wrong token as for a right one.
bool IsToken(const std::string& authorization, const std::string& token) {
  const std::string expected = "Bearer " + token;
  return authorization.size() == expected.size() &&
         CRYPTO_memcmp(authorization.data(), expected.data(), expected.size()) == 0;
}

}  // namespace

AdminServer::AdminServer(const AdminOptions& options, const std::string& spool_directory,
                         Relay* relay, std::shared_ptr<EventLog> events)
    : options_(options),
      spool_directory_(spool_directory),
      relay_(relay),
      monitor_([relay] { return relay->Status(); }, options.stall_after, std::move(events)) {
  const auto handle = [this](const AdminRequest& request) { return Handle(request); };
  if (!options_.address.empty()) {
    // Opened here, so that a wrong address ends the start.
    auto socket = std::make_shared<ListeningSocket>(ListeningSocket::Tcp(options_.address));
    tcp_listener_ = std::make_unique<HttpListener>(
        [socket] { return std::optional(std::move(*socket)); }, handle);
    spdlog::info("Status, metrics and health at http://{}", options_.address);
  }
  unix_listener_ = std::make_unique<HttpListener>([this] { return OpenUnixSocket(); }, handle);
  ServiceManager::TellReady();
}

AdminServer::~AdminServer() { ServiceManager::TellStopping(); }

// The socket can be made once the relay holds the spool's lock: then one that is there is left of a
// dead process.
std::optional<ListeningSocket> AdminServer::OpenUnixSocket() {
  if (relay_->spool() == nullptr) return std::nullopt;
  try {
    return ListeningSocket::Unix(spool_directory_, kAdminSocketName);
  } catch (const Error& error) {
    if (!std::exchange(has_said_unix_error_, true)) {
      spdlog::warn("{}. bottledwater status, pause and resume do not work until it can be made",
                   error.what());
    }
    return std::nullopt;
  }
}

AdminResponse AdminServer::Handle(const AdminRequest& request) {
  if (auto refusal = Refusal(request)) return *std::move(refusal);
  return request.method == "POST" ? Steer(request) : Answer(request);
}

std::optional<AdminResponse> AdminServer::Refusal(const AdminRequest& request) const {
  if (!request.from_owner && !IsOurHost(request.host)) {
    return Text(421, "The Host header must be localhost or an IP address");
  }
  if (request.method == "GET") return std::nullopt;
  if (request.method != "POST") {
    return Text(405, "Only GET, and POST for pause, resume and resnapshot");
  }
  if (request.from_owner) return std::nullopt;
  if (options_.token.empty()) {
    return Text(403, "Use the socket in the spool's directory, or set --admin-token-file");
  }
  if (!IsToken(request.authorization, options_.token)) {
    return Text(401, "The Authorization header must be: Bearer, and the token");
  }
  return std::nullopt;
}

AdminResponse AdminServer::Answer(const AdminRequest& request) {
  const auto observation = monitor_.Newest();
  if (request.path == "/") return Page();
  if (request.path == "/status") return {200, kJson, StatusJson(*observation)};
  if (request.path == "/metrics") {
    return {200, "text/plain; version=0.0.4; charset=utf-8", MetricsText(*observation)};
  }
  if (request.path == "/livez") {
    return monitor_.IsAlive() ? Text(200, "alive")
                              : Text(503, "the relay has not answered its monitor for a minute");
  }
  if (request.path == "/readyz") {
    return {observation->stalls.empty() ? 200 : 503, kJson, ReadinessJson(*observation)};
  }
  return Text(404, "There are /, /status, /metrics, /livez and /readyz");
}

AdminResponse AdminServer::Steer(const AdminRequest& request) {
  if (request.path == "/pause" || request.path == "/resume") return PauseOrResume(request);
  if (request.path == "/resnapshot") return Resnapshot(request);
  return Text(404, "There are /pause, /resume and /resnapshot");
}

AdminResponse AdminServer::PauseOrResume(const AdminRequest& request) {
  const bool pauses = request.path == "/pause";
  // A mistyped side must not become both.
  const auto& parameters = request.parameters;
  if (request.has_body || parameters.size() > 1 || parameters.size() != parameters.count("side")) {
    return Text(400,
                "write ?side=capture or ?side=publish after the path, or nothing for both; "
                "no body");
  }
  const std::string name = parameters.empty() ? "" : parameters.begin()->second;
  if (!parameters.empty() && name.empty()) return Text(400, "side is capture or publish");
  std::vector<Relay::Side> sides;
  if (name.empty() || name == "capture") sides.push_back(Relay::Side::kCapture);
  if (name.empty() || name == "publish") sides.push_back(Relay::Side::kPublish);
  if (sides.empty()) return Text(400, "side is capture or publish");
  for (const Relay::Side one : sides) pauses ? relay_->Pause(one) : relay_->Resume(one);
  const std::string what = name.empty() ? "capture and publish" : name;
  spdlog::warn("An operator has {} {}", pauses ? "paused" : "resumed", what);
  std::string text = (pauses ? "paused " : "resumed ") + what;
  if (sides.front() != Relay::Side::kCapture) return Text(200, text);
  const RelayStatus now = relay_->Status();
  if (pauses && now.capture.pausing) {
    text += now.spool.phase == SpoolPhase::kFirstStart
                ? "; capture pauses when the snapshot is complete"
                : "; capture pauses when its session has ended, within seconds, or the tables that "
                  "it reads again are complete";
  }
  return Text(200, text + "; " + RetainedWalText(now.capture));
}

AdminResponse AdminServer::Resnapshot(const AdminRequest& request) try {
  std::vector<std::string> patterns;
  const auto [begin, end] = request.parameters.equal_range("table");
  for (auto it = begin; it != end; ++it) patterns.push_back(it->second);
  const AskedRereads asked = relay_->NoteRereads(patterns);
  spdlog::warn("An operator has asked to read again: {}", FormatTables(asked.noted));
  std::string text = fmt::format("{} tables will be read again: {}", asked.noted.size(),
                                 FormatTables(asked.noted));
  if (!asked.unreadable.empty()) {
    text += fmt::format("; these once the relay's role may read them (the log says how): {}",
                        FormatTables(asked.unreadable));
  }
  if (!asked.without_key.empty()) {
    text += fmt::format("; not these, which have no key: {}", FormatTables(asked.without_key));
  }
  if (relay_->is_paused(Relay::Side::kCapture)) text += "; capture is paused, and must be resumed";
  return Text(202, Printable(text));
} catch (const Error& error) {
  const int status = error.kind() == ErrorKind::kUsage       ? 400
                     : error.kind() == ErrorKind::kTransient ? 503
                                                             : 409;
  return Text(status, ShownText(error.what()));
}

}  // namespace bw
