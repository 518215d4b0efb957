#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tail/start_rule.h"
#include "tail/tail_line.h"

namespace bw {

// `bottledwater tail`. Validate once, with CheckTailOptions.
struct TailOptions {
  std::vector<std::string> topics;        // Names, or globs as for fnmatch(3).
  TailFormat format = TailFormat::kJson;  // --format
  std::vector<TailColumn> columns;        // --columns: for CSV and COPY; the usual ones if empty.
  std::optional<StartRule> from;          // --from: see StartRuleOf.
  std::optional<bool> follow;             // --until=never; see Follows.
  std::vector<int32_t> partitions;        // --partition: all if empty.
  std::optional<uint64_t> limit;          // --limit: lines in all.
  std::string group;                      // --group: where offsets are stored.
  std::string table;                      // --from-table: the table that holds the lines.
  bool skip_lost = false;                 // --skip-lost
  bool raw = false;                       // --raw: no schema registry is asked.
  bool raw_keys = false;                  // --raw-keys: not for keys.
};

// What is said, else: with a group or a table where it ends, as a file of its own (CSV, COPY) from
// the beginning, and for somebody who looks the last ten messages.
StartRule StartRuleOf(const TailOptions& options);
// What is said, else: CSV and COPY end, JSON goes on.
bool Follows(const TailOptions& options);
std::vector<TailColumn> ColumnsOf(const TailOptions& options);

// "0,3,5"; "topic,partition,offset". `where` is the option, for the message of the usage Error.
std::vector<int32_t> ParsePartitions(std::string_view where, std::string_view text);
std::vector<TailColumn> ParseColumns(std::string_view where, std::string_view text);

// Throws a usage Error that begins with the option that is wrong.
void CheckTailOptions(const TailOptions& options);

}  // namespace bw
