#include "commands/command_table.h"

#include <limits>

#include "commands/run_relay.h"
#include "options/option_sources.h"
#include "options/option_values.h"

namespace bw {
namespace {

constexpr size_t kAnyNumber = std::numeric_limits<size_t>::max();

constexpr OptionGroup kEveryGroup[] = {OptionGroup::kServers,   OptionGroup::kCapture,
                                       OptionGroup::kPublish,   OptionGroup::kSpool,
                                       OptionGroup::kAfterHalt, OptionGroup::kAdmin,
                                       OptionGroup::kGeneral};

void TakeTables(const std::vector<std::string>& tables, Options* options) {
  options->overrides.resnapshot = tables.empty();
  for (const std::string& table : tables) {
    for (std::string& glob : ParseGlobs("resnapshot", table)) {
      options->resnapshot_tables.push_back(std::move(glob));
    }
  }
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
         "drops nothing.",
     .groups = kEveryGroup,
     .apply_arguments = TakeTables,
     .check = CheckOptions,
     .run = RunRelay},
};

}  // namespace

std::span<const CommandSpec> CommandTable() { return kCommands; }

}  // namespace bw
