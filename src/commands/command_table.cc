#include "commands/command_table.h"

#include <algorithm>
#include <limits>

#include "commands/ask_relay.h"
#include "commands/check.h"
#include "commands/completion.h"
#include "commands/inspect.h"
#include "commands/inspect_options.h"
#include "commands/man_page.h"
#include "commands/remove.h"
#include "commands/replay.h"
#include "commands/run_relay.h"
#include "commands/run_tail.h"
#include "commands/tail_option_rows.h"
#include "options/option_setters.h"
#include "options/option_sources.h"
#include "options/option_values.h"

namespace bw {
namespace {

constexpr size_t kAnyNumber = std::numeric_limits<size_t>::max();

constexpr OptionGroup kEveryGroup[] = {
    OptionGroup::kServers,   OptionGroup::kCapture, OptionGroup::kPublish, OptionGroup::kSpool,
    OptionGroup::kAfterHalt, OptionGroup::kAdmin,   OptionGroup::kGeneral};

void TakeTables(const std::vector<std::string>& tables, Options* options) {
  options->overrides.resnapshot = tables.empty();
  for (const std::string& table : tables) {
    for (std::string& glob : ParseGlobs("resnapshot", table)) {
      options->resnapshot_tables.push_back(std::move(glob));
    }
  }
}

constexpr OptionSpec kJson = {'\0',
                              "json",
                              "",
                              OptionArity::kFlag,
                              OptionGroup::kCommand,
                              "",
                              "Print JSON.",
                              Set<ParseFlag, &Options::command, &CommandOptions::json>};
constexpr OptionSpec kWatch = {
    '\0',
    "watch",
    "",
    OptionArity::kFlag,
    OptionGroup::kCommand,
    "",
    "Print it again every two seconds (ten while no relay runs), until Ctrl-C.",
    Set<ParseFlag, &Options::command, &CommandOptions::watch>};
constexpr OptionSpec kStatusOptions[] = {kJson, kWatch};
constexpr OptionSpec kCheckOptions[] = {
    kJson,
    {'\0', "print-sql", "", OptionArity::kFlag, OptionGroup::kCommand, "",
     "Instead of checking, print the SQL that gives a role the least rights that the relay needs "
     "with these options.",
     Set<ParseFlag, &Options::command, &CommandOptions::print_sql>},
    {'\0', "role", "NAME", OptionArity::kOne, OptionGroup::kCommand, "that of --postgres",
     "The role of --print-sql; bottledwater when that of --postgres is a superuser.",
     Set<ParseNonEmpty, &Options::command, &CommandOptions::role>},
    {'\0', "print-acls", "", OptionArity::kFlag, OptionGroup::kCommand, "",
     "Instead of checking, print kafka-acls.sh commands for the least rights in Kafka.",
     Set<ParseFlag, &Options::command, &CommandOptions::print_acls>},
    {'\0', "principal", "NAME", OptionArity::kOne, OptionGroup::kCommand, "User: and sasl.username",
     "The principal of --print-acls.",
     Set<ParseNonEmpty, &Options::command, &CommandOptions::principal>}};

constexpr OptionSpec kRemoveOptions[] = {
    {'\0', "yes", "", OptionArity::kFlag, OptionGroup::kCommand, "",
     "Do not ask. Needed when there is no terminal to ask on.",
     Set<ParseFlag, &Options::command, &CommandOptions::yes>},
    {'\0', "keep", "PART,...", OptionArity::kMany, OptionGroup::kCommand, "",
     "Leave these alone: slot, publication, trigger, checkpoint, spool.", StoreKeep}};

// For commands that only need to find the spool.
constexpr OptionGroup kSpoolGroups[] = {OptionGroup::kSpool, OptionGroup::kGeneral};

// For what publishes, and never talks to PostgreSQL.
constexpr OptionGroup kPublishGroups[] = {OptionGroup::kServers, OptionGroup::kPublish,
                                          OptionGroup::kSpool, OptionGroup::kGeneral};

void CheckSpool(const Options& options) { CheckSpoolOptions(options.spool); }

// Without its files it can ask a running relay, and do no more.
void CheckResnapshot(const Options& options) {
  return options.unread_files.empty() ? CheckOptions(options) : CheckSpool(options);
}

// For commands that read Kafka, and perhaps a database.
constexpr OptionGroup kServerGroups[] = {OptionGroup::kServers, OptionGroup::kGeneral};

void TakeTopics(const std::vector<std::string>& topics, Options* options) {
  options->tail.topics = topics;
}

constexpr std::string_view kSides[] = {"capture", "publish"};

void CheckResumed(const std::vector<std::string>& words, Options*) {
  const auto is_side = [](const std::string& word) { return word.find('.') == word.npos; };
  if (words.size() <= 1 || std::ranges::none_of(words, is_side)) return;
  throw UsageError("resume: write capture, or publish, or tables; for both sides, nothing");
}

constexpr CommandSpec kCommands[] = {
    {.name = "",
     .summary = "Relay until it is stopped.",
     .description =
         "Relays every committed change of a PostgreSQL database to Kafka, exactly once: one topic "
         "per table. Needs logical replication (wal_level=logical) and nothing installed in the "
         "server.",
     .groups = kEveryGroup,
     .check = CheckOptions,
     .run = RunRelay},
    {.name = "resnapshot",
     .arguments = {"[TABLE...]", 0, kAnyNumber},
     .summary = "Read everything, or some tables, again; then relay as usual.",
     .description =
         "Drops slot and spool, takes the snapshot again, and makes the topics equal to the "
         "tables: all rows are published again, and keys that the tables no longer have get a "
         "tombstone. Then the relay goes on as usual.\n\n"
         "With tables (schema.table, or globs as for --tables), it reads only those again, and "
         "drops nothing.\n\n"
         "When a relay runs on the spool, that one is asked to read the tables again, or all of "
         "them, while it goes on; nothing is dropped, and the command ends at once.",
     .groups = kEveryGroup,
     .may_lack_files = true,
     .apply_arguments = TakeTables,
     .check = CheckResnapshot,
     .run = Resnapshot},
    {.name = "check",
     .summary =
         "Look at everything that a relay with these options needs, and say what is missing.",
     .description =
         "Asks PostgreSQL, Kafka, the schema registry and the spool's disk, changes nothing, and "
         "prints all that it finds: what is good, what somebody should look at (!), and what would "
         "keep the relay from starting, each with its remedy. Exits with 0 if it would start, else "
         "with the code with which it would end.\n\n"
         "With --print-sql and --print-acls it prints, for somebody who may run them, the "
         "statements and commands that give the relay the least rights that it needs with these "
         "options.",
     .groups = kEveryGroup,
     .own_options = kCheckOptions,
     .check = CheckCheckOptions,
     .run = RunCheck},
    {.name = "status",
     .summary = "Show what a running relay does, what is wrong, and how long the spool will last.",
     .description =
         "Asks the relay that runs on the spool: state of capture and publish, positions, rates, "
         "WAL that PostgreSQL retains, the backlog, what is wrong since when and what to do, and "
         "what was published of each table. With --json, all of it as docs/status.md describes.\n\n"
         "When none runs, it says so, asks PostgreSQL about the slot and Kafka about the newest "
         "checkpoint, if the relay's options are given, and exits with 1.",
     .groups = kEveryGroup,
     .own_options = kStatusOptions,
     .may_lack_files = true,
     .check = CheckSpool,
     .run = ShowStatus},
    {.name = "pause",
     .arguments = {"[capture|publish]", 0, 1, kSides},
     .summary = "Let a running relay stop capturing, publishing, or both.",
     .description =
         "Until resume, or until the relay ends. While capture is paused, PostgreSQL retains its "
         "WAL; while publish is paused, the spool grows.",
     .groups = kSpoolGroups,
     .may_lack_files = true,
     .check = CheckSpool,
     .run = PauseRelay},
    {.name = "resume",
     .arguments = {"[capture|publish|TABLE...]", 0, kAnyNumber, kSides, /*or_tables=*/true},
     .summary = "Let a paused relay go on, or a held table.",
     .description =
         "Ends a pause of capture, of publish, or of both. With tables (schema.table), the relay "
         "tries again what --on-error=hold has held: each goes on where it stopped, or is held "
         "again.",
     .groups = kSpoolGroups,
     .may_lack_files = true,
     .apply_arguments = CheckResumed,
     .check = CheckSpool,
     .run = ResumeRelay},
    {.name = "remove",
     .summary = "Remove what a relay has made: slot, publications, checkpoint topic, spool.",
     .description =
         "Lists what the relay with these options has made in PostgreSQL, in Kafka and on its "
         "disk, asks, and removes it, the slot first: after that nothing makes PostgreSQL retain "
         "WAL for it. Refuses while a relay runs. What others have made stays, and so do the "
         "tables' topics and the schema registry's subjects. When something fails, it says what "
         "is left, and a repeat ends the work.",
     .groups = kEveryGroup,
     .own_options = kRemoveOptions,
     .check = CheckOptions,
     .run = RunRemove},
    {.name = "tail",
     .arguments = {"TOPIC...", 1, kAnyNumber},
     .summary = "Write messages of topics as lines: JSON, CSV, or for PostgreSQL's COPY.",
     .description =
         "Writes the decoded keys, values and headers of what committed transactions have put into "
         "the topics (names, or globs), and follows them. Each key and value is told by its bytes: "
         "Avro is decoded with the schema registry, JSON stays as it is.\n\n"
         "With --format=copy and --from-table it fills a table from within COPY ... FROM PROGRAM, "
         "step by step and exactly once: docs/tail.md shows how.",
     .groups = kServerGroups,
     .own_options = kTailOptions,
     .apply_arguments = TakeTopics,
     .check = CheckTail,
     .run = RunTail},
    {.name = "inspect",
     .summary = "Show what is in a spool: tables, transactions, changes; or verify it.",
     .description =
         "Reads a spool, or a copy of one, and changes nothing; a relay may run on it. Without "
         "options: whose spool it is, how far it is captured and published, and what of each table "
         "is not yet published. With --changes, each change as a line of JSON (docs/inspect.md). "
         "With --verify, exits with 74 when something is wrong.",
     .groups = kSpoolGroups,
     .own_options = kInspectOptions,
     .may_lack_files = true,
     .check = CheckInspect,
     .run = RunInspect},
    {.name = "replay",
     .summary = "Publish again what a spool retains, to topics of another prefix.",
     .description =
         "Publishes the transactions of the range --from-lsn to --to-lsn, as far as they are in "
         "the spool, to topics with the prefix --to-topic-prefix; then it ends. Takes the options "
         "of the relay, which may run meanwhile, and leaves its topics and its checkpoint alone; "
         "needs no PostgreSQL. "
         "Repeated after a crash with the same options, it goes on where it was: each change is "
         "there once. --replay-window says how much published WAL a relay retains.",
     .groups = kPublishGroups,
     .own_options = kReplayOptions,
     .check = CheckReplay,
     .run = RunReplay},
    {.name = "completion",
     .arguments = {"bash|zsh|fish", 1, 1, kCompletionShells},
     .summary = "Print a script with which a shell completes commands and options.",
     .description =
         "Prints a script for the shell. For bash: source <(bottledwater completion bash). For "
         "zsh: write it as _bottledwater into a folder of $fpath. For fish: bottledwater "
         "completion fish | source.",
     .run = RunCompletion},
    {.name = "man",
     .summary = "Print the man page.",
     .description = "Prints bottledwater(1) as roff. To read it: bottledwater man | man -l -",
     .run = RunMan},
};

}  // namespace

std::span<const CommandSpec> CommandTable() { return kCommands; }

}  // namespace bw
