#include "base/shown_text.h"

#include <gtest/gtest.h>

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
  EXPECT_EQ(Printable("\u00A0\u2028\xC2"), "\u00A0\\xe2\\x80\\xa8\\xc2");
  EXPECT_EQ(Printable("a\u200B\uFEFF\U000E0041"),
            "a\\xe2\\x80\\x8b\\xef\\xbb\\xbf\\xf3\\xa0\\x81\\x81");
}

TEST(Printable, KeepsUtf8) { EXPECT_EQ(Printable("crêpes 🥞"), "crêpes 🥞"); }

TEST(Printable, OnceMoreChangesNothing) {
  const std::string once = Printable("a\nb\x1B\xFF\u2028" + OwnLine("c"));
  EXPECT_EQ(Printable(once), once);
}

TEST(ShownText, BreaksLinesOnlyWhereWeSaySo) {
  EXPECT_EQ(ShownText("Run:" + OwnLine("a\nb;") + OwnLine("c;")), "Run:\n  a b;\n  c;");
  EXPECT_EQ(ShownText("<line >\n  DROP TABLE t;"), "<line >   DROP TABLE t;");
  EXPECT_EQ(ShownText(""), "");
}

}  // namespace
}  // namespace bw
