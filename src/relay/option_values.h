#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/lsn.h"

// From an option's text to its value. `where` says what the text belongs to, as the person who
// wrote it knows it ("--slot", "BOTTLEDWATER_SLOT", "relay.conf:3: slot"), and starts the message
// of the usage Error that a wrong text gets.

namespace bw {

// "268435456", "256KiB", "256MiB", "1GiB", "2TiB". The powers of ten (MB) and bare letters (M) are
// refused: one reader takes them for 1000, another for 1024.
uint64_t ParseSize(std::string_view where, std::string_view text);
// "500ms", "30s", "5min", "2h"; a bare number only when it is 0.
Duration ParseDuration(std::string_view where, std::string_view text);
// A decimal number from `min` to `max`.
uint64_t ParseCount(std::string_view where, std::string_view text, uint64_t min, uint64_t max);
bool ParseFlag(std::string_view where, std::string_view text);
Lsn ParseLsn(std::string_view where, std::string_view text);
// The index of `text` in `choices`.
size_t ParseChoice(std::string_view where, std::string_view text,
                   std::span<const std::string_view> choices);
// "key=value"; the value may be empty and may hold "=".
std::pair<std::string, std::string> ParseKeyValue(std::string_view where, std::string_view text);
// "host:port,[::1]:9092,host": checked, and otherwise left as it is.
std::string ParseBrokers(std::string_view where, std::string_view text);
// http or https, a host, a port of 1 to 65535, and a path; without the slash at its end. A user
// name or password in the URL is refused, for it would end in logs and in `ps`.
std::string ParseHttpUrl(std::string_view where, std::string_view text);
// What pg_create_*_replication_slot takes: 1 to 63 of a-z, 0-9 and _.
std::string ParseSlotName(std::string_view where, std::string_view text);
// Any name PostgreSQL can hold: 1 to 63 bytes.
std::string ParseIdentifier(std::string_view where, std::string_view text);
// Letters, digits, ".", "_" and "-", as Kafka has it; may be empty.
std::string ParseTopicPrefix(std::string_view where, std::string_view text);
// "public.*,sales.order_?": globs separated by commas.
std::vector<std::string> ParseGlobs(std::string_view where, std::string_view text);
std::string ParseNonEmpty(std::string_view where, std::string_view text);

// "256 MiB", "1.5 GiB", "17 B": for people.
std::string FormatSize(uint64_t bytes);
// "350 ms", "1.2 s", "45 s", "12 min", "3 h 20 min", "2 d 4 h": for people.
std::string FormatDuration(Duration duration);
// "1,234,567".
std::string FormatCount(uint64_t count);

}  // namespace bw
