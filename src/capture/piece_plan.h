#pragma once

#include <compare>
#include <cstdint>
#include <span>
#include <string>

#include "base/clock.h"

namespace bw {

// A row's location in its table: type tid, written "(block,offset)". Offsets begin at 1, so {block,
// 0} is before the block's first row.
struct TupleId {
  uint32_t block = 0;
  uint16_t offset = 0;

  auto operator<=>(const TupleId&) const = default;
  std::string ToSql() const;  // '(7,3)'::tid
};

// Removes the first column, a ctid, from a COPY row. Throws a Halt error when it is not a ctid.
// Pure.
TupleId TakeTupleId(std::span<char>* row);

// How many pages of a table to read under one lock, so that it is held for about `target`: whoever
// wants to lock the table exclusively, and everybody queued behind, waits that long for us.
//
// Begins small, follows the speed of the last piece, and never grows more than fourfold at once:
// after small rows, the next page may have huge ones. Pure.
class PieceSize {
 public:
  explicit PieceSize(Duration target) : target_(target) {}

  uint64_t pages() const { return pages_; }
  void Adapt(uint64_t pages_read, std::chrono::nanoseconds took);

 private:
  static constexpr uint64_t kFirstPages = 128;
  static constexpr uint64_t kPagesMax = 65'536;
  static constexpr uint64_t kGrowthMax = 4;

  const std::chrono::nanoseconds target_;
  uint64_t pages_ = kFirstPages;
};

}  // namespace bw
