#include "commands/help_text.h"

#include <fmt/format.h>

#include <algorithm>

#include "options/exit_code_table.h"

namespace bw {
namespace {

constexpr size_t kColumns = 100;
constexpr size_t kTextColumn = 40;

// Appends `text` to the line, which is at column `indent`; wraps at kColumns with that indent.
void AppendWrapped(std::string_view text, size_t indent, std::string* out) {
  size_t column = indent;
  while (!text.empty()) {
    const std::string_view word = text.substr(0, text.find(' '));
    text.remove_prefix(std::min(word.size() + 1, text.size()));
    if (column > indent && column + 1 + word.size() > kColumns) {
      out->append("\n").append(indent, ' ');
      column = indent;
    }
    if (column > indent) {
      out->push_back(' ');
      ++column;
    }
    out->append(word);
    column += word.size();
  }
  out->push_back('\n');
}

void AppendRow(std::string left, std::string_view text, std::string* out) {
  if (left.size() + 2 > kTextColumn) {
    out->append(left).append("\n").append(kTextColumn, ' ');
  } else {
    left.resize(kTextColumn, ' ');
    out->append(left);
  }
  AppendWrapped(text, kTextColumn, out);
}

// "  -s, --slot".
std::string NamesColumn(char letter, std::string_view name) {
  return letter == '\0' ? fmt::format("      --{}", name)
                        : fmt::format("  -{}, --{}", letter, name);
}

void AppendOption(const OptionSpec& spec, std::string* out) {
  std::string left = NamesColumn(spec.letter, spec.name);
  if (!spec.value_name.empty()) left += fmt::format("={}", spec.value_name);
  std::string text(spec.help);
  if (!spec.default_text.empty()) text += fmt::format(" [{}]", spec.default_text);
  AppendRow(std::move(left), text, out);
}

void AppendParagraphs(std::string_view text, std::string* out) {
  while (true) {
    const size_t end = text.find("\n\n");
    AppendWrapped(text.substr(0, end), 0, out);
    if (end == std::string_view::npos) return;
    out->push_back('\n');
    text.remove_prefix(end + 2);
  }
}

void AppendCommands(std::span<const CommandSpec> commands, std::string* out) {
  out->append("\nCommands (bottledwater COMMAND --help has more):\n");
  for (const CommandSpec& command : commands) {
    if (command.name.empty()) continue;
    std::string left = fmt::format("  {}", command.name);
    if (!command.arguments.shown.empty()) left += fmt::format(" {}", command.arguments.shown);
    AppendRow(std::move(left), command.summary, out);
  }
}

constexpr std::string_view kHowOptionsAreGiven =
    R"(Defaults are in [ ]. A SIZE is a number of bytes, or has KiB, MiB, GiB or TiB; a TIME has ms,
s, min or h. An option can also be an environment variable, e.g. BOTTLEDWATER_MAX_WAL_RETAINED for
--max-wal-retained, or a line of the file given by --config, e.g. max-wal-retained = "1GiB"; not so
what one command has alone. The command line wins over the environment, and the environment over the
file.
BOTTLEDWATER_KAFKA_CONFIG_SASL_PASSWORD sets the Kafka property sasl.password, and so on.
)";

}  // namespace

std::string Synopsis(const CommandSpec& command) {
  std::string text(command.name.empty() ? "[COMMAND]" : command.name);
  if (!command.arguments.shown.empty()) text += fmt::format(" {}", command.arguments.shown);
  if (std::ranges::find(command.groups, OptionGroup::kCapture) != command.groups.end()) {
    text += " --postgres=CONNINFO";
  }
  return text + (command.groups.empty() && command.own_options.empty() ? "" : " [OPTIONS]");
}

std::string HelpText(const CommandSpec& command, std::span<const CommandSpec> commands) {
  const bool is_whole = command.name.empty();
  std::string out = fmt::format("Usage: bottledwater {}\n\n", Synopsis(command));
  AppendParagraphs(command.description, &out);
  if (is_whole) AppendCommands(commands, &out);
  OptionGroup group = OptionGroup::kCommand;
  if (!command.own_options.empty()) out += fmt::format("\n{}:\n", TitleOf(group));
  for (const OptionSpec& option : command.own_options) AppendOption(option, &out);
  for (const OptionSpec* option : SharedOptions(command)) {
    if (option->group != group) {
      group = option->group;
      out += fmt::format("\n{}:\n", TitleOf(group));
    }
    AppendOption(*option, &out);
  }
  if (group != OptionGroup::kGeneral) out += "\n";
  for (const PrintingFlag& flag : PrintingFlags()) {
    if (!is_whole && flag.name != "help") continue;
    AppendRow(NamesColumn(flag.letter, flag.name), flag.help, &out);
  }
  if (!is_whole) {
    out += "\nbottledwater --help says how options can be given, and has the exit codes.\n";
    return out;
  }
  out.append("\n").append(kHowOptionsAreGiven).append("\nExit codes:\n");
  for (const ExitCodeMeaning& row : ExitCodeTable()) {
    out += fmt::format("  {:2}  {}\n", static_cast<int>(row.code), row.meaning);
  }
  return out;
}

std::string_view HowOptionsAreGiven() { return kHowOptionsAreGiven; }

std::string ConfigHelpText() {
  return R"(Kafka properties are librdkafka's. Set them with -C key=value, in the file given by
--kafka-config-file, or as environment variables: BOTTLEDWATER_KAFKA_CONFIG_SASL_MECHANISM=PLAIN is
sasl.mechanism=PLAIN. Often needed:

  security.protocol     plaintext, ssl, sasl_plaintext or sasl_ssl
  sasl.mechanism        PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, GSSAPI; OAUTHBEARER with
                        sasl.oauthbearer.method=oidc, if librdkafka was built with libcurl
  sasl.username         with sasl.password; keep the latter in the file or the environment
  ssl.ca.location       PEM file of the certificate authorities
  ssl.certificate.location, ssl.key.location, ssl.key.password
  compression.type      none, gzip, snappy, lz4, zstd
  linger.ms, batch.size, socket.keepalive.enable, client.id

The relay's guarantees depend on some properties, which it sets itself and does not let you change:
bootstrap.servers (use --broker), transactional.id, enable.idempotence, acks, isolation.level,
message.timeout.ms, partitioner, group.id and their relatives.

Topic properties (-T key=value) are for the topics that the relay creates: the counts partitions and
replication, and Kafka's own settings (retention.ms, retention.bytes, segment.bytes,
min.insync.replicas, max.message.bytes, ...): https://kafka.apache.org/documentation/#topicconfigs

All properties of the librdkafka in use
(https://github.com/confluentinc/librdkafka/blob/master/CONFIGURATION.md):
)";
}

std::string VersionText() { return "bottledwater " BOTTLEDWATER_VERSION "\n"; }

}  // namespace bw
