#include "base/name_text.h"

#include <gtest/gtest.h>

#include "base/utf8.h"

namespace bw {
namespace {

TEST(NameText, LeavesUtf8AsItIs) {
  for (const char* name : {"", "shop", "crêpes", "a\\x", "\\y", "x"}) {
    EXPECT_EQ(TextOfName(name), name);
    EXPECT_EQ(NameOfText(name), name);
  }
}

TEST(NameText, WritesOtherBytesSoThatTheyComeBack) {
  EXPECT_EQ(TextOfName("caf\xE9"), "\\x636166e9");
  for (const std::string name : {"caf\xE9", "caf\xE8", "\xFF", "\\x", "\\x41", "\\xzz"}) {
    const std::string text = TextOfName(name);
    EXPECT_TRUE(IsValidUtf8(text));
    EXPECT_EQ(NameOfText(text), name);
  }
}

TEST(NameText, RefusesHalfAndWrongDigits) {
  for (const char* text : {"\\x4", "\\xzz", "\\xE9", "\\x41 "}) EXPECT_FALSE(NameOfText(text));
}

}  // namespace
}  // namespace bw
