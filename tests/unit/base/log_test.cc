#include "base/log.h"

#include <gtest/gtest.h>
#include <spdlog/sinks/ostream_sink.h>

#include <nlohmann/json.hpp>
#include <regex>
#include <sstream>

#include "base/error.h"

namespace bw {
namespace {

TEST(StartLogging, NamesTheLevelsWhenOneIsUnknown) {
  try {
    StartLogging({.level = "loud\n"});
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.exit_code(), ExitCode::kUsage);
    EXPECT_NE(std::string(error.what()).find("trace, debug, info, warn, error"), std::string::npos);
  }
}

class LogTest : public testing::Test {
 protected:
  void SetUp() override {
    before_ = spdlog::default_logger();
    auto logger = std::make_shared<spdlog::logger>(
        "test", std::make_shared<spdlog::sinks::ostream_sink_mt>(out_));
    logger->set_formatter(LogFormatter("%l %v"));
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

// Whoever writes a log call need not think of it.
TEST_F(LogTest, WhatIsLoggedForgesNoLineAndCommandsNoTerminal) {
  spdlog::critical("Table {} is gone", "t\n2026-01-01 info  all is well\x1B[31m\xFF\u202E");
  EXPECT_EQ(out_.str(),
            "critical Table t 2026-01-01 info  all is well\\x1b[31m\\xff\\xe2\\x80\\xae is gone\n");
}

TEST_F(LogTest, LinesOfOurOwnAreLines) {
  spdlog::warn("Run one of:{}{}", OwnLine("SELECT 1;"), OwnLine("SELECT\n2;"));
  EXPECT_EQ(out_.str(), "warning Run one of:\n  SELECT 1;\n  SELECT 2;\n");
}

TEST_F(LogTest, AJsonLineIsValidWhateverTheMessage) {
  std::string every_byte = "\"quoted\" \\ ";
  for (int byte = 0; byte < 256; ++byte) every_byte.push_back(static_cast<char>(byte));
  spdlog::default_logger()->set_formatter(JsonLogFormatter());
  spdlog::warn("{}{}", every_byte, OwnLine("SELECT 1;"));
  ASSERT_EQ(lines(), 1u);
  const auto line = nlohmann::json::parse(out_.str());
  EXPECT_EQ(line.size(), 3u);
  EXPECT_EQ(line.at("level"), "warning");
  EXPECT_EQ(line.at("message"), ShownText(every_byte + OwnLine("SELECT 1;")));
  EXPECT_TRUE(std::regex_match(line.at("time").get<std::string>(),
                               std::regex(R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)")));
}

TEST_F(LogTest, SaysOnceThatAServerIsAwayAndOnceThatItIsBack) {
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

TEST(TroubleList, AServerHasOneTroubleTheNewest) {
  TroubleList troubles;
  AwayLog session("Kafka", &troubles);
  AwayLog publisher("Kafka (broker:9092)", &troubles);
  session.Away("a transaction is in doubt");
  const int64_t since = troubles.List().at(0).since_us;
  publisher.Away("connection refused");
  ASSERT_EQ(troubles.List().size(), 1u);
  session.Refuses("no such right", "Grant it");
  const Trouble only = troubles.List().at(0);
  ASSERT_EQ(troubles.List().size(), 1u);
  EXPECT_EQ(only.server, "Kafka (broker:9092)");
  EXPECT_EQ(only.kind, TroubleKind::kRefuses);
  EXPECT_EQ(only.remedy, "Grant it");
  EXPECT_EQ(only.since_us, since);
  troubles.Set(
      {.what = "fails at x", .remedy = "", .kind = TroubleKind::kFails, .server = "Kafka"});
  ASSERT_EQ(troubles.List().size(), 1u);
  EXPECT_EQ(troubles.List().at(0).since_us, since);
  session.Back();
  EXPECT_EQ(troubles.List().at(0).what, "fails at x");
  troubles.ClearFailing("Kafka");
  EXPECT_TRUE(troubles.List().empty());
}

}  // namespace
}  // namespace bw
