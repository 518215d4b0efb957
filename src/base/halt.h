#pragma once

#include <string>
#include <vector>

#include "base/error.h"

namespace bw {

struct Remedy {
  std::string what;     // "take the snapshot again ..."
  std::string command;  // What to type; empty when there is nothing to type. SQL as OwnLine().
};

// Nothing was changed, and nothing may be changed until the operator has decided. The form of every
// halt:
//
//   [code] What was found. What follows from it. What you can do: (1) a remedy: its command; ...
struct Halt {
  ExitCode exit_code = ExitCode::kInternal;
  std::string code;     // Stable word for scripts and documents, e.g. "gap".
  std::string found;    // With the LSNs; a whole sentence.
  std::string meaning;  // What follows from it; may be empty.
  std::vector<Remedy> remedies;

  // All of it as one message.
  std::string Message() const;
  Error ToError() const { return Error(ErrorKind::kHalt, Message(), exit_code); }
};

// Something impossible in what a server has sent or the spool holds: a defect of this program or of
// theirs. `found` need not be a whole sentence.
Error UnexpectedHalt(const std::string& found);

// With a capital, and with a full stop unless it ends with an OwnLine().
std::string Sentence(std::string text);

// `bottledwater resnapshot`, which helps whenever changes are lost.
Remedy ResnapshotRemedy();

}  // namespace bw
