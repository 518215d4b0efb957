#include "tail/tail_options.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "base/comma_list.h"
#include "base/error.h"
#include "base/parse_whole.h"
#include "base/shown_text.h"

namespace bw {
namespace {

constexpr int64_t kShownAtFirst = 10;
constexpr TailColumn kUsualColumns[] = {
    TailColumn::kTopic, TailColumn::kPartition, TailColumn::kOffset,  TailColumn::kTimestamp,
    TailColumn::kKey,   TailColumn::kValue,     TailColumn::kHeaders,
};

bool IsKnown(const std::optional<StartRule>& rule) {
  return rule && rule->kind == StartRule::Kind::kKnown;
}

}  // namespace

StartRule StartRuleOf(const TailOptions& options) {
  if (options.from) return *options.from;
  if (!options.group.empty() || !options.table.empty()) return {StartRule::Kind::kKnown, 0};
  if (options.format != TailFormat::kJson) return {StartRule::Kind::kBeginning, 0};
  return {StartRule::Kind::kLast, kShownAtFirst};
}

bool Follows(const TailOptions& options) {
  return options.follow.value_or(options.format == TailFormat::kJson);
}

std::vector<TailColumn> ColumnsOf(const TailOptions& options) {
  if (!options.columns.empty()) return options.columns;
  return {std::begin(kUsualColumns), std::end(kUsualColumns)};
}

std::vector<int32_t> ParsePartitions(std::string_view where, std::string_view text) {
  std::vector<int32_t> partitions;
  ForEachBetweenCommas(text, [&](std::string_view part) {
    const auto number = ParseWhole<int32_t>(part);
    if (!number || *number < 0) {
      throw UsageError(
          fmt::format("{}: \"{}\" is not the number of a partition; write one or "
                      "several, e.g. 0,3",
                      where, Printable(part)));
    }
    partitions.push_back(*number);
  });
  std::ranges::sort(partitions);
  partitions.erase(std::unique(partitions.begin(), partitions.end()), partitions.end());
  return partitions;
}

std::vector<TailColumn> ParseColumns(std::string_view where, std::string_view text) {
  std::vector<TailColumn> columns;
  ForEachBetweenCommas(text, [&](std::string_view part) {
    const auto names = TailColumnNames();
    const auto found = std::ranges::find(names, part, &TailColumnName::name);
    if (found == names.end()) {
      std::string all;
      for (const TailColumnName& name : names) all += fmt::format(" {}", name.name);
      throw UsageError(fmt::format("{}: \"{}\" is not one of{}", where, Printable(part), all));
    }
    columns.push_back(found->column);
  });
  return columns;
}

void CheckTailOptions(const TailOptions& options) {
  const bool keeps_offsets = !options.group.empty() || !options.table.empty();
  if (!options.group.empty() && !options.table.empty()) {
    throw UsageError("--from-table: the offsets come from the table; leave --group out");
  }
  if (!options.table.empty() && options.from) {
    throw UsageError(
        "--from: --from-table says where to begin; leave one of them out (partitions without rows "
        "begin at the beginning)");
  }
  if (IsKnown(options.from) && options.group.empty()) {
    throw UsageError("--from: stored is what a group has stored; name it with --group");
  }
  if (options.skip_lost && !keeps_offsets) {
    throw UsageError("--skip-lost: only with --group or --from-table");
  }
  if (!options.columns.empty() && options.format == TailFormat::kJson) {
    throw UsageError("--columns: only with --format=csv or copy");
  }
  if (options.limit == 0) throw UsageError("--limit: must be at least 1");
  for (const std::string& topic : options.topics) {
    if (topic.empty()) throw UsageError("tail: a topic's name is empty");
  }
}

}  // namespace bw
