#pragma once

#include <span>
#include <string>
#include <string_view>

#include "commands/command.h"

namespace bw {

// The shells that CompletionScript() knows.
inline constexpr std::string_view kCompletionShells[] = {"bash", "zsh", "fish"};

// A script for one of these shells that completes commands, their arguments, options, and the
// values of options that are files, directories or one of a list.
std::string CompletionScript(std::string_view shell, std::span<const CommandSpec> commands);

// The command completion: prints the script for the shell that it is given.
ExitCode RunCompletion(const Invocation& invocation);

}  // namespace bw
