// bottledwater: relays every change committed in PostgreSQL to Kafka, exactly once.

#include <iostream>

#include "base/error.h"
#include "base/shown_text.h"
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
    std::cerr << bw::ShownText(std::string("bottledwater: ") + error.what()) << '\n';
    return static_cast<int>(error.exit_code());
  } catch (const std::exception& error) {
    std::cerr << bw::ShownText(std::string("bottledwater: internal error: ") + error.what())
              << '\n';
    return static_cast<int>(bw::ExitCode::kInternal);
  }
}
