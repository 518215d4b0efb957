#include <gtest/gtest.h>

#include "base/text_encoding.h"

namespace bw {
namespace {

std::string Converted(std::string_view text, const char* encoding, InvalidText invalid) {
  return TextToUtf8(text, TextEncoding::Of(encoding), invalid).value_or("none");
}

TEST(TextConverter, ConvertsOneByteEncodings) {
  EXPECT_EQ(Converted("\x80 \xE9\x7F", "WIN1252", InvalidText::kError), "€ é\x7F");
  EXPECT_EQ(Converted("\xF0\xD2", "KOI8R", InvalidText::kError), "Пр");
}

TEST(TextConverter, FindsOrReplacesWhatIsNoCharacter) {
  EXPECT_EQ(Converted("a\x81", "WIN1252", InvalidText::kError), "none");
  EXPECT_EQ(Converted("a\x81z", "WIN1252", InvalidText::kReplace), "a\uFFFDz");
  EXPECT_EQ(Converted("é\xFF", "SQL_ASCII", InvalidText::kBytes), "none");
  EXPECT_EQ(Converted("é\xFF\xE2\x82🥞", "SQL_ASCII", InvalidText::kReplace),
            "é\uFFFD\uFFFD\uFFFD🥞");
  EXPECT_EQ(Converted(std::string_view("a\0b", 3), "WIN1252", InvalidText::kError),
            std::string("a\0b", 3));
}

}  // namespace
}  // namespace bw
