#include "avro/utf8.h"

#include <gtest/gtest.h>

#include <string>

namespace bw {
namespace {

TEST(Utf8, AcceptsEveryLengthAtEveryOffset) {
  for (const std::string character : {"a", "\u00e9", "\u20ac", "\U0001F376", "\U0010FFFF"}) {
    for (size_t offset = 0; offset < 20; ++offset) {
      EXPECT_TRUE(IsValidUtf8(std::string(offset, 'x') + character + "yz"));
    }
  }
  EXPECT_TRUE(IsValidUtf8(""));
}

TEST(Utf8, RefusesMalformedSequencesAtEveryOffset) {
  for (const std::string bad :
       {"\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xc3", "\xc3(", "\xe0\x80\x80", "\xe0\x9f\xbf",
        "\xe2\x82", "\xed\xa0\x80", "\xed\xbf\xbf", "\xf0\x80\x80\x80", "\xf0\x8f\xbf\xbf",
        "\xf0\x9f\x8d", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff", "\xfe"}) {
    for (size_t offset = 0; offset < 20; ++offset) {
      EXPECT_FALSE(IsValidUtf8(std::string(offset, 'x') + bad));
      EXPECT_FALSE(IsValidUtf8(std::string(offset, 'x') + bad + "12345678"));
    }
  }
}

}  // namespace
}  // namespace bw
