#include "base/lsn.h"

#include <fmt/format.h>

#include "base/parse_whole.h"

namespace bw {
std::optional<Lsn> Lsn::Parse(std::string_view text) {
  const size_t slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const auto high = ParseWhole<uint32_t>(text.substr(0, slash), 16);
  const auto low = ParseWhole<uint32_t>(text.substr(slash + 1), 16);
  if (!high || !low) return std::nullopt;
  return Lsn{(uint64_t{*high} << 32) | *low};
}

std::string Lsn::ToString() const {
  return fmt::format("{:X}/{:X}", value >> 32, value & 0xFFFFFFFFu);
}

std::optional<Position> Position::Parse(std::string_view text) {
  const size_t colon = text.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const auto lsn = Lsn::Parse(text.substr(0, colon));
  if (!lsn) return std::nullopt;
  const std::string_view index_text = text.substr(colon + 1);
  if (index_text == "end") return EndOf(*lsn);
  const auto index = ParseWhole<uint64_t>(index_text);
  if (!index) return std::nullopt;
  return Position{*lsn, *index};
}

std::string Position::ToString() const {
  if (is_end()) return commit_lsn.ToString() + ":end";
  return fmt::format("{}:{}", commit_lsn.ToString(), index);
}

}  // namespace bw
