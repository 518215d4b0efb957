// bottledwater: relays every change committed in PostgreSQL to Kafka, exactly once.

#include <iostream>

#include "base/error.h"
#include "base/log.h"
#include "commands/command_line.h"
#include "commands/command_table.h"

namespace bw {
namespace {

ExitCode Main(int argc, const char* const* argv) {
  const CommandLine line = ParseCommandLine(argc, argv, EnvironmentOfProcess(), CommandTable());
  if (line.command != nullptr) return line.command->run(line.invocation);
  std::cout << line.text;
  return ExitCode::kOk;
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
