#pragma once

#include "base/error.h"
#include "commands/command.h"
#include "options/option_spec.h"

namespace bw {

// `remove`: shows what the relay has made, asks, and removes it.
ExitCode RunRemove(const Invocation& invocation);

// --keep=slot,spool. Throws a usage Error that begins with where it was given.
void StoreKeep(const OptionText& text, Options* options);

}  // namespace bw
