#include "options/config_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <random>

#include "base/error.h"

namespace bw {
namespace {

std::string Refusal(std::string_view text) {
  try {
    ParseConfigFile("relay.conf", text);
  } catch (const Error& error) {
    EXPECT_EQ(error.exit_code(), ExitCode::kUsage);
    return error.what();
  }
  return "";
}

std::vector<std::string> ValuesOf(std::string_view text) {
  const auto entries = ParseConfigFile("relay.conf", text);
  EXPECT_EQ(entries.size(), 1u);
  return entries.empty() ? std::vector<std::string>{} : entries.front().values;
}

TEST(ConfigFile, ReadsWhatTheHeaderShows) {
  const auto entries = ParseConfigFile("relay.conf",
                                       "# A comment.\n"
                                       "postgres = \"postgres://relay@db.example/shop\"\n"
                                       "\n"
                                       "  allow-unkeyed      # A flag.\r\n"
                                       "tables = [\"public.*\", # first\n"
                                       "          'sales.*',\n"
                                       "]\n"
                                       "[default]\n"
                                       "spool=/var/lib/bottledwater # where\n"
                                       "slot = a");
  ASSERT_EQ(entries.size(), 5u);
  EXPECT_EQ(entries[0].key, "postgres");
  EXPECT_EQ(entries[0].values, (std::vector<std::string>{"postgres://relay@db.example/shop"}));
  EXPECT_EQ(entries[0].line, 2);
  EXPECT_EQ(entries[1].key, "allow-unkeyed");
  EXPECT_EQ(entries[1].values, (std::vector<std::string>{"true"}));
  EXPECT_EQ(entries[2].values, (std::vector<std::string>{"public.*", "sales.*"}));
  EXPECT_EQ(entries[2].line, 5);
  EXPECT_EQ(entries[3].values, (std::vector<std::string>{"/var/lib/bottledwater"}));
  EXPECT_EQ(entries[4].values, (std::vector<std::string>{"a"}));
  EXPECT_EQ(entries[4].line, 10);
}

TEST(ConfigFile, KeepsHashSignsThatAreNoComment) {
  EXPECT_EQ(ValuesOf("a = \"x#y\" # comment"), (std::vector<std::string>{"x#y"}));
  EXPECT_EQ(ValuesOf("a = 'x # y'"), (std::vector<std::string>{"x # y"}));
  EXPECT_EQ(ValuesOf("a = x#y"), (std::vector<std::string>{"x#y"}));
  EXPECT_EQ(ValuesOf("a = x y # z"), (std::vector<std::string>{"x y"}));
  EXPECT_EQ(ValuesOf("a = # empty"), (std::vector<std::string>{""}));
  EXPECT_EQ(ValuesOf("a ="), (std::vector<std::string>{""}));
}

TEST(ConfigFile, KnowsTheEscapesOfDoubleQuotesOnly) {
  EXPECT_EQ(ValuesOf(R"(a = "x\"y\\z\n")"), (std::vector<std::string>{"x\"y\\z\n"}));
  EXPECT_EQ(ValuesOf(R"(a = 'x\y')"), (std::vector<std::string>{"x\\y"}));
  EXPECT_EQ(ValuesOf(R"(a = host=db password=\'x)"),
            (std::vector<std::string>{R"(host=db password=\'x)"}));
}

