// What docs/howto.md promises to keep ("What stays compatible"), against the fixed list in
// promised_names.txt.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <sstream>
#include <string>

#include "admin/metrics.h"
#include "commands/command_table.h"
#include "options/exit_code_table.h"
#include "publish/message_encoder.h"

namespace bw {
namespace {

using Names = std::set<std::string>;

Names Promised(const std::string& kind) {
  std::ifstream file(BOTTLEDWATER_SOURCE_DIR "/tests/unit/commands/promised_names.txt");
  Names names;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with(kind + " ")) names.insert(line);
  }
  EXPECT_FALSE(names.empty()) << kind << ": promised_names.txt is no longer read correctly";
  return names;
}

void ExpectKept(const std::string& kind, const Names& found) {
  const Names promised = Promised(kind);
  for (const std::string& name : promised) {
    EXPECT_TRUE(found.contains(name))
        << "\"" << name << "\" is gone or changed. docs/howto.md (What stays compatible) has "
        << "promised since 0.1.0 that no " << kind << " disappears or is renamed: keep it";
  }
  for (const std::string& name : found) {
    EXPECT_TRUE(promised.contains(name)) << "new, and promised from now on: add this line to "
                                         << "tests/unit/commands/promised_names.txt: " << name;
  }
}

const char* ArityText(OptionArity arity) {
  switch (arity) {
    case OptionArity::kFlag:
      return "flag";
    case OptionArity::kOne:
      return "one-value";
    case OptionArity::kMany:
      return "values";
    case OptionArity::kProperties:
      return "key=value";
  }
  return "";
}

std::string Described(const OptionSpec& option) {
  return fmt::format("--{}{} {}", option.name,
                     option.letter == '\0' ? "" : fmt::format(" -{}", option.letter),
                     ArityText(option.arity));
}

TEST(PromisedNames, OptionsOfTheFileAndTheEnvironmentStay) {
  Names options;
  Names choices;
  for (const OptionSpec& option : OptionTable()) {
    options.insert(fmt::format("option {} {}", Described(option), EnvironmentName(option.name)));
    for (const std::string_view choice : option.set.choices()) {
      choices.insert(fmt::format("choice --{}={}", option.name, choice));
    }
  }
  ExpectKept("option", options);
  ExpectKept("choice", choices);
}

TEST(PromisedNames, CommandsAndTheirOwnOptionsStay) {
  Names commands;
  Names options;
  for (const PrintingFlag& flag : PrintingFlags()) {
    options.insert(fmt::format("command-option --{}", flag.name));
  }
  for (const CommandSpec& command : CommandTable()) {
    if (!command.name.empty()) commands.insert(fmt::format("command {}", command.name));
    for (const OptionSpec& option : command.own_options) {
      options.insert(fmt::format("command-option {} {}", command.name, Described(option)));
      for (const std::string_view choice : option.set.choices()) {
        options.insert(fmt::format("command-option {} --{}={}", command.name, option.name, choice));
      }
    }
  }
  ExpectKept("command", commands);
  ExpectKept("command-option", options);
}

// Without a default: a new code does not compile without a word here.
const char* WordFor(ExitCode code) {
  switch (code) {
    case ExitCode::kOk:
      return "ok";
    case ExitCode::kNoRelay:
      return "no-relay";
    case ExitCode::kUsage:
      return "usage";
    case ExitCode::kRowRefused:
      return "row-refused";
    case ExitCode::kUnkeyedTables:
      return "unkeyed-tables";
    case ExitCode::kLoginRefused:
      return "login-refused";
    case ExitCode::kServerSetting:
      return "server-setting";
    case ExitCode::kMissingRight:
      return "missing-right";
    case ExitCode::kInternal:
      return "defect";
    case ExitCode::kAnotherRelay:
      return "another-relay";
    case ExitCode::kSpoolUnusable:
      return "spool-unusable";
    case ExitCode::kTryAgain:
      return "try-again";
    case ExitCode::kHaltGap:
      return "gap";
    case ExitCode::kHaltSlot:
      return "slot";
    case ExitCode::kHaltForeignSlot:
      return "foreign-slot";
    case ExitCode::kHaltKafka:
      return "kafka";
    case ExitCode::kHaltOtherDatabase:
      return "other-database";
    case ExitCode::kHaltDatabaseWentBack:
      return "database-went-back";
    case ExitCode::kHaltRegistry:
      return "registry";
  }
  return "";
}

TEST(PromisedNames, ExitCodesStay) {
  Names codes;
  for (const ExitCodeMeaning& row : ExitCodeTable()) {
    codes.insert(fmt::format("exit-code {} {}", static_cast<int>(row.code), WordFor(row.code)));
  }
  ExpectKept("exit-code", codes);
}

TEST(PromisedNames, HeadersStay) {
  MessageEncoder encoder(OutputFormat::kAvro);
  Change change;
  change.position = {Lsn{1}, 1};
  change.operation = Operation::kInsert;
  change.key = "K";
  change.value = "V";
  change.unavailable = "v";
  change.refetched = "w";
  TableEncoding table;
  table.ids = {1, 1};
  Names headers;
  for (const MessageHeader& header : encoder.Encode(change, table).front().headers) {
    headers.insert(fmt::format("header {}", header.name));
  }
  ExpectKept("header", headers);
}

// Everything that is left out while it is unknown is known in it.
Observation FullObservation() {
  Observation observation;
  observation.captured_per_second = observation.published_per_second = 1;
  observation.spool_bytes_per_second = observation.seconds_until_spool_full = 1;
  observation.seconds_until_drained = observation.capture_lag_seconds = 1;
  observation.capture_lag_bytes = 1;
  RelayStatus& status = observation.status;
  RelayStatus::Capture& capture = status.capture;
  capture.received = capture.server_end = capture.confirmed = capture.captured = Lsn{1};
  capture.retained_wal_bytes = capture.wal_on_disk_bytes = 1;
  capture.has_wal_limit = true;
  capture.safe_wal_bytes = 1;
  capture.slot_status = "reserved";
  status.publish.published = Lsn{1};
  status.publish.tables["public.test"] = {1, 1, 1, 1};
  status.spool.lag = Duration(1);
  return observation;
}

// "bottledwater_side_working gauge side", from the text that Prometheus reads.
Names MetricsIn(const std::string& text) {
  std::map<std::string, std::string> types;
  std::map<std::string, std::set<std::string>> labels;
  std::string family;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("# TYPE ")) {
      const size_t space = line.find(' ', 7);
      family = line.substr(7, space - 7);
      types[family] = line.substr(space + 1);
    }
    size_t at = line.find('{');
    while (!line.starts_with('#') && at != std::string::npos) {
      const size_t equals = line.find("=\"", at);
      if (equals == std::string::npos) break;
      labels[family].insert(line.substr(at + 1, equals - at - 1));
      at = line.find(',', line.find('"', equals + 2));
    }
  }
  Names names;
  for (const auto& [name, type] : types) {
    std::string described = fmt::format("metric {} {}", name, type);
    for (const std::string& label : labels[name]) {
      if (label != "le") described += " " + label;
    }
    names.insert(described);
  }
  return names;
}

TEST(PromisedNames, MetricsStay) {
  const ProcessFigures process = {.start_time_seconds = 1,
                                  .cpu_seconds = 1,
                                  .resident_bytes = 1,
                                  .virtual_bytes = 1,
                                  .open_fds = 1,
                                  .max_fds = 1};
  ExpectKept("metric",
             MetricsIn(MetricsText(FullObservation(), process, {.certificate_expiration = 1})));
}

}  // namespace
}  // namespace bw
