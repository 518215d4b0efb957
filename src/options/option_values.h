#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/lsn.h"

// From an option's text to its value. `where` says where the text was given ("--slot",
// "BOTTLEDWATER_SLOT", "relay.conf:3: slot"), and starts the message of the usage Error for a wrong
// text.

namespace bw {

// "268435456", "256KiB", "256MiB", "1GiB", "2TiB". Powers of ten (MB) and bare letters (M) are
// refused, because they are ambiguous.
uint64_t ParseSize(std::string_view where, std::string_view text);
// "500ms", "30s", "5min", "2h"; a bare number only when it is 0.
Duration ParseDuration(std::string_view where, std::string_view text);
uint64_t ParseCount(std::string_view where, std::string_view text);
bool ParseFlag(std::string_view where, std::string_view text);
Lsn ParseLsn(std::string_view where, std::string_view text);
// The index of `text` in `choices`.
size_t ParseChoice(std::string_view where, std::string_view text,
                   std::span<const std::string_view> choices);
// "key=value"; the value may be empty and may contain "=".
std::pair<std::string, std::string> ParseKeyValue(std::string_view where, std::string_view text);
// "public.*,sales.order_?": globs separated by commas.
std::vector<std::string> ParseGlobs(std::string_view where, std::string_view text);
// "relay.example,bottledwater": names of hosts separated by commas, in small letters; no ports.
std::vector<std::string> ParseHostNames(std::string_view where, std::string_view text);
std::string ParseNonEmpty(std::string_view where, std::string_view text);
std::string ParseText(std::string_view where, std::string_view text);

}  // namespace bw
