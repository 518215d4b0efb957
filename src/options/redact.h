#pragma once

#include <string>
#include <string_view>

namespace bw {

// Whether a librdkafka property holds a secret: its value is never shown.
bool IsSecretKafkaKey(std::string_view key);

// A libpq connection string (URI or keywords) for the log: passwords become "***", and a string
// that cannot be parsed is left out as a whole. When in doubt, hides too much.
std::string RedactedConninfo(std::string_view conninfo);

// Whether the connection string contains a password. False for one that cannot be parsed, which
// libpq will refuse.
bool HasPassword(std::string_view conninfo);

}  // namespace bw
