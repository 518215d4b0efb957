#include "capture/capture_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "capture/replication_slot.h"

namespace bw {
namespace {

std::string Refusal(const CaptureOptions& options) {
  try {
    CheckCaptureOptions(options);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUsage);
    EXPECT_EQ(error.exit_code(), ExitCode::kUsage);
    return error.what();
  }
  return "";
}

TEST(CaptureOptions, DefaultsAreValidWithADatabase) {
  CaptureOptions options;
  options.conninfo = "postgresql://localhost/db";
  EXPECT_EQ(Refusal(options), "");
}

TEST(CaptureOptions, NamesTheOptionThatIsWrong) {
  CaptureOptions good;
  good.conninfo = "db";
  CaptureOptions options = good;
  options.conninfo = "";
  EXPECT_THAT(Refusal(options), testing::HasSubstr("--postgres"));
  options = good;
  options.slot = "Bottled Water";
  EXPECT_THAT(Refusal(options), testing::HasSubstr("--slot"));
  options = good;
  options.publication = "";
  EXPECT_THAT(Refusal(options), testing::HasSubstr("--publication"));
  options = good;
  options.exclude_tables = {""};
  EXPECT_THAT(Refusal(options), testing::HasSubstr("--exclude-tables"));
  options = good;
  options.snapshot_connections = 0;
  EXPECT_NE(Refusal(options), "");
}

TEST(SlotName, IsWhatPostgresTakes) {
  EXPECT_TRUE(IsValidSlotName("bottledwater_2"));
  EXPECT_TRUE(IsValidSlotName(std::string(63, 'a')));
  for (const std::string& name :
       {std::string(), std::string(64, 'a'), std::string("A"), std::string("a-b"),
        std::string("a\"b"), std::string("\xC3\xA9")}) {
    EXPECT_FALSE(IsValidSlotName(name)) << name;
  }
}

}  // namespace
}  // namespace bw
