#pragma once

#include <string>

#include "base/clock.h"

namespace bw {

// How to reach the registry. Files are PEM.
struct HttpSchemaRegistryOptions {
  // --schema-registry: http or https, with the path of the Confluent API if that is not the root.
  // Never holds user and password: addresses end up in logs.
  std::string url = "http://localhost:8081";
  // --schema-registry-user: basic authentication; none when the user is empty.
  std::string user;
  std::string password;
  // --schema-registry-ca: what the server's certificate is checked against; the system's store when
  // empty. The check cannot be turned off.
  std::string ca_file;
  // --schema-registry-cert, -key: the client certificate, if the registry asks for one.
  std::string certificate_file;
  std::string key_file;
  // --auto-register: register schemas that are new. Else somebody else does, and publishing waits
  // for it.
  bool auto_register = true;
  Duration connect_timeout{5'000};
  // --schema-registry-timeout: for a whole request, connecting included.
  Duration request_timeout{10'000};
};

// Throws a usage Error that begins with the option that is wrong or missing. No message repeats an
// address that may contain a password.
void CheckRegistryOptions(const HttpSchemaRegistryOptions& options);

// The checked address, without a trailing slash.
std::string BaseUrl(const HttpSchemaRegistryOptions& options);

}  // namespace bw
