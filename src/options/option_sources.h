#pragma once

#include <functional>
#include <map>
#include <string>

#include "options/option_table.h"
#include "options/options.h"

namespace bw {

// The environment variables that start with BOTTLEDWATER_, by name.
using Environment = std::map<std::string, std::string>;
Environment EnvironmentOfProcess();

// Reads all options: what the command line gave wins over the environment, and the environment over
// the file given by --config. Throws usage Errors that name the option and where it was given.
// `complete` adds what a command sets, and checks everything: in its usage Errors, the name of an
// option at the beginning ("--slot: ...") is replaced by the place where the option was given. It
// also decides about Options::unread_files; a file of --config that cannot be read is always an
// Error.
Options ReadOptions(OptionTexts command_line, const Environment& environment,
                    const std::function<void(Options*)>& complete);

// Throws a usage Error that begins with the name of an option that is missing, out of range, or
// contradicts another: "--slot: ...".
void CheckOptions(const Options& options);

}  // namespace bw
