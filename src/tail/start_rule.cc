#include "tail/start_rule.h"

#include <fmt/format.h>

#include <algorithm>

#include "avro/date_time_text.h"
#include "base/error.h"
#include "base/parse_whole.h"
#include "base/shown_text.h"

namespace bw {
namespace {

// PostgreSQL writes the same with a space and without a 'Z'.
std::optional<int64_t> ParseRfc3339Ms(std::string_view text) {
  std::string sql(text);
  const size_t t = sql.find_first_of("Tt");
  if (t == std::string::npos) return std::nullopt;
  sql[t] = ' ';
  if (sql.ends_with('Z') || sql.ends_with('z')) sql.replace(sql.size() - 1, 1, "+00");
  int64_t micros = 0;
  if (ParseTimestamptz(sql, &micros) != ValueStatus::kOk || micros < 0) return std::nullopt;
  return micros / 1'000;
}

Error Lost(const PartitionState& state, int64_t known, const OffsetKeeper& keeper) {
  return Error(
      ErrorKind::kHalt,
      fmt::format("topic {} partition {}: {} goes on from offset {}, but the topic now begins at "
                  "{}: the messages between were deleted by its retention before they were read. "
                  "To go on with what is left, start once with --skip-lost",
                  state.name.topic, state.name.partition, keeper.name, known, state.stored.low),
      ExitCode::kHaltKafka);
}

Error Beyond(const PartitionState& state, int64_t known, const OffsetKeeper& keeper) {
  return Error(
      ErrorKind::kHalt,
      fmt::format("topic {} partition {}: {} goes on from offset {}, but the topic ends at {}: it "
                  "was deleted and made again, or this is another cluster. {}",
                  state.name.topic, state.name.partition, keeper.name, known, state.stored.high,
                  keeper.how_to_reset),
      ExitCode::kHaltKafka);
}

int64_t KnownStart(const PartitionState& state, const OffsetKeeper& keeper) {
  if (!state.known) return state.stored.low;
  const int64_t known = *state.known;
  if (known > state.stored.high) throw Beyond(state, known, keeper);
  if (known >= state.stored.low) return known;
  if (!keeper.skip_lost) throw Lost(state, known, keeper);
  return state.stored.low;
}

}  // namespace

StartRule ParseStartRule(std::string_view where, std::string_view text) {
  using Kind = StartRule::Kind;
  if (text == "beginning") return {Kind::kBeginning, 0};
  if (text == "end") return {Kind::kEnd, 0};
  if (text == "stored") return {Kind::kKnown, 0};
  if (const auto number = ParseWhole<int64_t>(text)) {
    if (*number >= 0 && text[0] != '-') return {Kind::kOffset, *number};
    if (*number < 0 && *number >= -1'000'000) return {Kind::kLast, -*number};
  }
  if (const auto time_ms = ParseRfc3339Ms(text)) return {Kind::kTime, *time_ms};
  throw UsageError(fmt::format(
      "{}: \"{}\" is not beginning, end, stored, an offset, -N for the last N messages of each "
      "partition (at most 1000000), or a time like 2026-11-22T03:11:19Z",
      where, Printable(text)));
}

int64_t StartOffset(const StartRule& rule, const PartitionState& state,
                    const OffsetKeeper& keeper) {
  const int64_t low = state.stored.low;
  const int64_t end = std::max(low, state.end);
  switch (rule.kind) {
    case StartRule::Kind::kBeginning:
      return low;
    case StartRule::Kind::kEnd:
      return end;
    case StartRule::Kind::kOffset:
      return std::clamp(rule.number, low, end);
    case StartRule::Kind::kLast:
    case StartRule::Kind::kTime:
      return std::clamp(state.found.value_or(end), low, end);
    case StartRule::Kind::kKnown:
      return KnownStart(state, keeper);
  }
  BW_CHECK(false);
}

}  // namespace bw
