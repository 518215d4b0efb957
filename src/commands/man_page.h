#pragma once

#include <span>
#include <string>

#include "commands/command.h"

namespace bw {

// The man page bottledwater(1), in roff with the man macros.
std::string ManPage(std::span<const CommandSpec> commands);

// The command man: prints the page.
ExitCode RunMan(const Invocation& invocation);

}  // namespace bw
