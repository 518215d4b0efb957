#include <gtest/gtest.h>

#include <set>

#include "base/error.h"
#include "commands/command_line.h"
#include "commands/command_table.h"
#include "options/option_setters.h"

namespace bw {
namespace {

// Commands as they may come, with options of their own.
constexpr OptionSpec kJson = {'\0',
                              "json",
                              "",
                              OptionArity::kFlag,
                              OptionGroup::kCommand,
                              "",
                              "Print JSON.",
                              Set<ParseFlag, &Options::capture, &CaptureOptions::allow_unkeyed>};
constexpr OptionSpec kStatusOptions[] = {
    kJson,
    {'\0', "watch", "TIME", OptionArity::kOne, OptionGroup::kCommand, "", "Print it again.",
     Set<ParseDuration, &Options::status_interval>}};
constexpr OptionSpec kCheckOptions[] = {kJson};
constexpr OptionGroup kSpoolGroup[] = {OptionGroup::kSpool, OptionGroup::kGeneral};
constexpr std::string_view kShells[] = {"bash", "zsh"};

constexpr CommandSpec kTestCommands[] = {
    {.name = "", .groups = kSpoolGroup},
    {.name = "status", .groups = kSpoolGroup, .own_options = kStatusOptions},
    {.name = "check", .groups = kSpoolGroup, .own_options = kCheckOptions},
    {.name = "completion", .arguments = {"bash|zsh", 1, 1, kShells}},
};

CommandLine ParseTest(std::vector<const char*> arguments, const Environment& environment = {}) {
  arguments.insert(arguments.begin(), "bottledwater");
  return ParseCommandLine(static_cast<int>(arguments.size()), arguments.data(), environment,
                          kTestCommands);
}

std::string Refusal(std::vector<const char*> arguments) {
  try {
    ParseTest(std::move(arguments));
  } catch (const Error& error) {
    EXPECT_EQ(error.exit_code(), ExitCode::kUsage);
    return error.what();
  }
  return "";
}

TEST(Commands, TakeTheirOptionsBeforeAndAfterTheirName) {
  for (const auto& line : {ParseTest({"status", "--json", "--spool=a", "--watch=5s"}),
                           ParseTest({"--json", "--watch", "5s", "--spool=a", "status"})}) {
    ASSERT_NE(line.command, nullptr);
    EXPECT_EQ(line.command->name, "status");
    EXPECT_TRUE(line.invocation.options.capture.allow_unkeyed);
    EXPECT_EQ(line.invocation.options.status_interval, Duration(5000));
    EXPECT_EQ(line.invocation.options.spool.directory, "a");
  }
  EXPECT_EQ(ParseTest({}).command->name, "");
}

TEST(Commands, RefuseOptionsOfOthers) {
  EXPECT_EQ(Refusal({"--json"}), "--json: only with the command status or check (see --help)");
  EXPECT_EQ(Refusal({"--watch=5s", "check"}),
            "--watch: not an option of the command check (see bottledwater check --help)");
  EXPECT_EQ(Refusal({"status", "--slot=a"}),
            "--slot: not an option of the command status (see bottledwater status --help)");
  EXPECT_EQ(Refusal({"completion", "bash", "--spool=a"}),
            "--spool: not an option of the command completion (see bottledwater completion "
            "--help)");
}

TEST(Commands, SuggestWhatWasMeant) {
  EXPECT_EQ(Refusal({"statsu"}), "unknown command statsu; did you mean status? (see --help)");
  EXPECT_EQ(Refusal({"status", "--wacth=5s"}),
            "unknown option --wacth; did you mean --watch? (see --help)");
  EXPECT_EQ(Refusal({"status", "--watch"}), "--watch: the value is missing; write --watch=TIME");
  EXPECT_EQ(Refusal({"--watch=", "status"}), "--watch: the value is empty; leave the option out");
  EXPECT_EQ(Refusal({"status", "--watch=soon"}).find("--watch: \"soon\" is not a time"), 0u);
  EXPECT_EQ(Refusal({"completion", "bsh"}),
            "completion: \"bsh\" is not one of bash, zsh; did you mean bash?");
}

TEST(Commands, TakeAsManyArgumentsAsTheyHave) {
  EXPECT_EQ(ParseTest({"completion", "zsh"}).invocation.arguments, std::vector<std::string>{"zsh"});
  EXPECT_EQ(Refusal({"completion"}),
            "completion: an argument is missing; write bottledwater completion bash|zsh (see "
            "bottledwater completion --help)");
  EXPECT_EQ(Refusal({"completion", "bash", "zsh"}),
            "completion: unexpected argument \"zsh\" (see bottledwater completion --help)");
  EXPECT_EQ(Refusal({"status", "check"}),
            "status: unexpected argument \"check\" (see bottledwater status --help)");
}

// What a command has alone must not come from a file that all commands share.
TEST(Commands, HaveNoOptionsOfTheirOwnInTheEnvironment) {
  EXPECT_FALSE(ParseTest({"status"}, {{"BOTTLEDWATER_JSON", "true"}})
                   .invocation.options.capture.allow_unkeyed);
}

TEST(Commands, WithoutOptionsReadNeitherEnvironmentNorFile) {
  const Environment wrong = {{"BOTTLEDWATER_STATUS_INTERVAL", "soon"}};
  EXPECT_EQ(ParseTest({"completion", "bash"}, wrong).command->name, "completion");
  EXPECT_THROW(ParseTest({"status"}, wrong), Error);
}

TEST(Commands, HaveHelpOfTheirOwn) {
  for (const auto& line : {ParseTest({"status", "--help"}), ParseTest({"-h", "status", "--watch"}),
                           ParseTest({"status", "--help", "--nonsense"})}) {
    EXPECT_EQ(line.command, nullptr);
    EXPECT_NE(line.text.find("bottledwater status [OPTIONS]"), std::string::npos);
    EXPECT_NE(line.text.find("--watch=TIME"), std::string::npos);
    EXPECT_NE(line.text.find("--spool=DIR"), std::string::npos);
    EXPECT_EQ(line.text.find("--slot"), std::string::npos);
  }
  const std::string whole = ParseTest({"--help"}).text;
  EXPECT_EQ(whole.find("--watch"), std::string::npos);
  EXPECT_NE(whole.find("\n  completion bash|zsh "), std::string::npos);
}

TEST(CommandTable, BeginsWithTheRelayAndHasEachNameOnce) {
  EXPECT_EQ(CommandTable().front().name, "");
  std::set<std::string_view> names;
  for (const CommandSpec& command : CommandTable()) {
    EXPECT_TRUE(names.insert(command.name).second) << command.name;
    EXPECT_NE(command.run, nullptr) << command.name;
    EXPECT_FALSE(command.summary.empty()) << command.name;
    EXPECT_EQ(command.arguments.shown.empty(), command.arguments.max == 0) << command.name;
    EXPECT_EQ(command.groups.empty(), command.check == nullptr) << command.name;
    for (const OptionSpec& option : command.own_options) {
      EXPECT_EQ(option.group, OptionGroup::kCommand) << option.name;
      EXPECT_EQ(FindOption(option.name), nullptr) << option.name;
    }
  }
}

Options OptionsOf(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "bottledwater");
  arguments.push_back("--postgres=shop");
  return ParseCommandLine(static_cast<int>(arguments.size()), arguments.data(), {}, CommandTable())
      .invocation.options;
}

std::string RealRefusal(std::vector<const char*> arguments) {
  try {
    OptionsOf(std::move(arguments));
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(CommandTable, RemoveKeepsWhatItIsTold) {
  using enum RelayPart;
  EXPECT_EQ(OptionsOf({"remove", "--keep=slot,spool", "--keep", "trigger"}).command.keep,
            (std::vector<RelayPart>{kSlot, kSpool, kTrigger}));
  EXPECT_EQ(RealRefusal({"remove", "--keep=slot,spoon"}).find("--keep: \"spoon\" is not one of"),
            0u);
}

TEST(CommandTable, CheckTakesARoleOnlyForSqlAndAPrincipalOnlyForAcls) {
  EXPECT_EQ(OptionsOf({"check", "--print-sql", "--role=relay"}).command.role, "relay");
  EXPECT_EQ(OptionsOf({"check", "--print-acls", "--principal=User:x"}).command.principal, "User:x");
  EXPECT_EQ(RealRefusal({"check", "--role=relay"}), "--role: only with --print-sql");
  EXPECT_EQ(RealRefusal({"check", "--print-sql", "--principal=User:x"}),
            "--principal: only with --print-acls");
  EXPECT_EQ(RealRefusal({"check", "--print-sql", "--json"}),
            "--json: not with --print-sql and --print-acls");
}

}  // namespace
}  // namespace bw
