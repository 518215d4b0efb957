#include "base/log.h"

#include <gtest/gtest.h>
#include <spdlog/sinks/ostream_sink.h>

#include <sstream>

#include "base/error.h"

namespace bw {
namespace {

TEST(Printable, KeepsEverythingOnOneLine) {
  EXPECT_EQ(Printable("ERROR:  no such table\nDETAIL:  none\r\n"),
            "ERROR:  no such table DETAIL:  none");
  EXPECT_EQ(Printable("a\tb"), "a b");
  EXPECT_EQ(Printable("\n\n"), "");
}

// A table may be called anything.
TEST(Printable, CannotForgeLinesOrColourTheTerminal) {
  const std::string name = "t\n2026-01-01T00:00:00 info  all is well\x1B[31m\x07\x7F";
  const std::string shown = Printable(name);
  for (const char c : shown) {
    EXPECT_GE(static_cast<unsigned char>(c), 0x20);
    EXPECT_NE(c, 0x7F);
  }
  EXPECT_EQ(shown, "t 2026-01-01T00:00:00 info  all is well\\x1b[31m\\x07\\x7f");
  EXPECT_EQ(Printable(std::string_view("a\0b", 3)), "a\\x00b");
}

// Terminals obey C1 controls as well, and a name that turns the direction can hide its end.
TEST(Printable, ShowsControlsThatAreUtf8) {
  EXPECT_EQ(Printable("a\u009B31mb"), "a\\xc2\\x9b31mb");
  EXPECT_EQ(Printable("a\u202Eb\u2066"), "a\\xe2\\x80\\xaeb\\xe2\\x81\\xa6");
  EXPECT_EQ(Printable("\u00A0\u2028\xC2"), "\u00A0\u2028\xC2");
}

TEST(Printable, KeepsUtf8) { EXPECT_EQ(Printable("crêpes 🥞"), "crêpes 🥞"); }

TEST(StartLogging, NamesTheLevelsWhenOneIsUnknown) {
  try {
    StartLogging({.level = "loud\n"});
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.exit_code(), ExitCode::kUsage);
    EXPECT_NE(std::string(error.what()).find("trace, debug, info, warn, error"), std::string::npos);
  }
}

class AwayLogTest : public testing::Test {
 protected:
  void SetUp() override {
    before_ = spdlog::default_logger();
    auto logger = std::make_shared<spdlog::logger>(
        "test", std::make_shared<spdlog::sinks::ostream_sink_mt>(out_));
    logger->set_pattern("%l %v");
    spdlog::set_default_logger(std::move(logger));
  }
  void TearDown() override { spdlog::set_default_logger(before_); }
  size_t lines() const {
    const std::string text = out_.str();
    return static_cast<size_t>(std::count(text.begin(), text.end(), '\n'));
  }

  std::ostringstream out_;
  std::shared_ptr<spdlog::logger> before_;
};

TEST_F(AwayLogTest, SaysOnceThatAServerIsAwayAndOnceThatItIsBack) {
  AwayLog away("Kafka");
  away.Back();
  EXPECT_EQ(out_.str(), "");
  for (int i = 0; i < 100; ++i) away.Away("connection\nrefused");
  EXPECT_EQ(lines(), 1u);
  EXPECT_NE(out_.str().find("Kafka is away, waiting for it: connection refused"),
            std::string::npos);
  away.Back();
  away.Back();
  EXPECT_EQ(lines(), 2u);
  EXPECT_NE(out_.str().find("Kafka is back"), std::string::npos);
  away.Away("again");
  EXPECT_EQ(lines(), 3u);
}

}  // namespace
}  // namespace bw
