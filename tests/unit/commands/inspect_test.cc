// Which options of `inspect` go together.

#include "commands/inspect.h"

#include <gtest/gtest.h>

#include <vector>

#include "base/error.h"
#include "commands/command_line.h"
#include "commands/command_table.h"

namespace bw {
namespace {

std::string Refusal(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), {"bottledwater", "inspect", "--spool=a"});
  try {
    const CommandLine line =
        ParseCommandLine(static_cast<int>(arguments.size()), arguments.data(), {}, CommandTable());
    CheckInspect(line.invocation.options);
  } catch (const Error& error) {
    EXPECT_EQ(error.exit_code(), ExitCode::kUsage);
    return error.what();
  }
  return "";
}

TEST(Inspect, VerifiesAllOrNothing) {
  EXPECT_EQ(Refusal({"--verify", "--all", "--json"}), "");
  for (const char* option :
       {"--table=orders", "--key=17", "--from-lsn=0/1", "--to-lsn=0/2", "--limit=3"}) {
    const std::string name = std::string(option).substr(0, std::string(option).find('='));
    EXPECT_TRUE(Refusal({"--verify", option}).starts_with(name + ": ")) << option;
    EXPECT_EQ(Refusal({"--changes", option}), "") << option;
  }
}

TEST(Inspect, LimitsLinesAndAtLeastOne) {
  EXPECT_EQ(Refusal({"--transactions", "--limit=1"}), "");
  EXPECT_EQ(Refusal({"--changes", "--limit=0"}), "--limit: must be at least 1");
  EXPECT_EQ(Refusal({"--limit=5"}),
            "--limit: only with --changes or --transactions, whose lines it counts");
}

}  // namespace
}  // namespace bw
