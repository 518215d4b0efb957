#include "admin/admin_access.h"

#include <arpa/inet.h>
#include <openssl/crypto.h>

#include <algorithm>
#include <string>

#include "base/small_letters.h"

namespace bw {
namespace {

// The host in "HOST", "HOST:PORT" or "[IPV6]:PORT", without brackets; "" when it is none of these.
std::string HostWithoutPort(std::string_view text) {
  const bool has_brackets = text.starts_with('[');
  const size_t end = has_brackets ? text.find(']') : text.find(':');
  if (has_brackets && end == std::string_view::npos) return "";
  const std::string_view host = text.substr(has_brackets ? 1 : 0, has_brackets ? end - 1 : end);
  std::string_view port = text.substr(std::min(text.size(), has_brackets ? end + 1 : end));
  if (port.starts_with(':')) {
    port.remove_prefix(1);
  } else if (!port.empty()) {
    return "";
  }
  constexpr size_t kPortDigitsMax = 5;
  if (port.size() > kPortDigitsMax ||
      port.find_first_not_of("0123456789") != std::string_view::npos) {
    return "";
  }
  return std::string(host);
}

// Takes as long for a wrong token as for a right one. The scheme's name may be in capitals or small
// letters (RFC 9110, 11.1).
bool IsToken(std::string_view authorization, const std::string& token) {
  constexpr std::string_view kScheme = "bearer ";
  if (InSmallLetters(authorization.substr(0, kScheme.size())) != kScheme) return false;
  authorization.remove_prefix(kScheme.size());
  return authorization.size() == token.size() &&
         CRYPTO_memcmp(authorization.data(), token.data(), token.size()) == 0;
}

// The only method that `path` takes; "GET, POST" where there is nothing at it.
std::string_view MethodsOf(std::string_view path) {
  constexpr std::string_view kRead[] = {"/", "/status", "/metrics", "/livez", "/readyz"};
  constexpr std::string_view kSteer[] = {"/pause", "/resume", "/resnapshot"};
  if (std::ranges::count(kRead, path) != 0) return "GET";
  return std::ranges::count(kSteer, path) != 0 ? "POST" : "GET, POST";
}

AdminResponse WithHeader(AdminResponse response, const char* name, std::string_view value) {
  response.headers.emplace(name, value);
  return response;
}

}  // namespace

bool IsOurHost(std::string_view host, const std::vector<std::string>& names) {
  const std::string name = InSmallLetters(HostWithoutPort(host));
  unsigned char address[sizeof(in6_addr)];
  return name == "localhost" || (!host.starts_with('[') && std::ranges::count(names, name) != 0) ||
         inet_pton(host.starts_with('[') ? AF_INET6 : AF_INET, name.c_str(), address) == 1;
}

std::optional<AdminResponse> Refusal(const AdminRequest& request, const AdminOptions& options) {
  if (!request.from_owner && !IsOurHost(request.host, options.hosts)) {
    return TextResponse(
        421, "The Host header must be localhost, an IP address, or a name that --admin-host lists");
  }
  const std::string_view methods = MethodsOf(request.path);
  const bool steers = request.method == "POST";
  if ((!steers && request.method != "GET") || methods.find(request.method) == methods.npos) {
    return WithHeader(TextResponse(405, "Only GET, and POST for pause, resume and resnapshot"),
                      "Allow", methods);
  }
  if (!steers || request.from_owner) return std::nullopt;
  if (options.token.empty()) {
    return TextResponse(403, "Use the socket in the spool's directory, or set --admin-token-file");
  }
  if (!IsToken(request.authorization, options.token)) {
    return WithHeader(TextResponse(401, "The Authorization header must be: Bearer, and the token"),
                      "WWW-Authenticate", "Bearer");
  }
  return std::nullopt;
}

}  // namespace bw
