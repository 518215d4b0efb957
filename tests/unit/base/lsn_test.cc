#include "base/lsn.h"

#include <gtest/gtest.h>

#include <vector>

namespace bw {
namespace {

TEST(Lsn, IsWrittenAsPostgresWritesIt) {
  EXPECT_EQ(Lsn{0x2'44DA'B970}.ToString(), "2/44DAB970");
  EXPECT_EQ(Lsn{0}.ToString(), "0/0");
  EXPECT_EQ(Lsn{0x1'0000'0000}.ToString(), "1/0");
  EXPECT_EQ(Lsn::Max().ToString(), "FFFFFFFF/FFFFFFFF");
}

TEST(Lsn, ReadsWhatItWrites) {
  for (const uint64_t value : {uint64_t{0}, uint64_t{1}, uint64_t{0x2'44DA'B970}, ~uint64_t{0}}) {
    EXPECT_EQ(Lsn::Parse(Lsn{value}.ToString()), Lsn{value});
  }
  EXPECT_EQ(Lsn::Parse("0000000D/1"), (Lsn{0xD'0000'0001}));
  EXPECT_EQ(Lsn::Parse("a/b"), (Lsn{0xA'0000'000B}));
}

TEST(Lsn, RefusesEverythingElse) {
  for (const char* text : {"", "/", "1", "1/", "/1", "1/2/3", "1/ 2", " 1/2", "1/2 ", "g/1", "-1/2",
                           "+1/2", "0x1/2", "123456789/1", "1/123456789", "1/2\n"}) {
    EXPECT_EQ(Lsn::Parse(text), std::nullopt) << text;
  }
  EXPECT_EQ(Lsn::Parse(std::string_view("1/2\0", 4)), std::nullopt);
}

TEST(Lsn, WalBytesBetweenIsNeverNegative) {
  EXPECT_EQ(WalBytesBetween(Lsn{100}, Lsn{150}), 50u);
  EXPECT_EQ(WalBytesBetween(Lsn{150}, Lsn{100}), 0u);
  EXPECT_EQ(WalBytesBetween(Lsn{7}, Lsn{7}), 0u);
}

TEST(Position, IsOrderedByTransactionFirstAndItsEndComesLast) {
  const std::vector<Position> in_order = {
      Position::Zero(),        {Lsn{5}, 0}, {Lsn{5}, 1}, {Lsn{5}, 2}, {Lsn{5}, 10},
      Position::EndOf(Lsn{5}), {Lsn{6}, 0},
  };
  for (size_t i = 0; i < in_order.size(); ++i) {
    for (size_t j = 0; j < in_order.size(); ++j) {
      EXPECT_EQ(in_order[i] < in_order[j], i < j) << i << " " << j;
    }
  }
}

TEST(Position, ReadsWhatItWrites) {
  for (const Position& position : {Position{Lsn{0x2'44DA'B970}, 17}, Position::Zero(),
                                   Position::EndOf(Lsn{9}), Position{Lsn::Max(), 1}}) {
    EXPECT_EQ(Position::Parse(position.ToString()), position) << position.ToString();
  }
  EXPECT_EQ((Position{Lsn{0x2'44DA'B970}, 17}).ToString(), "2/44DAB970:17");
  EXPECT_EQ(Position::EndOf(Lsn{0x2'44DA'B970}).ToString(), "2/44DAB970:end");
}

TEST(Position, RefusesEverythingElse) {
  for (const char* text : {"", ":", "2/4", "2/4:", ":1", "2/4:x", "2/4:-1", "2/4:1:2", "2/4: 1",
                           "2/4:END", "2/4:18446744073709551616"}) {
    EXPECT_EQ(Position::Parse(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace bw
