#pragma once

#include <string>
#include <vector>

#include "base/error.h"

namespace bw {

struct Remedy {
  std::string what;     // "take the snapshot again ..."
  std::string command;  // What to type; empty when there is nothing to type. SQL as OwnLine().
};

// Nothing was changed, and nothing may be: the operator decides. What a halt is told in, wherever
// it is found:
//
//   [code] What was found. What follows from it. What you can do: (1) a remedy: its command; (2)
//   ...
struct Halt {
  ExitCode exit_code = ExitCode::kInternal;
  std::string code;     // Stable word for scripts and documents, e.g. "gap".
  std::string found;    // With the LSNs; a whole sentence.
  std::string meaning;  // Likewise; empty where what was found says it.
  std::vector<Remedy> remedies;

  // All of it as one message.
  std::string Message() const;
  Error ToError() const { return Error(ErrorKind::kHalt, Message(), exit_code); }
};

// What nobody can have written, found in what a server sends or the spool keeps: a defect of this
// program or of theirs. `found` need not be a whole sentence.
Error UnexpectedHalt(const std::string& found);

// With a capital and a full stop.
std::string Sentence(std::string text);

// `bottledwater resnapshot`, which helps wherever something cannot be told any more.
Remedy ResnapshotRemedy();

}  // namespace bw
