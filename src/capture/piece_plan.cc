#include "capture/piece_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/halt.h"

namespace bw {

std::string TupleId::ToSql() const { return fmt::format("'({},{})'::tid", block, offset); }

TupleId TakeTupleId(std::span<char>* row) {
  TupleId id;
  const char* const end = row->data() + row->size();
  const char* at = row->data();
  const auto expect = [&](char c) { return at != end && *at++ == c; };
  const auto number = [&](auto* value) {
    const auto [behind, error] = std::from_chars(at, end, *value);
    at = behind;
    return error == std::errc();
  };
  if (!expect('(') || !number(&id.block) || !expect(',') || !number(&id.offset) || !expect(')')) {
    throw UnexpectedHalt("PostgreSQL sent a row without its ctid");
  }
  if (at != end && *at == '\t') ++at;
  *row = row->subspan(static_cast<size_t>(at - row->data()));
  return id;
}

void PieceSize::Adapt(uint64_t pages_read, std::chrono::nanoseconds took) {
  const auto nanos = std::max<int64_t>(took.count(), 1);
  const double fitting = static_cast<double>(pages_read) * static_cast<double>(target_.count()) /
                         static_cast<double>(nanos);
  const uint64_t most = std::min(std::max<uint64_t>(pages_read, 1) * kGrowthMax, kPagesMax);
  pages_ = std::clamp<uint64_t>(static_cast<uint64_t>(std::min(fitting, 1e9)), 1, most);
}

}  // namespace bw
