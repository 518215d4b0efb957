#include "base/nearest_name.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace bw {
namespace {

TEST(EditDistance, CountsInsertRemoveReplaceAndSwap) {
  EXPECT_EQ(EditDistance("", ""), 0u);
  EXPECT_EQ(EditDistance("slot", "slot"), 0u);
  EXPECT_EQ(EditDistance("", "slot"), 4u);
  EXPECT_EQ(EditDistance("slots", "slot"), 1u);
  EXPECT_EQ(EditDistance("slt", "slot"), 1u);
  EXPECT_EQ(EditDistance("spot", "slot"), 1u);
  EXPECT_EQ(EditDistance("solt", "slot"), 1u);
  EXPECT_EQ(EditDistance("kitten", "sitting"), 3u);
}

TEST(NearestName, FindsWhatWasMeant) {
  const std::vector<std::string_view> names = {"slot", "spool", "spool-max-bytes", "postgres",
                                               "schema-registry-password-file"};
  EXPECT_EQ(NearestName("slto", names), "slot");
  EXPECT_EQ(NearestName("postgre", names), "postgres");
  EXPECT_EQ(NearestName("spool-max-byte", names), "spool-max-bytes");
  EXPECT_EQ(NearestName("schema-registry-password", names), "schema-registry-password-file");
}

TEST(NearestName, StaysSilentWhenNothingIsNear) {
  const std::vector<std::string_view> names = {"slot", "postgres"};
  EXPECT_EQ(NearestName("verbose", names), std::nullopt);
  EXPECT_EQ(NearestName("", names), std::nullopt);
  EXPECT_EQ(NearestName("x", names), std::nullopt);
  EXPECT_EQ(NearestName(std::string(1'000'000, 's'), names), std::nullopt);
  EXPECT_EQ(NearestName("slot", {}), std::nullopt);
}

}  // namespace
}  // namespace bw
