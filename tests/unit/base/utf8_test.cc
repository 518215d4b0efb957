#include "base/utf8.h"

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

TEST(Utf8, PrefixCutsNoCharacterInTwo) {
  EXPECT_EQ(Utf8Prefix("abc", 3), "abc");
  EXPECT_EQ(Utf8Prefix("abcd", 3), "abc");
  for (const std::string character : {"\u00e9", "\u20ac", "\U0001F376"}) {
    const std::string text = "ab" + character + "c";
    for (size_t size = 2; size < text.size() - 1; ++size) EXPECT_EQ(Utf8Prefix(text, size), "ab");
    EXPECT_EQ(Utf8Prefix(text, text.size() - 1), "ab" + character);
  }
  // What is no UTF-8 has a prefix too.
  EXPECT_EQ(Utf8Prefix("\x80\x80\x80", 2), "");
  EXPECT_EQ(Utf8Prefix(std::string(10, '\x80'), 8).size(), 5u);
}

}  // namespace
}  // namespace bw
