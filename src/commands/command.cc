#include "commands/command.h"

#include <algorithm>

#include "base/error.h"

namespace bw {

const CommandSpec* FindCommand(std::span<const CommandSpec> commands, std::string_view name) {
  const auto found = std::ranges::find(commands, name, &CommandSpec::name);
  return found == commands.end() ? nullptr : &*found;
}

bool Takes(const CommandSpec& command, const OptionSpec& option) {
  if (option.group == OptionGroup::kCommand) {
    return std::ranges::find(command.own_options, option.name, &OptionSpec::name) !=
           command.own_options.end();
  }
  return std::ranges::find(command.groups, option.group) != command.groups.end();
}

std::vector<const OptionSpec*> SharedOptions(const CommandSpec& command) {
  std::vector<const OptionSpec*> options;
  for (const OptionSpec& option : OptionTable()) {
    if (Takes(command, option)) options.push_back(&option);
  }
  return options;
}

std::vector<const OptionSpec*> AllOptions(std::span<const CommandSpec> commands) {
  std::vector<const OptionSpec*> options;
  for (const OptionSpec& option : OptionTable()) options.push_back(&option);
  for (const CommandSpec& command : commands) {
    for (const OptionSpec& option : command.own_options) {
      const auto same = std::ranges::find(options, option.name, &OptionSpec::name);
      if (same == options.end()) {
        options.push_back(&option);
      } else {
        BW_CHECK((*same)->group == OptionGroup::kCommand && (*same)->arity == option.arity);
      }
    }
  }
  return options;
}

}  // namespace bw
