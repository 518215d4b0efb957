#include "relay/option_values.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <limits>
#include <optional>

#include "base/byte_size.h"
#include "base/error.h"
#include "base/log.h"
#include "publish/publish_options.h"
#include "relay/nearest_name.h"

namespace bw {
namespace {

constexpr std::string_view kDigits = "0123456789";

[[noreturn]] void Refuse(std::string_view where, std::string_view text, std::string_view problem) {
  throw UsageError(fmt::format("{}: \"{}\" {}", where, Printable(text), problem));
}

std::optional<uint64_t> ParseNumber(std::string_view text) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

// Splits "256MiB" into its digits and its unit, with or without a space between them.
struct NumberAndUnit {
  std::string_view number;
  std::string unit;  // In lower case.
};

NumberAndUnit SplitUnit(std::string_view text) {
  const size_t digits = std::min(text.find_first_not_of(kDigits), text.size());
  std::string_view unit = text.substr(digits);
  if (!unit.empty() && unit.front() == ' ') unit.remove_prefix(1);
  return {text.substr(0, digits), Lower(unit)};
}

// nullopt when it does not fit 64 bits.
std::optional<uint64_t> Multiply(uint64_t a, uint64_t b) {
  uint64_t product = 0;
  if (__builtin_mul_overflow(a, b, &product)) return std::nullopt;
  return product;
}

bool HasSpaceOrControl(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte <= 0x20 || byte == 0x7F;
  });
}

struct HostAndPort {
  std::string_view host;
  std::optional<std::string_view> port;
};

// Splits "host:port" and "[v6]:port"; nullopt when the brackets do not match.
std::optional<HostAndPort> SplitHostPort(std::string_view text) {
  size_t host_end = 0;
  if (text.starts_with('[')) {
    const size_t bracket = text.find(']');
    if (bracket == std::string_view::npos) return std::nullopt;
    host_end = bracket + 1;
  } else {
    host_end = std::min(text.find(':'), text.size());
  }
  HostAndPort parts{text.substr(0, host_end), std::nullopt};
  const std::string_view rest = text.substr(host_end);
  if (rest.empty()) return parts;
  if (rest.front() != ':') return std::nullopt;
  parts.port = rest.substr(1);
  return parts;
}

// Checks "host[:port]" out of `text`, which the message shows whole.
void CheckHostPort(std::string_view where, std::string_view text, std::string_view host_port) {
  const auto parts = SplitHostPort(host_port);
  if (!parts || parts->host.empty() || parts->host == "[]" || HasSpaceOrControl(host_port)) {
    Refuse(where, text, "has no valid host name");
  }
  if (!parts->port) return;
  const auto port = ParseNumber(*parts->port);
  if (!port || *port < 1 || *port > 65535) {
    Refuse(where, text,
           fmt::format("has the port \"{}\"; a port is a number from 1 to 65535",
                       Printable(*parts->port)));
  }
}

}  // namespace

uint64_t ParseSize(std::string_view where, std::string_view text) {
  constexpr std::string_view kHow =
      "is not a size; write bytes, or a number with KiB, MiB, GiB or TiB, e.g. 256MiB";
  const NumberAndUnit parts = SplitUnit(text);
  uint64_t factor = 0;
  if (parts.unit.empty() || parts.unit == "b") {
    factor = 1;
  } else if (parts.unit == "kib") {
    factor = kKiB;
  } else if (parts.unit == "mib") {
    factor = kMiB;
  } else if (parts.unit == "gib") {
    factor = kGiB;
  } else if (parts.unit == "tib") {
    factor = kGiB * 1024;
  } else if (!parts.number.empty() && parts.unit.size() <= 2 &&
             std::string_view("kmgt").find(parts.unit[0]) != std::string_view::npos &&
             (parts.unit.size() == 1 || parts.unit[1] == 'b')) {
    const char letter = static_cast<char>(parts.unit[0] - 'a' + 'A');
    Refuse(where, text,
           fmt::format("leaves open whether a thousand or 1024 is meant; write {}{}iB",
                       parts.number, letter));
  } else {
    Refuse(where, text, kHow);
  }
  if (parts.number.empty()) Refuse(where, text, kHow);
  const auto number = ParseNumber(parts.number);
  const auto bytes = number ? Multiply(*number, factor) : std::nullopt;
  // Sizes also serve in signed arithmetic, e.g. as file sizes.
  if (!bytes || *bytes > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
    Refuse(where, text, "is too large a size");
  }
  return *bytes;
}

