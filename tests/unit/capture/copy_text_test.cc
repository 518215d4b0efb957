#include "capture/copy_text.h"

#include <gtest/gtest.h>

#include <string>

#include "base/error.h"

namespace bw {
namespace {

// "NULL" for null, else the text in brackets.
std::vector<std::string> Parsed(std::string row, size_t columns) {
  std::vector<TextValue> values;
  ParseCopyRow(row, columns, &values);
  std::vector<std::string> texts;
  for (const TextValue& value : values) {
    texts.push_back(value.kind == TextValue::Kind::kNull ? "NULL"
                                                         : "[" + std::string(value.text) + "]");
  }
  return texts;
}

using Texts = std::vector<std::string>;

TEST(CopyText, SplitsAtTabs) {
  EXPECT_EQ(Parsed("1\ttwo\t\n", 3), (Texts{"[1]", "[two]", "[]"}));
  EXPECT_EQ(Parsed("one", 1), (Texts{"[one]"}));
}

TEST(CopyText, TellsNullFromTextThatLooksLikeIt) {
  EXPECT_EQ(Parsed("\\N\t\\\\N\tN\n", 3), (Texts{"NULL", "[\\N]", "[N]"}));
}

TEST(CopyText, UndoesEveryEscapeThatTheServerWrites) {
  EXPECT_EQ(Parsed("\\b\\f\\n\\r\\t\\v\\\\\n", 1), (Texts{"[\b\f\n\r\t\v\\]"}));
  EXPECT_EQ(Parsed("a\\tb\tc\\nd\n", 2), (Texts{"[a\tb]", "[c\nd]"}));
}

TEST(CopyText, UndoesTheEscapesThatCopyFromTakes) {
  EXPECT_EQ(Parsed("\\101\\x42\\x4g\\q\\x\n", 1), (Texts{"[AB\x04gqx]"}));
  EXPECT_EQ(Parsed("\\1234\n", 1), (Texts{"[S4]"}));
}

TEST(CopyText, KeepsATableWithoutColumnsEmpty) {
  EXPECT_EQ(Parsed("\n", 0), Texts{});
  EXPECT_EQ(Parsed("", 1), (Texts{"[]"}));
}

TEST(CopyText, RefusesAnotherNumberOfColumns) {
  EXPECT_THROW(Parsed("1\t2\n", 1), Error);
  EXPECT_THROW(Parsed("1\t2\n", 3), Error);
  EXPECT_THROW(Parsed("1\n", 0), Error);
}

TEST(CopyText, RefusesABackslashAtTheEnd) { EXPECT_THROW(Parsed("ab\\\n", 1), Error); }

TEST(CopyText, PointsIntoTheRow) {
  std::string row = "abc\td\\te\n";
  std::vector<TextValue> values;
  ParseCopyRow(row, 2, &values);
  EXPECT_EQ(values[0].text.data(), row.data());
  EXPECT_EQ(values[1].text.data(), row.data() + 4);
}

TEST(CopyText, SurvivesAnyBytes) {
  uint32_t state = 1;
  for (int round = 0; round < 20'000; ++round) {
    std::string row;
    for (int i = 0; i < 12; ++i) {
      state = state * 1664525 + 1013904223;
      row.push_back("\\\t\nNx07f"[state >> 29]);
    }
    std::vector<TextValue> values;
    try {
      ParseCopyRow(row, 2, &values);
    } catch (const Error&) {
    }
  }
}

}  // namespace
}  // namespace bw
