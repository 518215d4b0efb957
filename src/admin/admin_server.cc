#include "admin/admin_server.h"

#include <utility>

#include "admin/admin_socket.h"
#include "admin/service_manager.h"
#include "base/error.h"
#include "base/log.h"

namespace bw {
namespace {

std::shared_ptr<TlsCertificate> CertificateOf(const AdminOptions& options) {
  if (options.certificate_file.empty()) return nullptr;
  return std::make_shared<TlsCertificate>(options.certificate_file, options.key_file);
}

}  // namespace

AdminServer::AdminServer(const AdminOptions& options, const std::string& spool_directory,
                         Relay* relay, std::shared_ptr<EventLog> events)
    : spool_directory_(spool_directory),
      certificate_(CertificateOf(options)),
      monitor_([relay] { return relay->Status(); }, options.stall_after, std::move(events)),
      handler_(options, relay, &monitor_, certificate_.get()) {
  const auto handle = [this](const AdminRequest& request) { return handler_.Handle(request); };
  if (!options.address.empty()) {
    // Opened here, so that a wrong address ends the start.
    auto socket = std::make_shared<ListeningSocket>(ListeningSocket::Tcp(options.address));
    tcp_listener_ = std::make_unique<HttpListener>(
        [socket] { return std::optional(std::move(*socket)); }, handle, certificate_);
    spdlog::info(
        "Status, metrics and health at {}://{}{}", certificate_ ? "https" : "http", options.address,
        certificate_ ? ", with a certificate valid until " + certificate_->valid_until() : "");
  }
  unix_listener_ = std::make_unique<HttpListener>([this] { return OpenUnixSocket(); }, handle);
  ServiceManager::TellReady();
}

AdminServer::~AdminServer() { ServiceManager::TellStopping(); }

// The relay holds the spool's directory, so a socket that is there is left of a dead process.
std::optional<ListeningSocket> AdminServer::OpenUnixSocket() {
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

}  // namespace bw
