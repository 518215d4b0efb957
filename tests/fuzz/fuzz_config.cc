// Everything a person configures. Input := 'f' text of the file behind --config | 'c' command line
// and environment: lines, of which "NAME=value" before the first empty one are variables.

#include <string>
#include <vector>

#include "commands/command_line.h"
#include "commands/command_table.h"
#include "fuzz/fuzz_input.h"
#include "options/config_file.h"
#include "options/option_table.h"
#include "options/redact.h"

namespace bw {
namespace {

// A message may repeat what was typed; a control character takes four bytes there.
size_t MessageBytesMax(size_t input_bytes) { return 8 * input_bytes + 1000; }

// What holds for all options once they are accepted.
void RequireSound(const Options& options) {
  BW_CHECK(!options.capture.slot.empty() && options.capture.slot.size() <= 63);
  BW_CHECK(options.capture.snapshot_connections >= 1 && options.capture.snapshot_connections <= 64);
  BW_CHECK(options.publish.transaction_max_messages >= 1);
  BW_CHECK(options.publish.transaction_max_bytes >= 64 * kKiB &&
           options.publish.transaction_max_bytes <= kGiB);
  BW_CHECK(options.status_interval.count() >= 100);
  BW_CHECK(options.registry.url.find('@') == std::string::npos);
  BW_CHECK(options.publish.brokers.find('@') == std::string::npos);
  for (const char c : RedactedConninfo(options.capture.conninfo)) {
    BW_CHECK(static_cast<unsigned char>(c) >= 0x20);
  }
}

// --- The file -----------------------------------------------------------------------------------

std::string Quoted(std::string_view value) {
  std::string out = "\"";
  for (const char c : value) {
    if (c == '\n') {
      out += "\\n";
      continue;
    }
    if (c == '"' || c == '\\') out.push_back('\\');
    out.push_back(c);
  }
  return out + '"';
}

std::string FileOf(const std::vector<ConfigEntry>& entries) {
  std::string text;
  for (const ConfigEntry& entry : entries) {
    text += entry.key + " = [";
    for (const std::string& value : entry.values) text += Quoted(value) + ", ";
    text += "] # comment\n";
  }
  return text;
}

void CheckRoundTrip(const std::vector<ConfigEntry>& entries) {
  const std::vector<ConfigEntry> read = ParseConfigFile("again", FileOf(entries));
  BW_CHECK(read.size() == entries.size());
  for (size_t i = 0; i < read.size(); ++i) {
    BW_CHECK(read[i].key == entries[i].key && read[i].values == entries[i].values);
    BW_CHECK(read[i].line == static_cast<int>(i) + 1);
  }
}

// What the relay does with an entry, as far as it opens no other file.
void SetOption(const ConfigEntry& entry, size_t input_bytes, Options* options) {
  const OptionSpec* spec = FindOption(entry.key);
  if (spec == nullptr || entry.values.empty()) return;
  const OptionText text{entry.values, "relay.conf:" + std::to_string(entry.line) + ": " + entry.key,
                        OptionSource::kPrivateFile};
  Options changed = *options;
  const bool accepted = fuzz::Accepts(ErrorKind::kUsage, text.where, MessageBytesMax(input_bytes),
                                      [&] { spec->set(text, &changed); });
  if (accepted) *options = changed;
}

void ParseFile(std::string_view text) {
  std::vector<ConfigEntry> entries;
  const bool accepted =
      fuzz::Accepts(ErrorKind::kUsage, "relay.conf:", MessageBytesMax(text.size()),
                    [&] { entries = ParseConfigFile("relay.conf", text); });
  if (!accepted) return;
  CheckRoundTrip(entries);
  Options options;
  for (const ConfigEntry& entry : entries) SetOption(entry, text.size(), &options);
  if (fuzz::Accepts(ErrorKind::kUsage, "--", MessageBytesMax(text.size()),
                    [&] { CheckOptions(options); })) {
    RequireSound(options);
  }
}

// --- Command line and environment ---------------------------------------------------------------

bool NamesAFile(std::string_view text) {
  return text.find("config") != std::string_view::npos ||
         text.find("CONFIG") != std::string_view::npos ||
         text.find("file") != std::string_view::npos || text.find("FILE") != std::string_view::npos;
}

void ParseAll(std::string_view text) {
  std::vector<std::string> arguments;
  Environment environment;
  bool in_environment = true;
  const size_t input_bytes = text.size();
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find_first_of(std::string_view("\n\0", 2)));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    if (in_environment && line.empty()) {
      in_environment = false;
    } else if (NamesAFile(line)) {
      continue;  // Files are not opened here.
    } else if (in_environment && line.find('=') != std::string_view::npos) {
      const size_t equals = line.find('=');
      environment.emplace("BOTTLEDWATER_" + std::string(line.substr(0, equals)),
                          line.substr(equals + 1));
    } else {
      arguments.emplace_back(line);
    }
  }
  std::vector<const char*> argv = {"bottledwater"};
  for (const std::string& argument : arguments) argv.push_back(argument.c_str());
  fuzz::Accepts(ErrorKind::kUsage, "", MessageBytesMax(input_bytes), [&] {
    const CommandLine line =
        ParseCommandLine(static_cast<int>(argv.size()), argv.data(), environment, CommandTable());
    if (line.command == nullptr || line.command->check == nullptr) return;
    BW_CHECK(!line.invocation.options.capture.conninfo.empty());
    RequireSound(line.invocation.options);
  });
}

}  // namespace
}  // namespace bw

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  bw::fuzz::Input input(data, size);
  switch (input.U8()) {
    case 'f':
      bw::ParseFile(input.Rest());
      break;
    case 'c':
      bw::ParseAll(input.Rest());
      break;
    default:
      return -1;
  }
  return 0;
}
