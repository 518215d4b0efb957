#include "commands/completion.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdio>
#include <filesystem>
#include <fstream>

#include "commands/command_table.h"
#include "commands/man_page.h"
#include "options/exit_code_table.h"

namespace bw {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Not;
using testing::UnorderedElementsAre;

// Texts are given to the programs that read them: shells and groff.
class ProgramTest : public testing::Test {
 protected:
  ProgramTest() : directory_(testing::TempDir() + "/bw_completion_XXXXXX") {
    EXPECT_NE(mkdtemp(directory_.data()), nullptr);
  }
  ~ProgramTest() override { std::filesystem::remove_all(directory_); }

  std::string Write(const std::string& name, const std::string& text) const {
    const std::string path = directory_ + "/" + name;
    std::ofstream(path) << text;
    return path;
  }

  // What it prints, errors included, and its exit code.
  static std::pair<std::string, int> Run(const std::string& command) {
    std::FILE* const pipe = popen(("{ " + command + "; } 2>&1").c_str(), "r");
    EXPECT_NE(pipe, nullptr);
    std::string output;
    for (int c = std::fgetc(pipe); c != EOF; c = std::fgetc(pipe)) {
      output.push_back(static_cast<char>(c));
    }
    const int status = pclose(pipe);
    return {output, WIFEXITED(status) ? WEXITSTATUS(status) : -1};
  }

  static bool IsInstalled(const std::string& program) {
    return Run("command -v " + program).second == 0;
  }

  // What bash offers for the last word, which may be empty.
  std::vector<std::string> Completed(const std::vector<std::string>& words) const {
    std::string script = CompletionScript("bash", CommandTable());
    // Outside of a real completion it only says so.
    script += "compopt() { :; }\ncd " + directory_ + "\nCOMP_WORDS=(bottledwater";
    for (const std::string& word : words) script += fmt::format(" '{}'", word);
    script += fmt::format(")\nCOMP_CWORD={}\n", words.size());
    script += "_bottledwater\nfor reply in \"${COMPREPLY[@]}\"; do echo \"$reply\"; done\n";
    const auto [output, code] = Run("bash --norc " + Write("complete.bash", script));
    EXPECT_EQ(code, 0) << output;
    std::vector<std::string> lines;
    size_t begin = 0;
    for (size_t end = output.find('\n'); end != std::string::npos; end = output.find('\n', begin)) {
      lines.push_back(output.substr(begin, end - begin));
      begin = end + 1;
    }
    return lines;
  }

  std::string directory_;
};

TEST_F(ProgramTest, BashCompletesCommandsAndTheirArguments) {
  std::vector<std::string> commands;
  for (const CommandSpec& command : CommandTable()) {
    if (!command.name.empty()) commands.emplace_back(command.name);
  }
  EXPECT_EQ(Completed({""}), commands);
  EXPECT_THAT(Completed({"resnap"}), ElementsAre("resnapshot"));
  EXPECT_THAT(Completed({"completion", ""}), UnorderedElementsAre("bash", "zsh", "fish"));
  EXPECT_THAT(Completed({"resnapshot", ""}), IsEmpty());
  // The value of an option is no command.
  EXPECT_THAT(Completed({"--slot", "man", "resnap"}), ElementsAre("resnapshot"));
  EXPECT_THAT(Completed({"--slot", "=", "man", "resnap"}), ElementsAre("resnapshot"));
}

TEST_F(ProgramTest, BashCompletesTheOptionsOfTheCommand) {
  EXPECT_THAT(Completed({"--log-l"}), ElementsAre("--log-level"));
  EXPECT_THAT(Completed({"resnapshot", "--"}), Contains("--slot"));
  EXPECT_THAT(Completed({"man", "--"}), ElementsAre("--help"));
  const std::vector<std::string> all = Completed({"--"});
  for (const std::string_view name : OptionNames()) {
    EXPECT_THAT(all, Contains(fmt::format("--{}", name)));
  }
}

TEST_F(ProgramTest, BashCompletesValues) {
  for (const std::vector<std::string>& words : {std::vector<std::string>{"--output-format", "p"},
                                                {"-f", "p"},
                                                {"--output-format", "=", "p"}}) {
    EXPECT_THAT(Completed(words), ElementsAre("plain-json"));
  }
  EXPECT_THAT(Completed({"--log-level", "="}),
              ElementsAre("trace", "debug", "info", "warn", "error"));
  Write("a file.conf", "");
  EXPECT_THAT(Completed({"--config", "a"}), ElementsAre("a file.conf"));
  EXPECT_THAT(Completed({"--spool", "a"}), Not(Contains("a file.conf")));
  EXPECT_THAT(Completed({"--slot", ""}), IsEmpty());
}

TEST_F(ProgramTest, EveryShellReadsItsScript) {
  for (const std::string_view shell : kCompletionShells) {
    const std::string script = CompletionScript(shell, CommandTable());
    for (const OptionSpec& option : OptionTable()) {
      EXPECT_NE(script.find(option.name), std::string::npos) << shell << " " << option.name;
    }
    if (!IsInstalled(std::string(shell))) continue;
    const auto [output, code] =
        Run(fmt::format("{} -n {}", shell, Write(std::string(shell), script)));
    EXPECT_EQ(code, 0) << shell;
    EXPECT_EQ(output, "") << shell;
  }
}

TEST_F(ProgramTest, TheManPageHasWhatHelpHas) {
  const std::string page = ManPage(CommandTable());
  const auto has = [&](std::string text) {
    for (size_t at = text.find('-'); at != std::string::npos; at = text.find('-', at + 2)) {
      text.insert(at, 1, '\\');
    }
    return page.find(text) != std::string::npos;
  };
  for (const OptionSpec& option : OptionTable()) {
    EXPECT_TRUE(has(fmt::format("--{}", option.name))) << option.name;
    EXPECT_TRUE(has(std::string(option.help))) << option.name;
  }
  for (const CommandSpec& command : CommandTable()) {
    EXPECT_TRUE(has(std::string(command.summary)) || command.name.empty()) << command.name;
  }
  for (const ExitCodeMeaning& row : ExitCodeTable()) {
    EXPECT_TRUE(has(std::string(row.meaning))) << row.meaning;
  }
  for (const char* section : {"NAME", "SYNOPSIS", "DESCRIPTION", "COMMANDS", "OPTIONS",
                              "ENVIRONMENT", "EXIT STATUS", "FILES", "EXAMPLES"}) {
    EXPECT_NE(page.find(std::string("\n.SH ") + section + "\n"), std::string::npos) << section;
  }
}

TEST_F(ProgramTest, GroffFormatsTheManPageWithoutWarnings) {
  if (!IsInstalled("groff")) GTEST_SKIP() << "groff is not installed";
  const std::string page = Write("bottledwater.1", ManPage(CommandTable()));
  const auto [warnings, code] = Run("groff -man -Tutf8 -ww " + page + " 2>&1 >/dev/null");
  EXPECT_EQ(code, 0);
  EXPECT_EQ(warnings, "");
}

}  // namespace
}  // namespace bw
