// Everything a person configures. Input := 'f' text of the file behind --config | 'c' command line
// and environment: lines, of which "NAME=value" before the first empty one are variables.

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "capture/conninfo.h"
#include "commands/command_line.h"
#include "commands/command_table.h"
#include "fuzz/fuzz_input.h"
#include "options/config_file.h"
#include "options/option_files.h"
#include "options/option_table.h"

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
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
      out += fmt::format("\\u{:04X}", c);
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
    const bool is_table = entry.type == "a table";
    text += Quoted(entry.key) + (is_table ? " = {" : " = [");
    const char* comma = "";
    for (const ConfigValue& value : entry.values) {
      text += comma + (is_table ? Quoted(value.property) + " = " : "") + Quoted(value.text);
      comma = ", ";
    }
    text += is_table ? "} # comment\n" : "] # comment\n";
  }
  return text;
}

// As an inline table is written on one line, its properties may come in another order.
std::multiset<std::string> TextsOf(const ConfigEntry& entry) {
  std::multiset<std::string> texts;
  for (const ConfigValue& value : entry.values) texts.insert(value.property + "=" + value.text);
  return texts;
}

// A property may be written sasl.password and "sasl.password", which are two keys in TOML.
bool HasPropertyTwice(const ConfigEntry& entry) {
  std::set<std::string> properties;
  return entry.type == "a table" && !std::ranges::all_of(entry.values, [&](const auto& value) {
           return properties.insert(value.property).second;
         });
}

void CheckRoundTrip(const std::vector<ConfigEntry>& entries) {
  const std::vector<ConfigEntry> read = ParseConfigFile("again", FileOf(entries));
  BW_CHECK(read.size() == entries.size());
  for (size_t i = 0; i < read.size(); ++i) {
    BW_CHECK(read[i].key == entries[i].key && read[i].line == static_cast<int>(i) + 1);
    BW_CHECK(TextsOf(read[i]) == TextsOf(entries[i]));
  }
}

// What the relay does with the options, as far as it opens no other file.
void SetOption(const OptionSpec& spec, const OptionText& text, size_t input_bytes,
               Options* options) {
  Options changed = *options;
  const bool accepted =
      fuzz::Accepts(ErrorKind::kUsage, "relay.conf:", MessageBytesMax(input_bytes),
                    [&] { spec.set(text, &changed); });
  if (accepted) *options = changed;
}

void ParseFile(std::string_view text) {
  std::vector<ConfigEntry> entries;
  const bool accepted =
      fuzz::Accepts(ErrorKind::kUsage, "relay.conf:", MessageBytesMax(text.size()),
                    [&] { entries = ParseConfigFile("relay.conf", text); });
  if (!accepted) return;
  if (std::ranges::none_of(entries, HasPropertyTwice)) CheckRoundTrip(entries);
  OptionTexts texts;
  if (!fuzz::Accepts(ErrorKind::kUsage, "relay.conf:", MessageBytesMax(text.size()), [&] {
        texts = OptionsInConfig("relay.conf", text, OptionSource::kPrivateFile);
      })) {
    return;
  }
  Options options;
  for (const auto& [name, option] : texts) {
    SetOption(*FindOption(name), option, text.size(), &options);
  }
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
