#pragma once

#include <string>

namespace bw {

// Where --admin listens: "HOST:PORT", "[IPV6]:PORT" or ":PORT".
struct AdminAddress {
  std::string host;  // Without brackets; empty for all addresses.
  std::string port;  // A number from 1 to 65535, or the name of a service.
};

// Throws a usage Error that names --admin.
AdminAddress ParseAdminAddress(const std::string& address);

}  // namespace bw
