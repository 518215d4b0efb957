#include "options/admin_address.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "base/parse_whole.h"
#include "base/shown_text.h"

namespace bw {

AdminAddress ParseAdminAddress(const std::string& address) {
  const size_t colon = address.rfind(':');
  if (colon == std::string::npos || colon + 1 == address.size()) {
    throw UsageError(fmt::format("--admin: \"{}\" is not HOST:PORT, for example 127.0.0.1:9187",
                                 Printable(address)));
  }
  AdminAddress parts{address.substr(0, colon), address.substr(colon + 1)};
  const bool has_brackets =
      parts.host.size() > 2 && parts.host.starts_with('[') && parts.host.ends_with(']');
  if (has_brackets) parts.host = parts.host.substr(1, parts.host.size() - 2);
  const bool is_plain = std::ranges::all_of(
      parts.host + parts.port, [](char c) { return c > ' ' && c <= '~' && c != '[' && c != ']'; });
  if (!is_plain || (!has_brackets && parts.host.find(':') != std::string::npos)) {
    throw UsageError(
        fmt::format("--admin: \"{}\" is not HOST:PORT; write an IPv6 address in brackets, for "
                    "example [::1]:9187",
                    Printable(address)));
  }
  // getaddrinfo takes any number and keeps its last 16 bits.
  constexpr int kPortMax = 65535;
  const bool is_number = parts.port.find_first_not_of("0123456789") == std::string::npos;
  const auto number = ParseWhole<int>(parts.port);
  if (is_number && (!number || *number < 1 || *number > kPortMax)) {
    throw UsageError(fmt::format("--admin: \"{}\": the port must be from 1 to {}",
                                 Printable(address), kPortMax));
  }
  return parts;
}

}  // namespace bw
