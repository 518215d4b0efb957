#include "base/text_encoding.h"

#include <gtest/gtest.h>

namespace bw {
namespace {

TEST(TextEncoding, KnowsWhoConverts) {
  using Kind = TextEncoding::Kind;
  EXPECT_EQ(TextEncoding::Of("UTF8").kind(), Kind::kUtf8);
  EXPECT_EQ(TextEncoding::Of("").kind(), Kind::kUtf8);
  EXPECT_EQ(TextEncoding::Of("SQL_ASCII").kind(), Kind::kUnknown);
  EXPECT_EQ(TextEncoding::Of("WIN1252").kind(), Kind::kOneByte);
  EXPECT_EQ(TextEncoding::Of("EUC_JP").kind(), Kind::kServers);
  EXPECT_FALSE(TextEncoding::Of("EUC_JP").is_raw());
  EXPECT_TRUE(TextEncoding::Of("LATIN1").is_raw());
}

TEST(TextEncoding, NamesFindTheirWayBack) {
  std::string all;
  for (int byte = 1; byte < 256; ++byte) all.push_back(static_cast<char>(byte));
  for (const char* name : {"WIN1252", "WIN874", "ISO_8859_8", "KOI8R", "LATIN1", "SQL_ASCII"}) {
    const TextEncoding encoding = TextEncoding::Of(name);
    EXPECT_EQ(encoding.Encode(encoding.Decode(all)), all) << name;
  }
  const TextEncoding windows = TextEncoding::Of("WIN1252");
  EXPECT_EQ(windows.Decode("\x80 cr\xEApes \x81"), "€ crêpes \uF781");
  EXPECT_EQ(windows.Encode("日\xFF"), "??");
  EXPECT_EQ(TextEncoding::Of("UTF8").Decode("\xFF"), "\xFF");
}

}  // namespace
}  // namespace bw