Duration ParseDuration(std::string_view where, std::string_view text) {
  constexpr std::string_view kHow = "is not a time; write a number with ms, s, min or h, e.g. 30s";
  const NumberAndUnit parts = SplitUnit(text);
  if (parts.number.empty()) Refuse(where, text, kHow);
  const auto number = ParseNumber(parts.number);
  uint64_t factor = 0;
  if (parts.unit == "ms" || (parts.unit.empty() && number == uint64_t{0})) {
    factor = 1;
  } else if (parts.unit == "s") {
    factor = 1000;
  } else if (parts.unit == "min") {
    factor = 60 * 1000;
  } else if (parts.unit == "h") {
    factor = 3600 * 1000;
  } else {
    Refuse(where, text, kHow);
  }
  const auto milliseconds = number ? Multiply(*number, factor) : std::nullopt;
  // Ten years: far from the overflow of any clock.
  constexpr uint64_t kLongest = uint64_t{10} * 365 * 24 * 3600 * 1000;
  if (!milliseconds || *milliseconds > kLongest) Refuse(where, text, "is too long a time");
  return Duration(static_cast<int64_t>(*milliseconds));
}

uint64_t ParseCount(std::string_view where, std::string_view text, uint64_t min, uint64_t max) {
  const auto number = ParseNumber(text);
  if (!number || *number < min || *number > max) {
    Refuse(where, text, fmt::format("is not a number from {} to {}", min, max));
  }
  return *number;
}

bool ParseFlag(std::string_view where, std::string_view text) {
  const std::string lower = Lower(text);
  if (lower == "true" || lower == "1" || lower == "yes" || lower == "on") return true;
  if (lower == "false" || lower == "0" || lower == "no" || lower == "off") return false;
  Refuse(where, text, "is neither true nor false");
}

Lsn ParseLsn(std::string_view where, std::string_view text) {
  const auto lsn = Lsn::Parse(text);
  if (!lsn) Refuse(where, text, "is not an LSN, which looks like 2/44DAB970");
  return *lsn;
}

size_t ParseChoice(std::string_view where, std::string_view text,
                   std::span<const std::string_view> choices) {
  for (size_t i = 0; i < choices.size(); ++i) {
    if (choices[i] == text) return i;
  }
  std::string problem = fmt::format("is not one of {}", fmt::join(choices, ", "));
  if (const auto nearest = NearestName(text, choices)) {
    problem += fmt::format("; did you mean \"{}\"?", *nearest);
  }
  Refuse(where, text, problem);
}

std::pair<std::string, std::string> ParseKeyValue(std::string_view where, std::string_view text) {
  const size_t equals = text.find('=');
  // The text may be a secret whose key was forgotten, so the message does not repeat it.
  if (equals == std::string_view::npos) {
    throw UsageError(fmt::format("{}: a property is written key=value", where));
  }
  const std::string_view key = text.substr(0, equals);
  if (key.empty() || HasSpaceOrControl(key)) {
    throw UsageError(
        fmt::format("{}: \"{}\" is not the name of a property", where, Printable(key)));
  }
  return {std::string(key), std::string(text.substr(equals + 1))};
}

std::string ParseBrokers(std::string_view where, std::string_view text) {
  std::string_view rest = text;
  while (true) {
    const size_t comma = rest.find(',');
    std::string_view broker = rest.substr(0, comma);
    if (broker.find('@') != std::string_view::npos) {
      throw UsageError(fmt::format(
          "{}: a broker is written host:port. A user name and password are Kafka properties: "
          "sasl.username and sasl.password, see --kafka-config-file",
          where));
    }
    // librdkafka takes and ignores "PLAINTEXT://" and the like.
    if (const size_t scheme = broker.find("://"); scheme != std::string_view::npos) {
      broker.remove_prefix(scheme + 3);
    }
    CheckHostPort(where, text, broker);
    if (comma == std::string_view::npos) return std::string(text);
    rest.remove_prefix(comma + 1);
  }
}

