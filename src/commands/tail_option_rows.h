#pragma once

#include <array>
#include <string>
#include <string_view>

#include "options/option_setters.h"
#include "tail/tail_options.h"

// The options that the command `tail` has alone.

namespace bw {

inline constexpr Choice<TailFormat> kTailFormats[] = {
    {"json", TailFormat::kJson}, {"csv", TailFormat::kCsv}, {"copy", TailFormat::kCopy}};
inline constexpr Choice<bool> kTailUntil[] = {{"end", false}, {"never", true}};

inline constexpr OptionSpec TailOption(std::string_view name, std::string_view value_name,
                                       std::string_view default_text, std::string_view help,
                                       OptionSetter set) {
  const OptionArity arity = value_name.empty() ? OptionArity::kFlag : OptionArity::kOne;
  return {'\0', name, value_name, arity, OptionGroup::kCommand, default_text, help, set};
}

inline constexpr std::array kTailOptions = {
    TailOption("from", "WHERE", "-10; csv, copy: beginning",
               "Where to begin in each partition: beginning, end, an offset, -N for the last N "
               "messages, a time like 2026-11-22T03:11:19Z, or stored (what --group has stored, "
               "which is its default).",
               Set<ParseStartRule, &Options::tail, &TailOptions::from>),
    TailOption("until", "WHERE", "never; csv, copy: end",
               "end: stop after what was committed at the start. never: follow.",
               SetChoice<kTailUntil, &Options::tail, &TailOptions::follow>),
    TailOption("limit", "NUMBER", "", "Stop after so many messages.",
               Set<ParseCount, &Options::tail, &TailOptions::limit>),
    TailOption("partition", "NUMBER,...", "all", "Only these partitions.",
               Set<ParsePartitions, &Options::tail, &TailOptions::partitions>),
    TailOption("format", "FORMAT", "json",
               "json: one object a line. csv: RFC 4180, with a line of names. copy: PostgreSQL's "
               "COPY in text format.",
               SetChoice<kTailFormats, &Options::tail, &TailOptions::format>),
    TailOption("columns", "NAME,...", "topic,partition,offset,timestamp,key,value,headers",
               "Columns of csv and copy: these, commit_time, op, lsn and index.",
               Set<ParseColumns, &Options::tail, &TailOptions::columns>),
    TailOption("group", "NAME", "",
               "Begin at the offsets that this consumer group has stored, and store them after the "
               "lines are written. At least once: after a crash, lines of up to two seconds come "
               "again.",
               Set<ParseNonEmpty, &Options::tail, &TailOptions::group>),
    TailOption("from-table", "TABLE", "",
               "Begin where this table of --postgres ends, which COPY fills with the lines: each "
               "exactly once, however often it is repeated. See docs/tail.md.",
               Set<ParseNonEmpty, &Options::tail, &TailOptions::table>),
    TailOption("skip-lost", "", "",
               "With --group or --from-table: go on where messages were deleted before they were "
               "read.",
               Set<ParseFlag, &Options::tail, &TailOptions::skip_lost>),
    TailOption("raw", "", "", "Do not decode Avro: ask no registry, and show it as base64.",
               Set<ParseFlag, &Options::tail, &TailOptions::raw>),
    TailOption("raw-keys", "", "",
               "As --raw, but for keys only: where they are binary, such as Kafka's LongSerializer "
               "writes them.",
               Set<ParseFlag, &Options::tail, &TailOptions::raw_keys>),
};

}  // namespace bw
