#include "commands/man_page.h"

#include <fmt/format.h>

#include <iostream>

#include "commands/help_text.h"
#include "options/exit_code_table.h"
#include "options/option_table.h"

namespace bw {
namespace {

// As running text: no character is a command of roff, and "-" is what a shell takes.
std::string Escaped(std::string_view text) {
  std::string out;
  bool line_begins = true;
  for (const char c : text) {
    if (line_begins && (c == '.' || c == '\'')) out += "\\&";
    line_begins = c == '\n';
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else {
      out.push_back(c);
    }
  }
  return out;
}

std::string Bold(std::string_view text) { return fmt::format("\\fB{}\\fR", Escaped(text)); }
std::string Italic(std::string_view text) { return fmt::format("\\fI{}\\fR", Escaped(text)); }

// An entry of a list: its name, and what is said about it.
std::string Entry(std::string_view name, std::string_view text) {
  return fmt::format(".TP\n{}\n{}\n", name, text);
}

// Paragraphs separated by empty lines.
std::string Paragraphs(std::string_view text, std::string_view macro) {
  std::string out;
  while (true) {
    const size_t end = text.find("\n\n");
    out += Escaped(text.substr(0, end)) + "\n";
    if (end == std::string_view::npos) return out;
    out += fmt::format("{}\n", macro);
    text.remove_prefix(end + 2);
  }
}

std::string Spelled(char letter, std::string_view name, std::string_view value_name) {
  std::string out;
  if (letter != '\0') out = fmt::format("{}, ", Bold(fmt::format("-{}", letter)));
  out += Bold(fmt::format("--{}", name));
  return value_name.empty() ? out : fmt::format("{}={}", out, Italic(value_name));
}

std::string OptionEntry(const OptionSpec& option) {
  std::string text = Escaped(option.help);
  if (!option.default_text.empty()) text += fmt::format(" [{}]", Escaped(option.default_text));
  return Entry(Spelled(option.letter, option.name, option.value_name), text);
}

std::string Commands(std::span<const CommandSpec> commands) {
  std::string out = ".SH COMMANDS\n";
  for (const CommandSpec& command : commands) {
    if (command.name.empty()) continue;
    std::string name = Bold(command.name);
    if (!command.arguments.shown.empty())
      name += fmt::format(" {}", Italic(command.arguments.shown));
    out += Entry(name, Escaped(command.summary));
    out += ".IP\n" + Paragraphs(command.description, ".IP");
    if (command.own_options.empty()) continue;
    out += ".RS\n";
    for (const OptionSpec& option : command.own_options) out += OptionEntry(option);
    out += ".RE\n";
  }
  return out;
}

std::string OptionsByGroup() {
  std::string out = ".SH OPTIONS\n" + Escaped(HowOptionsAreGiven());
  std::optional<OptionGroup> group;
  for (const OptionSpec& option : OptionTable()) {
    if (group != option.group) {
      group = option.group;
      out += fmt::format(".SS {}\n", Escaped(TitleOf(option.group)));
    }
    out += OptionEntry(option);
  }
  for (const PrintingFlag& flag : PrintingFlags()) {
    out += Entry(Spelled(flag.letter, flag.name, ""), Escaped(flag.help));
  }
  return out;
}

std::string EnvironmentEntries() {
  return ".SH ENVIRONMENT\n" +
         Entry(Bold("BOTTLEDWATER_*"),
               "Every option but those that one command has alone: the long name in capitals, with "
               "_ for \\-, e.g. " +
                   Bold(EnvironmentName("max-wal-retained")) +
                   ". An empty variable counts as not set.") +
         Entry(Bold("BOTTLEDWATER_KAFKA_CONFIG_*"),
               "Kafka properties, with _ for a dot: " +
                   Bold(EnvironmentName("kafka-config.sasl.password")) + ".") +
         Entry(Bold("BOTTLEDWATER_SCHEMA_REGISTRY_PASSWORD"),
               "The registry's password, for " + Bold("--schema-registry-user") + ".") +
         Entry(Bold("PGPASSWORD") + ", " + Bold("PGPASSFILE") + " and others",
               "libpq's own, where the connection string does not say otherwise.") +
         Entry(Bold("NO_COLOR"), "No colours in the log on a terminal.");
}

std::string ExitCodes() {
  std::string out = ".SH EXIT STATUS\n";
  for (const ExitCodeMeaning& row : ExitCodeTable()) {
    out += Entry(Bold(std::to_string(static_cast<int>(row.code))), Escaped(row.meaning));
  }
  return out;
}

std::string Files() {
  return ".SH FILES\n" +
         Entry(Italic("./bottledwater.spool"),
               "The spool, unless " + Bold("--spool") + " names another directory.") +
         Entry(Italic("~/.pgpass"), "Passwords for PostgreSQL, read by libpq.") +
         Entry("The file of " + Bold("--config"),
               "Options in TOML: " + Bold("max-wal-retained = \"1GiB\"") +
                   ". Users other than its owner must not be able to read it when it holds a "
                   "secret.");
}

std::string Example(std::string_view what, std::string_view command) {
  return fmt::format(".PP\n{}\n.PP\n.nf\n.RS\n{}\n.RE\n.fi\n", Escaped(what), Escaped(command));
}

std::string Examples() {
  return ".SH EXAMPLES\n" +
         Example("Relay a database:",
                 "bottledwater --postgres=postgres://relay@db.example/shop \\\n"
                 "    --broker=kafka.example:9092 --schema-registry=https://registry.example") +
         Example(
             "Make the topic of one table equal to it again, then relay as usual:",
             "bottledwater resnapshot public.orders --config=/etc/bottledwater/bottledwater.toml") +
         Example("Complete commands and options in bash:",
                 "source <(bottledwater completion bash)");
}

}  // namespace

std::string ManPage(std::span<const CommandSpec> commands) {
  std::string out =
      ".TH BOTTLEDWATER 1 \"\" \"Bottled Water " BOTTLEDWATER_VERSION
      "\" \"User Commands\"\n"
      ".SH NAME\n"
      "bottledwater \\- relay every change committed in PostgreSQL to Kafka, exactly once\n"
      ".SH SYNOPSIS\n";
  const char* separator = "";
  for (const CommandSpec& command : commands) {
    if (command.name.empty()) {
      out += fmt::format("{} {}\n", Bold("bottledwater"), Escaped("--postgres=CONNINFO [OPTIONS]"));
    } else {
      out += fmt::format("{}{} {}\n", separator, Bold("bottledwater"), Escaped(Synopsis(command)));
    }
    separator = ".br\n";
  }
  out += ".SH DESCRIPTION\n" + Paragraphs(commands.front().description, ".PP");
  out += Commands(commands) + OptionsByGroup() + EnvironmentEntries() + ExitCodes() + Files() +
         Examples();
  return out;
}

ExitCode RunMan(const Invocation& invocation) {
  std::cout << ManPage(invocation.commands);
  return ExitCode::kOk;
}

}  // namespace bw