std::string ParseHttpUrl(std::string_view where, std::string_view text) {
  const std::string lower = Lower(text.substr(0, 8));
  const size_t scheme = lower.starts_with("https://")  ? 8
                        : lower.starts_with("http://") ? 7
                                                       : std::string_view::npos;
  // Before anything of the URL is repeated in a message: a password in it must not be.
  const size_t authority_begin = scheme != std::string_view::npos ? scheme : 0;
  if (text.substr(authority_begin).find('@') != std::string_view::npos) {
    throw UsageError(fmt::format(
        "{}: a user name or password does not belong in the URL, where logs and process lists "
        "show it. Use --schema-registry-user, and the environment variable "
        "BOTTLEDWATER_SCHEMA_REGISTRY_PASSWORD or --schema-registry-password-file",
        where));
  }
  if (scheme == std::string_view::npos) {
    Refuse(where, text, "is not an http:// or https:// URL");
  }
  if (HasSpaceOrControl(text)) Refuse(where, text, "has a space or a control character");
  if (text.find_first_of("?#") != std::string_view::npos) {
    Refuse(where, text, "has a query or a fragment, which the registry's base URL cannot have");
  }
  const std::string_view authority = text.substr(scheme, text.find('/', scheme) - scheme);
  CheckHostPort(where, text, authority);
  std::string url(text);
  while (url.back() == '/') url.pop_back();
  return url;
}

std::string ParseSlotName(std::string_view where, std::string_view text) {
  const bool valid =
      !text.empty() && text.size() <= 63 && std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
      });
  if (!valid) {
    Refuse(where, text, "is not a slot name: 1 to 63 of the characters a-z, 0-9 and _");
  }
  return std::string(text);
}

std::string ParseIdentifier(std::string_view where, std::string_view text) {
  if (text.empty() || text.size() > 63) Refuse(where, text, "is not a name of 1 to 63 bytes");
  return std::string(text);
}

std::string ParseTopicPrefix(std::string_view where, std::string_view text) {
  const bool valid =
      text.size() <= kTopicPrefixBytesMax && std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '.' || c == '_' || c == '-';
      });
  if (!valid) {
    Refuse(where, text,
           fmt::format("is not a topic prefix: up to {} letters, digits and the characters . _ -",
                       kTopicPrefixBytesMax));
  }
  return std::string(text);
}

std::vector<std::string> ParseGlobs(std::string_view where, std::string_view text) {
  std::vector<std::string> globs;
  while (true) {
    const size_t comma = text.find(',');
    std::string_view glob = text.substr(0, comma);
    while (glob.starts_with(' ')) glob.remove_prefix(1);
    while (glob.ends_with(' ')) glob.remove_suffix(1);
    if (glob.empty()) {
      throw UsageError(
          fmt::format("{}: a pattern is empty; write e.g. public.*,sales.order_?", where));
    }
    globs.emplace_back(glob);
    if (comma == std::string_view::npos) return globs;
    text.remove_prefix(comma + 1);
  }
}

std::string ParseNonEmpty(std::string_view where, std::string_view text) {
  if (text.empty()) throw UsageError(fmt::format("{}: the value is empty", where));
  return std::string(text);
}

std::string FormatSize(uint64_t bytes) {
  constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  size_t unit = 0;
  double value = static_cast<double>(bytes);
  // 1023.95 would be shown as "1024.0".
  while (value >= 1023.95 && unit + 1 < std::size(kUnits)) {
    value /= 1024;
    ++unit;
  }
  std::string number = unit == 0 ? std::to_string(bytes) : fmt::format("{:.1f}", value);
  if (number.ends_with(".0")) number.resize(number.size() - 2);
  return number + " " + kUnits[unit];
}

std::string FormatDuration(Duration duration) {
  const int64_t ms = std::max<int64_t>(duration.count(), 0);
  const int64_t seconds = ms / 1000;
  if (ms < 1000) return fmt::format("{} ms", ms);
  if (ms < 10'000) return fmt::format("{}.{} s", seconds, ms % 1000 / 100);
  if (seconds < 120) return fmt::format("{} s", seconds);
  const int64_t minutes = seconds / 60;
  if (minutes < 120) return fmt::format("{} min", minutes);
  const int64_t hours = minutes / 60;
  if (hours < 48) return fmt::format("{} h {} min", hours, minutes % 60);
  return fmt::format("{} d {} h", hours / 24, hours % 24);
}

std::string FormatCount(uint64_t count) {
  std::string digits = std::to_string(count);
  for (size_t i = digits.size(); i > 3;) {
    i -= 3;
    digits.insert(i, 1, ',');
  }
  return digits;
}

}  // namespace bw
