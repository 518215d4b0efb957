#include "options/config_file.h"

#include <gtest/gtest.h>

#include <random>

#include "base/error.h"
#include "options/option_files.h"

namespace bw {
namespace {

std::string Refusal(std::string_view text) {
  try {
    OptionsInConfig("relay.conf", text, OptionSource::kPrivateFile);
  } catch (const Error& error) {
    EXPECT_EQ(error.exit_code(), ExitCode::kUsage);
    return error.what();
  }
  return "";
}

std::vector<std::string> ValuesOf(std::string_view text, std::string_view option) {
  return OptionsInConfig("relay.conf", text, OptionSource::kPrivateFile)
      .at(std::string(option))
      .values;
}

TEST(ConfigFile, ReadsWhatTheHeaderShows) {
  const auto entries = ParseConfigFile("relay.conf",
                                       "# A comment.\n"
                                       "postgres = \"postgres://relay@db.example/shop\"\n"
                                       "\n"
                                       "  allow-unkeyed = true     # A flag.\r\n"
                                       "tables = [\"public.*\", # first\n"
                                       "          'sales.*',\n"
                                       "]\n"
                                       "[kafka-config]\n"
                                       "\"sasl.mechanism\" = \"PLAIN\"\n"
                                       "linger.ms = 5");
  ASSERT_EQ(entries.size(), 4u);
  EXPECT_EQ(entries[0].key, "postgres");
  EXPECT_EQ(entries[0].values.at(0).text, "postgres://relay@db.example/shop");
  EXPECT_EQ(entries[0].line, 2);
  EXPECT_EQ(entries[1].key, "allow-unkeyed");
  EXPECT_EQ(entries[1].values.at(0).text, "true");
  EXPECT_EQ(entries[1].values.at(0).type, "a boolean");
  EXPECT_EQ(entries[2].values.at(1).text, "sales.*");
  EXPECT_EQ(entries[2].values.at(1).line, 6);
  EXPECT_EQ(entries[3].type, "a table");
  EXPECT_EQ(entries[3].values.at(0).property, "sasl.mechanism");
  EXPECT_EQ(entries[3].values.at(1).property, "linger.ms");
  EXPECT_EQ(entries[3].values.at(1).text, "5");
  EXPECT_EQ(entries[3].values.at(1).line, 10);
}

TEST(ConfigFile, RefusesNulBytesHoweverTheyAreWritten) {
  for (const char* text : {R"(slot = "a\u0000b")", R"(tables = ["a", "b\u0000"])",
                           "[kafka-config]\n\"sasl.password\" = \"geheim\\u0000x\"",
                           "[kafka-config]\n\"sasl\\u0000\" = \"geheim\""}) {
    const std::string refusal = Refusal(text);
    EXPECT_NE(refusal.find("NUL"), std::string::npos) << text << ": " << refusal;
    EXPECT_EQ(refusal.find("geheim"), std::string::npos);
  }
}

TEST(ConfigFile, TakesNumbersBooleansAndTheirTexts) {
  EXPECT_EQ(ValuesOf("snapshot-connections = 4", "snapshot-connections").at(0), "4");
  EXPECT_EQ(ValuesOf("snapshot-connections = '4'", "snapshot-connections").at(0), "4");
  EXPECT_EQ(ValuesOf("allow-unkeyed = false", "allow-unkeyed").at(0), "false");
  EXPECT_EQ(ValuesOf("allow-unkeyed = \"yes\"", "allow-unkeyed").at(0), "yes");
  EXPECT_EQ(ValuesOf("slot = \"x#y\" # z", "slot").at(0), "x#y");
  EXPECT_EQ(ValuesOf("kafka-config = [\"a.b=c\"]", "kafka-config").at(0), "a.b=c");
  EXPECT_EQ(ValuesOf("kafka-config = {\"a.b\" = true}", "kafka-config").at(0), "a.b=true");
  EXPECT_EQ(ValuesOf("topic-config.retention.ms = -1", "topic-config").at(0), "retention.ms=-1");
}

TEST(ConfigFile, NamesTheTypeThatIsWrong) {
  EXPECT_EQ(Refusal("slot = 5"),
            "relay.conf:1: slot: expected a string, found an integer; write \"5\"");
  EXPECT_EQ(Refusal("\nmax-wal-retained = 1000"),
            "relay.conf:2: max-wal-retained: expected a string, found an integer; write \"1000\"");
  EXPECT_EQ(Refusal("allow-unkeyed = 1"),
            "relay.conf:1: allow-unkeyed: expected a boolean, found an integer; write \"1\"");
  EXPECT_EQ(Refusal("snapshot-connections = 1.5"),
            "relay.conf:1: snapshot-connections: expected an integer, found a number with a "
            "fraction");
  EXPECT_EQ(Refusal("slot = ['a', 'b']"), "relay.conf:1: slot: expected a string, found an array");
  EXPECT_EQ(Refusal("tables = [['a']]"), "relay.conf:1: tables: expected a string, found an array");
  EXPECT_EQ(Refusal("[tables]\na = 'b'"),
            "relay.conf:1: tables: expected a string or an array of strings, found a table");
  EXPECT_EQ(Refusal("[kafka-config]\na = 1979-05-27"),
            "relay.conf:1: kafka-config: a: expected a string, found a date or time");
}

// What was right before the file was TOML.
TEST(ConfigFile, SaysWhatToWriteInAnOldFile) {
  EXPECT_EQ(Refusal("slot = 'a'\n\nallow-unkeyed  # yes\n"),
            "relay.conf:3: \"allow-unkeyed\" has no value: this is a TOML file since 0.1; write "
            "allow-unkeyed = true");
  for (const char* value : {"a", "1GiB", "5s", "2/44DAB970", "/var/lib/x", "true1",
                            "postgres://u:geheim@h/d", "host=db password='geheim'"}) {
    EXPECT_EQ(Refusal(std::string("slot = ") + value),
              "relay.conf:1: the value of \"slot\" is a text without quotes: this is a TOML file "
              "since 0.1; write slot = \"...\"");
  }
  EXPECT_EQ(Refusal("[default]\nslot = 'a'"),
            "relay.conf:1: unknown table \"default\": options stand at the top level, and only "
            "kafka-config and topic-config may be tables");
}

TEST(ConfigFile, NamesTheLineOfEveryMistake) {
  EXPECT_EQ(Refusal("slot = '1'\nspool = '2'\nslot = '3'\n"),
            "relay.conf:3: \"slot\" is given twice; several values are written slot = [\"...\", "
            "\"...\"]");
  EXPECT_EQ(Refusal("[kafka-config]\nlinger.ms = 5\nslot = 'a'"),
            "relay.conf:3: \"slot\" is an option and no property of kafka-config; write it above "
            "[kafka-config]");
  const struct {
    std::string_view text;
    const char* begin;
  } mistakes[] = {
      {"a = \"x", "relay.conf:1: not TOML"},
      {"\n\na = \"x\ny\"", "relay.conf:3: not TOML"},
      {"a = \"x\" y", "relay.conf:1: not TOML"},
      {"a = \"\\q\"", "relay.conf:1: not TOML"},
      {"a =", "relay.conf:1: \"a\" has no value"},
      {"a = # x", "relay.conf:1: \"a\" has no value"},
      {"= x", "relay.conf:1: not TOML"},
      {"a b", "relay.conf:1: not TOML"},
      {"; a comment", "relay.conf:1: not TOML"},
      {"postgres://u:geheim@h/d", "relay.conf:1: not TOML"},
      {"a = [geheim]", "relay.conf:1: not TOML"},
      {"a = [\"1\" \"2\"]", "relay.conf:1: not TOML"},
      {"[default", "relay.conf:1: not TOML"},
      {"[kafka-config]\n\"sasl.password\" = geheim", "relay.conf:2: not TOML"},
      {"[kafka-config]\nsasl.password = geheim", "relay.conf:2: the value of"},
      {"\xEF\xBB\xBF"
       "a = 1",
       "relay.conf:1: the file starts with a byte order mark"},
      {"\xFF\xFE"
       "a",
       "relay.conf:1: the file starts with a byte order mark"},
      {std::string_view("a = \0", 5), "relay.conf:1: the file has NUL bytes"},
      {"\x7F\x45LF", "relay.conf:1: not TOML"},
      {"a = \"\xFF\"", "relay.conf:1: not TOML"},
  };
  for (const auto& mistake : mistakes) {
    EXPECT_TRUE(Refusal(mistake.text).starts_with(mistake.begin))
        << mistake.text << ": " << Refusal(mistake.text);
    EXPECT_EQ(Refusal(mistake.text).find("geheim"), std::string::npos);
  }
}

TEST(ConfigFile, RefusesKeysThatWouldNestTooDeep) {
  std::string deep = "a";
  for (int i = 0; i < 300'000; ++i) deep += ".a";
  for (const std::string& text : {deep + " = 1", "[" + deep + "]", "x = {" + deep + " = 1}"}) {
    EXPECT_EQ(Refusal(text), "relay.conf:1: more than 256 dots in one key or value");
  }
  EXPECT_TRUE(Refusal("a = " + std::string(100'000, '[')).starts_with("relay.conf:1: not TOML"));
}

TEST(ConfigFile, AnEmptyFileHasNoEntries) {
  EXPECT_TRUE(ParseConfigFile("x", "").empty());
  EXPECT_TRUE(ParseConfigFile("x", "\n\n # nothing\n").empty());
}

// Whatever the bytes, the answer is entries or a usage Error.
TEST(ConfigFile, SurvivesEveryMutation) {
  const std::string good =
      "slot = \"x\\n\" # c\ntables = ['1', \"2\"]\nu = true\n[kafka-config]\na.b = 1979-05-27\n";
  std::mt19937 random(1);
  for (int round = 0; round < 20'000; ++round) {
    std::string text = good.substr(0, random() % (good.size() + 1));
    for (int i = static_cast<int>(random() % 4); i > 0 && !text.empty(); --i) {
      constexpr std::string_view kInteresting("\"'\\[]=#;,\n\r\t a\xFF\x01\0.{}", 20);
      text[random() % text.size()] = kInteresting[random() % kInteresting.size()];
    }
    try {
      OptionsInConfig("x", text, OptionSource::kPrivateFile);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kUsage);
    }
  }
}

}  // namespace
}  // namespace bw
