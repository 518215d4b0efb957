#pragma once

#include <compare>
#include <cstdint>
#include <span>
#include <string>

#include "base/clock.h"

namespace bw {

// A row's place in its table: the type tid, written "(block,offset)". Offsets begin at 1, so
// {block, 0} is before the block's first row.
struct TupleId {
  uint32_t block = 0;
  uint16_t offset = 0;

  auto operator<=>(const TupleId&) const = default;
  std::string ToSql() const;  // '(7,3)'::tid
};

// Takes the first column of a COPY row, a ctid, off its front. Throws a Halt error when it is none.
// Pure.
TupleId TakeTupleId(std::span<char>* row);

// How many pages of a table to read under one lock, so that it is held for about `target`: whoever
// needs the table for himself, and all who queue behind him, wait that long for us.
//
// Begins small, follows the last piece's speed, and never grows more than fourfold at once: a table
// of small rows may have a gigabyte in the next one. Pure.
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