TEST(ConfigFile, NamesTheLineOfEveryMistake) {
  EXPECT_EQ(Refusal("a = 1\nb = 2\na = 3\n"),
            "relay.conf:3: \"a\" is given twice, first in line 1; several values are written a = "
            "[\"...\", \"...\"]");
  const struct {
    std::string_view text;
    const char* begin;
  } mistakes[] = {
      {"a = \"x", "relay.conf:1: a \" without its end"},
      {"\n\na = \"x\ny\"", "relay.conf:3: a \" without"},
      {"a = 'x", "relay.conf:1: a ' without"},
      {"a = \"x\" y", "relay.conf:1: there is text after the value"},
      {"a = \"\\q\"", "relay.conf:1: in"},
      {"a = \"\\", "relay.conf:1: in"},
      {"= x", "relay.conf:1: a line is written"},
      {"a b", "relay.conf:1: a line is written"},
      {"postgres://u:geheim@h/d", "relay.conf:1: a line is written"},
      {"a = [1, 2", "relay.conf:1: the \"[\" of line 1"},
      {"a = [\"1\" \"2\"]", "relay.conf:1: values in [ ]"},
      {"a = [\n1,\n", "relay.conf:3: the \"[\" of line 1"},
      {"[kafka]\na = 1", "relay.conf:1: sections are not supported"},
      {"[default", "relay.conf:1: a \"[\" without"},
      {"\xEF\xBB\xBF"
       "a = 1",
       "relay.conf:1: the file starts with a byte order mark"},
      {"\xFF\xFE"
       "a",
       "relay.conf:1: the file starts with a byte order mark"},
      {std::string_view("a = \0", 5), "relay.conf:1: the file has NUL bytes"},
      {"\x7F\x45LF", "relay.conf:1: a line is written"},
  };
  for (const auto& mistake : mistakes) {
    EXPECT_TRUE(Refusal(mistake.text).starts_with(mistake.begin))
        << mistake.text << ": " << Refusal(mistake.text);
    EXPECT_EQ(Refusal(mistake.text).find("geheim"), std::string::npos);
  }
}

TEST(ConfigFile, AnEmptyFileHasNoEntries) {
  EXPECT_TRUE(ParseConfigFile("x", "").empty());
  EXPECT_TRUE(ParseConfigFile("x", "\n\n # nothing\n; nothing\n").empty());
}

// Whatever the bytes, the answer is entries or a usage Error.
TEST(ConfigFile, SurvivesEveryMutation) {
  const std::string good = "a = \"x\\n\" # c\nb = ['1', \"2\"]\n[default]\nflag\nc = d e # f\n";
  std::mt19937 random(1);
  for (int round = 0; round < 20'000; ++round) {
    std::string text = good.substr(0, random() % (good.size() + 1));
    for (int i = static_cast<int>(random() % 4); i > 0 && !text.empty(); --i) {
      constexpr std::string_view kInteresting("\"'\\[]=#;,\n\r\t a\xFF\x01\0", 17);
      text[random() % text.size()] = kInteresting[random() % kInteresting.size()];
    }
    try {
      ParseConfigFile("x", text);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kUsage);
    }
  }
}

class ReadSmallFileTest : public testing::Test {
 protected:
  ReadSmallFileTest() : directory_(testing::TempDir() + "/bw_config_XXXXXX") {
    EXPECT_NE(mkdtemp(directory_.data()), nullptr);
  }
  ~ReadSmallFileTest() override { std::filesystem::remove_all(directory_); }
  std::string Write(const std::string& text, mode_t mode) {
    const std::string path = directory_ + "/file";
    std::ofstream(path) << text;
    EXPECT_EQ(chmod(path.c_str(), mode), 0);
    return path;
  }
  static std::string RefusalOf(const std::string& path) {
    try {
      ReadSmallFile("--config", path);
    } catch (const Error& error) {
      EXPECT_EQ(error.exit_code(), ExitCode::kUsage);
      return error.what();
    }
    return "";
  }

  std::string directory_;
};

TEST_F(ReadSmallFileTest, KnowsWhetherEverybodyMayRead) {
  EXPECT_TRUE(ReadSmallFile("--config", Write("x", 0644)).world_readable);
  const FileText file = ReadSmallFile("--config", Write("secret", 0640));
  EXPECT_FALSE(file.world_readable);
  EXPECT_EQ(file.text, "secret");
}

TEST_F(ReadSmallFileTest, RefusesWhatIsNoSmallFile) {
  EXPECT_EQ(RefusalOf("/nowhere/x"),
            "--config: cannot read \"/nowhere/x\": No such file or directory");
  EXPECT_EQ(RefusalOf(directory_), "--config: cannot read \"" + directory_ + "\": Is a directory");
  EXPECT_NE(RefusalOf("").find("cannot read"), std::string::npos);
  // Endless, as a file of 100 MB would be for its reader: given up after the first MiB.
  EXPECT_NE(RefusalOf("/dev/zero").find("is larger than 1 MiB"), std::string::npos);
}

}  // namespace
}  // namespace bw
