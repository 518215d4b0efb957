#pragma once

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <string>

namespace bw {

// The name of the Unix socket in the spool's directory.
inline constexpr const char* kAdminSocketName = "admin.sock";

// The address of a socket in an open directory. By way of /proc, because an address has at most 107
// bytes, and a path may have more.
inline sockaddr_un AddressIn(int directory_fd, const std::string& name) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  fmt::format("/proc/self/fd/{}/{}", directory_fd, name)
      .copy(address.sun_path, sizeof address.sun_path - 1);
  return address;
}

}  // namespace bw
