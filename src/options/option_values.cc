#include "options/option_values.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <limits>
#include <optional>

#include "base/byte_size.h"
#include "base/comma_list.h"
#include "base/error.h"
#include "base/log.h"
#include "base/nearest_name.h"
#include "base/small_letters.h"

namespace bw {
namespace {

constexpr std::string_view kDigits = "0123456789";

[[noreturn]] void Refuse(std::string_view where, std::string_view text, std::string_view problem) {
  throw UsageError(fmt::format("{}: \"{}\" {}", where, Printable(text), problem));
}

std::string_view Trimmed(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

std::optional<uint64_t> ParseNumber(std::string_view text) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
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
  return {text.substr(0, digits), InSmallLetters(unit)};
}

struct Unit {
  std::string_view name;
  uint64_t factor;
};

// 0 for an unknown unit.
uint64_t FactorOf(std::string_view name, std::span<const Unit> units) {
  const auto found = std::ranges::find(units, name, &Unit::name);
  return found == units.end() ? 0 : found->factor;
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

// fnmatch would take the "[" literally, and the pattern would match nothing.
void RefuseOpenBracket(std::string_view where, std::string_view glob) {
  for (size_t i = 0; i < glob.size(); ++i) {
    if (glob[i] == '\\') {
      ++i;
    } else if (glob[i] == '[') {
      i = glob.find(']', i + 2);
      if (i != std::string_view::npos) continue;
      throw UsageError(fmt::format("{}: \"{}\" has a [ without its ]; write \\[ for the character",
                                   where, Printable(glob)));
    }
  }
}

}  // namespace

uint64_t ParseSize(std::string_view where, std::string_view text) {
  constexpr std::string_view kHow =
      "is not a size; write bytes, or a number with KiB, MiB, GiB or TiB, e.g. 256MiB";
  const NumberAndUnit parts = SplitUnit(text);
  constexpr Unit kUnits[] = {{"", 1},       {"b", 1},      {"kib", kKiB},
                             {"mib", kMiB}, {"gib", kGiB}, {"tib", kGiB * 1024}};
  const uint64_t factor = FactorOf(parts.unit, kUnits);
  if (parts.number.empty()) Refuse(where, text, kHow);
  if (factor == 0 && parts.unit.size() <= 2 &&
      std::string_view("kmgt").find(parts.unit[0]) != std::string_view::npos &&
      (parts.unit.size() == 1 || parts.unit[1] == 'b')) {
    const char letter = static_cast<char>(parts.unit[0] - 'a' + 'A');
    Refuse(where, text,
           fmt::format("is ambiguous (powers of 1000 or of 1024?); write {}{}iB", parts.number,
                       letter));
  }
  if (factor == 0) Refuse(where, text, kHow);
  const auto number = ParseNumber(parts.number);
  const auto bytes = number ? Multiply(*number, factor) : std::nullopt;
  // Sizes are also used in signed arithmetic, e.g. as file sizes.
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
  constexpr Unit kUnits[] = {{"ms", 1}, {"s", 1000}, {"min", 60'000}, {"h", 3'600'000}};
  const bool is_bare_zero = parts.unit.empty() && number == uint64_t{0};
  const uint64_t factor = is_bare_zero ? 1 : FactorOf(parts.unit, kUnits);
  if (factor == 0) Refuse(where, text, kHow);
  const auto milliseconds = number ? Multiply(*number, factor) : std::nullopt;
  // Ten years: no clock overflows.
  constexpr uint64_t kLongest = uint64_t{10} * 365 * 24 * 3600 * 1000;
  if (!milliseconds || *milliseconds > kLongest) Refuse(where, text, "is too long a time");
  return Duration(static_cast<int64_t>(*milliseconds));
}

uint64_t ParseCount(std::string_view where, std::string_view text) {
  const auto number = ParseNumber(text);
  if (!number) Refuse(where, text, "is not a number");
  return *number;
}

bool ParseFlag(std::string_view where, std::string_view text) {
  const std::string lower = InSmallLetters(text);
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

std::vector<std::string> ParseGlobs(std::string_view where, std::string_view text) {
  std::vector<std::string> globs;
  ForEachBetweenCommas(text, [&](std::string_view glob) {
    glob = Trimmed(glob);
    if (glob.empty()) {
      throw UsageError(
          fmt::format("{}: a pattern is empty; write e.g. public.*,sales.order_?", where));
    }
    RefuseOpenBracket(where, glob);
    globs.emplace_back(glob);
  });
  return globs;
}

std::vector<std::string> ParseHostNames(std::string_view where, std::string_view text) {
  std::vector<std::string> names;
  ForEachBetweenCommas(text, [&](std::string_view part) {
    std::string name = InSmallLetters(Trimmed(part));
    constexpr std::string_view kCharacters = "abcdefghijklmnopqrstuvwxyz0123456789-_.";
    if (name.empty() || name.find_first_not_of(kCharacters) != std::string::npos) {
      Refuse(where, part, "is not the name of a host; write it without port, e.g. relay.example");
    }
    names.push_back(std::move(name));
  });
  return names;
}

std::string ParseNonEmpty(std::string_view where, std::string_view text) {
  if (text.empty()) throw UsageError(fmt::format("{}: the value is empty", where));
  return std::string(text);
}

std::string ParseText(std::string_view /*where*/, std::string_view text) {
  return std::string(text);
}

}  // namespace bw
