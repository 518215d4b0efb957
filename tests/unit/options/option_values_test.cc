#include "options/option_values.h"

#include <gtest/gtest.h>

#include <functional>

#include "base/byte_size.h"
#include "base/error.h"

namespace bw {
namespace {

// The message of the usage Error that `parse` throws; "" when it throws none.
std::string Refusal(const std::function<void()>& parse) {
  try {
    parse();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUsage);
    EXPECT_EQ(error.exit_code(), ExitCode::kUsage);
    return error.what();
  }
  return "";
}

TEST(ParseSize, TakesBytesAndPowersOf1024) {
  EXPECT_EQ(ParseSize("--x", "0"), 0u);
  EXPECT_EQ(ParseSize("--x", "1234"), 1234u);
  EXPECT_EQ(ParseSize("--x", "17B"), 17u);
  EXPECT_EQ(ParseSize("--x", "256KiB"), 256 * kKiB);
  EXPECT_EQ(ParseSize("--x", "256 MiB"), 256 * kMiB);
  EXPECT_EQ(ParseSize("--x", "2gib"), 2 * kGiB);
  EXPECT_EQ(ParseSize("--x", "1TiB"), 1024 * kGiB);
}

TEST(ParseSize, RefusesNegativesOverflowAndNonsense) {
  for (const char* text : {"", " ", "-1", "+1", "-1MiB", "1.5GiB", "MiB", "12XB", "1 2", "0x10",
                           "99999999999999999999", "9223372036854775808", "9000000TiB",
                           "18014398509481984KiB", "1MiB ", "1  MiB", "1MiBMiB", "nan"}) {
    const std::string refusal = Refusal([&] { ParseSize("--spool-max-bytes", text); });
    EXPECT_TRUE(refusal.starts_with("--spool-max-bytes: \"")) << text << ": " << refusal;
  }
}

TEST(ParseSize, SaysWhatToWriteInsteadOfAnAmbiguousUnit) {
  EXPECT_NE(Refusal([] { ParseSize("--x", "256MB"); }).find("write 256MiB"), std::string::npos);
  EXPECT_NE(Refusal([] { ParseSize("--x", "1g"); }).find("write 1GiB"), std::string::npos);
  EXPECT_NE(Refusal([] { ParseSize("--x", "8kB"); }).find("write 8KiB"), std::string::npos);
}

TEST(ParseDuration, TakesMillisecondsToHours) {
  EXPECT_EQ(ParseDuration("--x", "500ms"), Duration(500));
  EXPECT_EQ(ParseDuration("--x", "30s"), Duration(30'000));
  EXPECT_EQ(ParseDuration("--x", "5 min"), Duration(300'000));
  EXPECT_EQ(ParseDuration("--x", "2h"), Duration(7'200'000));
  EXPECT_EQ(ParseDuration("--x", "0"), Duration(0));
}

TEST(ParseDuration, RefusesEverythingElse) {
  for (const char* text : {"", "5", "-5s", "5m", "5 d", "s", "1.5s", "99999999999999999999s",
                           "9223372036854775807h", "100000h"}) {
    EXPECT_NE(Refusal([&] { ParseDuration("--x", text); }), "") << text;
  }
}

TEST(ParseCount, TakesDecimalNumbersOnly) {
  EXPECT_EQ(ParseCount("--x", "10"), 10u);
  for (const char* text : {"-1", "", "1e3", "5 ", "99999999999999999999"}) {
    EXPECT_TRUE(Refusal([&] { ParseCount("--x", text); }).starts_with("--x: \"")) << text;
  }
}

TEST(ParseKeyValue, SplitsAtTheFirstEqualsSign) {
  EXPECT_EQ(ParseKeyValue("-C", "a.b=c=d"), std::make_pair(std::string("a.b"), std::string("c=d")));
  EXPECT_EQ(ParseKeyValue("-C", "a="), std::make_pair(std::string("a"), std::string()));
  for (const char* text : {"", "a", "=b", " =b", "a b=c", "a\n=b"}) {
    EXPECT_NE(Refusal([&] { ParseKeyValue("-C", text); }), "") << text;
  }
}

TEST(ParseHostNames, TakesNamesAndNothingElse) {
  EXPECT_EQ(ParseHostNames("--admin-host", "Relay.Example, bottled_water-0"),
            (std::vector<std::string>{"relay.example", "bottled_water-0"}));
  for (const char* text : {"", "a,", "a:80", "https://a", "*.example", "a b", "[::1]"}) {
    EXPECT_NE(
        Refusal([&] { ParseHostNames("--admin-host", text); }).find("is not the name of a host"),
        std::string::npos)
        << text;
  }
}

TEST(ParseGlobs, SplitsAtCommas) {
  EXPECT_EQ(ParseGlobs("--tables", "public.*, sales.order_?"),
            (std::vector<std::string>{"public.*", "sales.order_?"}));
  for (const char* text : {"", ",", "a,,b", "a,"}) {
    EXPECT_NE(Refusal([&] { ParseGlobs("--tables", text); }), "") << text;
  }
}

TEST(ParseChoice, SuggestsTheNearest) {
  constexpr std::string_view kChoices[] = {"avro", "json", "plain-json"};
  EXPECT_EQ(ParseChoice("-f", "plain-json", kChoices), 2u);
  EXPECT_EQ(Refusal([&] { ParseChoice("-f", "avor", kChoices); }),
            "-f: \"avor\" is not one of avro, json, plain-json; did you mean \"avro\"?");
  EXPECT_NE(Refusal([&] { ParseChoice("-f", "", kChoices); }), "");
}

// A message must not carry control characters from its input to the terminal.
TEST(OptionValues, MessagesAreOnePrintableLine) {
  const std::string refusal = Refusal([] { ParseSize("--x", "1\n2\x1B[31m"); });
  EXPECT_EQ(refusal.find_first_of("\n\x1B"), std::string::npos) << refusal;
}

}  // namespace
}  // namespace bw
