#pragma once

#include "options/option_setters.h"

// The options of `inspect` and `replay`: their rows in the table of commands name these arrays.

namespace bw {

inline void SetTableGlobs(const OptionText& text, Options* options) {
  for (const std::string& value : text.values) {
    for (std::string& glob : ParseGlobs(text.where, value)) {
      options->command.spool.tables.push_back(std::move(glob));
    }
  }
}

// Of --limit, whose field has 0 for none.
inline uint64_t ParseLimit(std::string_view where, std::string_view text) {
  const uint64_t limit = ParseCount(where, text);
  if (limit == 0) throw UsageError(std::string(where) + ": must be at least 1");
  return limit;
}

template <auto parse, auto field>
inline constexpr auto kSetOfSpool = Set<parse, &Options::command, &CommandOptions::spool, field>;

constexpr OptionSpec SpoolOption(std::string_view name, std::string_view value_name,
                                 OptionArity arity, std::string_view help, OptionSetter set) {
  return {'\0', name, value_name, arity, OptionGroup::kCommand, "", help, set};
}

inline constexpr OptionSpec kFromLsn = SpoolOption(
    "from-lsn", "LSN", OptionArity::kOne, "Only transactions with this commit LSN or a later one.",
    kSetOfSpool<ParseLsn, &SpoolCommandOptions::from>);
inline constexpr OptionSpec kToLsn = SpoolOption(
    "to-lsn", "LSN", OptionArity::kOne, "Only transactions with this commit LSN or an earlier one.",
    kSetOfSpool<ParseLsn, &SpoolCommandOptions::to>);

inline constexpr OptionSpec kInspectOptions[] = {
    SpoolOption("transactions", "", OptionArity::kFlag, "Print one line for each transaction.",
                kSetOfSpool<ParseFlag, &SpoolCommandOptions::transactions>),
    SpoolOption("changes", "", OptionArity::kFlag,
                "Print one JSON object for each change, with key and value.",
                kSetOfSpool<ParseFlag, &SpoolCommandOptions::changes>),
    SpoolOption("verify", "", OptionArity::kFlag,
                "Read everything with its checksums, and say what is wrong.",
                kSetOfSpool<ParseFlag, &SpoolCommandOptions::verify>),
    SpoolOption("all", "", OptionArity::kFlag,
                "Also what is published already and still in the spool.",
                kSetOfSpool<ParseFlag, &SpoolCommandOptions::all>),
    SpoolOption("table", "GLOB,...", OptionArity::kMany,
                "Only changes of these tables, as --tables names them; can be repeated.",
                SetTableGlobs),
    SpoolOption("key", "JSON", OptionArity::kOne,
                "Only changes with this key: an object of all key columns, or the value of the "
                "only one.",
                kSetOfSpool<ParseNonEmpty, &SpoolCommandOptions::key>),
    kFromLsn,
    kToLsn,
    SpoolOption("limit", "NUMBER", OptionArity::kOne,
                "Print so many lines of --changes or --transactions at most.",
                kSetOfSpool<ParseLimit, &SpoolCommandOptions::limit>),
    {'\0', "json", "", OptionArity::kFlag, OptionGroup::kCommand, "", "Print JSON.",
     Set<ParseFlag, &Options::command, &CommandOptions::json>},
};

inline constexpr OptionSpec kReplayOptions[] = {
    kFromLsn,
    kToLsn,
    SpoolOption("to-topic-prefix", "PREFIX", OptionArity::kOne,
                "Publish to topics with this prefix, which must not be the relay's own.",
                kSetOfSpool<ParseNonEmpty, &SpoolCommandOptions::to_topic_prefix>),
};

}  // namespace bw
