// bottledwater: relays every change committed in PostgreSQL to Kafka, exactly once.

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <iostream>
#include <system_error>

#include "base/error.h"
#include "base/log.h"
#include "commands/command_line.h"
#include "commands/command_table.h"

namespace bw {
namespace {

ExitCode Run(int argc, const char* const* argv) {
  const CommandLine line = ParseCommandLine(argc, argv, EnvironmentOfProcess(), CommandTable());
  if (line.command != nullptr) return line.command->run(line.invocation);
  std::cout << line.text;
  return ExitCode::kOk;
}

bool ReaderHasGone() {
  pollfd output{STDOUT_FILENO, POLLOUT, 0};
  return poll(&output, 1, 0) == 1 && (output.revents & POLLERR) != 0;
}

// What was printed may be a script's input: half of it must not look like all of it. A reader that
// goes away, as `head` does, has read what it wanted.
void RequireWritten() {
  errno = 0;
  std::cout.flush();
  const int reason = errno;
  if (std::cout || ReaderHasGone()) return;
  throw Error(ErrorKind::kHalt,
              "The output cannot be written" +
                  (reason == 0 ? "" : ": " + std::generic_category().message(reason)),
              ExitCode::kSpoolUnusable);
}

ExitCode Main(int argc, const char* const* argv) {
  const ExitCode code = Run(argc, argv);
  RequireWritten();
  return code;
}

}  // namespace
}  // namespace bw

int main(int argc, char** argv) {
  try {
    return static_cast<int>(bw::Main(argc, argv));
  } catch (const bw::Error& error) {
    bw::SayLastWords(error.what());
    return static_cast<int>(error.exit_code());
  } catch (const std::exception& error) {
    bw::SayLastWords(std::string("internal error: ") + error.what());
    return static_cast<int>(bw::ExitCode::kInternal);
  }
}
