#include "relay/option_values.h"

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

TEST(ParseCount, KeepsToItsBounds) {
  EXPECT_EQ(ParseCount("--x", "1", 1, 10), 1u);
  EXPECT_EQ(ParseCount("--x", "10", 1, 10), 10u);
  for (const char* text : {"0", "11", "-1", "", "1e3", "5 ", "99999999999999999999"}) {
    EXPECT_EQ(Refusal([&] { ParseCount("--x", text, 1, 10); }),
              std::string("--x: \"") + (std::string(text) == "5 " ? "5" : text) +
                  "\" is not a number from 1 to 10");
  }
}

TEST(ParseHttpUrl, TakesHttpAndHttpsWithAPath) {
  EXPECT_EQ(ParseHttpUrl("-r", "http://localhost:8081"), "http://localhost:8081");
  EXPECT_EQ(ParseHttpUrl("-r", "https://registry.example/apis/ccompat/v7/"),
            "https://registry.example/apis/ccompat/v7");
  EXPECT_EQ(ParseHttpUrl("-r", "HTTP://[::1]:65535/"), "HTTP://[::1]:65535");
}

TEST(ParseHttpUrl, RefusesEverythingElse) {
  for (const char* text :
       {"", "localhost:8081", "ftp://x", "file:///etc/passwd", "http://", "http:///x", "http://:80",
        "http://x:0", "http://x:65536", "http://x:", "http://x:http", "http://x:-1", "http://[::1",
        "http://[::1]x", "http://[]:80", "http://a b", "http://x/\n", "http://x?y", "http://x#y"}) {
    EXPECT_TRUE(Refusal([&] {
                  ParseHttpUrl("--schema-registry", text);
                }).starts_with("--schema-registry: \""))
        << text;
  }
}

TEST(ParseHttpUrl, RefusesCredentialsWithoutRepeatingThem) {
  for (const char* text : {"http://user:geheim@registry:8081", "https://geheim@x", "geheim@x",
                           "user:geheim@http://x"}) {
    const std::string refusal = Refusal([&] { ParseHttpUrl("-r", text); });
    EXPECT_NE(refusal.find("--schema-registry-user"), std::string::npos) << refusal;
    EXPECT_EQ(refusal.find("geheim"), std::string::npos) << refusal;
  }
}

TEST(ParseBrokers, ChecksEveryBrokerOfTheList) {
  for (const char* text : {"localhost:9092", "a,b,c", "a:1,[::1]:65535", "SASL_SSL://a:9093"}) {
    EXPECT_EQ(ParseBrokers("--broker", text), text);
  }
  for (const char* text :
       {"", ",", "a,", ",a", "a:0", "a:65536", "a,b:x", "a b:1", "a:1:2", "user:geheim@a:1"}) {
    const std::string refusal = Refusal([&] { ParseBrokers("--broker", text); });
    EXPECT_TRUE(refusal.starts_with("--broker: ")) << text;
    EXPECT_EQ(refusal.find("geheim"), std::string::npos);
  }
}

TEST(ParseSlotName, IsWhatPostgresTakes) {
  EXPECT_EQ(ParseSlotName("--slot", "bottledwater_2"), "bottledwater_2");
  EXPECT_EQ(ParseSlotName("--slot", std::string(63, 'a')), std::string(63, 'a'));
  for (const std::string& text :
       {std::string(), std::string(64, 'a'), std::string("A"), std::string("a-b"),
        std::string("a b"), std::string("a'b"), std::string("é"), std::string("a;drop")}) {
    EXPECT_NE(Refusal([&] { ParseSlotName("--slot", text); }), "") << text;
  }
}

TEST(ParseKeyValue, SplitsAtTheFirstEqualsSign) {
  EXPECT_EQ(ParseKeyValue("-C", "a.b=c=d"), std::make_pair(std::string("a.b"), std::string("c=d")));
  EXPECT_EQ(ParseKeyValue("-C", "a="), std::make_pair(std::string("a"), std::string()));
  for (const char* text : {"", "a", "=b", " =b", "a b=c", "a\n=b"}) {
    EXPECT_NE(Refusal([&] { ParseKeyValue("-C", text); }), "") << text;
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

TEST(FormatSize, UsesTheUnitAPersonWould) {
  EXPECT_EQ(FormatSize(0), "0 B");
  EXPECT_EQ(FormatSize(1023), "1023 B");
  EXPECT_EQ(FormatSize(1024), "1 KiB");
  EXPECT_EQ(FormatSize(1536), "1.5 KiB");
  EXPECT_EQ(FormatSize(256 * kMiB), "256 MiB");
  EXPECT_EQ(FormatSize(kMiB - 1), "1 MiB");
  EXPECT_EQ(FormatSize(~uint64_t{0}), "16 EiB");
}

TEST(FormatDuration, UsesTheUnitAPersonWould) {
  EXPECT_EQ(FormatDuration(Duration(0)), "0 ms");
  EXPECT_EQ(FormatDuration(Duration(-5)), "0 ms");
  EXPECT_EQ(FormatDuration(Duration(350)), "350 ms");
  EXPECT_EQ(FormatDuration(Duration(1250)), "1.2 s");
  EXPECT_EQ(FormatDuration(Duration(45'900)), "45 s");
  EXPECT_EQ(FormatDuration(std::chrono::minutes(12)), "12 min");
  EXPECT_EQ(FormatDuration(std::chrono::minutes(200)), "3 h 20 min");
  EXPECT_EQ(FormatDuration(std::chrono::hours(52)), "2 d 4 h");
}

TEST(FormatCount, GroupsByThousands) {
  EXPECT_EQ(FormatCount(0), "0");
  EXPECT_EQ(FormatCount(999), "999");
  EXPECT_EQ(FormatCount(1000), "1,000");
  EXPECT_EQ(FormatCount(1'234'567), "1,234,567");
  EXPECT_EQ(FormatCount(~uint64_t{0}), "18,446,744,073,709,551,615");
}

}  // namespace
}  // namespace bw
