#pragma once

#include <compare>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

namespace bw {

// A byte position in PostgreSQL's write-ahead log. Written as PostgreSQL writes it: "2/44DAB970".
struct Lsn {
  uint64_t value = 0;

  static constexpr Lsn Invalid() { return Lsn{0}; }
  static constexpr Lsn Max() { return Lsn{std::numeric_limits<uint64_t>::max()}; }

  // Accepts "X/Y", both parts 1 to 8 hexadecimal digits; nullopt for anything else.
  static std::optional<Lsn> Parse(std::string_view text);
  std::string ToString() const;

  constexpr bool valid() const { return value != 0; }
  friend constexpr auto operator<=>(Lsn, Lsn) = default;
};

// Bytes of WAL from `from` to `to`; 0 when `to` is not ahead.
constexpr uint64_t WalBytesBetween(Lsn from, Lsn to) {
  return to.value > from.value ? to.value - from.value : 0;
}

// The identity of a change: the commit LSN of its transaction and its index in it.
//
// Only commit LSNs are ordered across transactions, and several rows can share one LSN (COPY,
// multi-insert), so a change's own LSN is not an identity. The index counts the row changes of the
// transaction as PostgreSQL sends them, before any filter of ours: decoding the same WAL again
// gives the same positions.
//
// Two adjacent transactions share an LSN: one's end is the next one's start. Never compare an end
// LSN with a commit LSN; compare Positions.
struct Position {
  Lsn commit_lsn;
  uint64_t index = 0;

  // The index of a transaction's end marker, after all of its changes.
  static constexpr uint64_t kEndIndex = std::numeric_limits<uint64_t>::max();
  // Before every possible change.
  static constexpr Position Zero() { return {}; }
  static constexpr Position EndOf(Lsn commit_lsn) { return {commit_lsn, kEndIndex}; }

  // "2/44DAB970:17"; the end of a transaction is "2/44DAB970:end".
  static std::optional<Position> Parse(std::string_view text);
  std::string ToString() const;

  constexpr bool is_end() const { return index == kEndIndex; }
  friend constexpr auto operator<=>(const Position&, const Position&) = default;
};

}  // namespace bw
