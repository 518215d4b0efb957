#pragma once

#include <string>
#include <string_view>

namespace bw {

// Whether a librdkafka property holds a secret: its value is never shown.
bool IsSecretKafkaKey(std::string_view key);

// A libpq connection string (URI or keywords) that may be logged: passwords are "***", and what
// cannot be read with certainty is left out whole. Rather hides too much than too little.
std::string RedactedConninfo(std::string_view conninfo);

// Whether the connection string holds a password. One that cannot be read is not looked at: libpq
// will refuse it.
bool HasPassword(std::string_view conninfo);

}  // namespace bw
