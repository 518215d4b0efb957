#include "base/bytes.h"

#include <gtest/gtest.h>

#include <functional>

namespace bw {
namespace {

TEST(Bytes, IntegersAreBigEndian) {
  std::string out;
  AppendU8(&out, 0x01);
  AppendU16(&out, 0x0203);
  AppendU32(&out, 0x04050607);
  AppendU64(&out, 0x08090A0B0C0D0E0F);
  EXPECT_EQ(out, std::string("\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0A\x0B\x0C\x0D\x0E\x0F"));
}

TEST(ByteReader, ReadsWhatWasAppended) {
  std::string bytes;
  AppendU8(&bytes, 0xFF);
  AppendU16(&bytes, 0xFFFE);
  AppendU32(&bytes, 0xFFFFFFFD);
  AppendU64(&bytes, 0xFFFFFFFFFFFFFFFC);
  bytes += "table";
  bytes.push_back('\0');
  bytes += "rest";
  ByteReader reader(bytes, "test message");
  EXPECT_EQ(reader.ReadU8(), 0xFF);
  EXPECT_EQ(reader.ReadU16(), 0xFFFE);
  EXPECT_EQ(reader.ReadU32(), 0xFFFFFFFDu);
  EXPECT_EQ(reader.ReadU64(), 0xFFFFFFFFFFFFFFFCu);
  EXPECT_EQ(reader.ReadCString(), "table");
  EXPECT_EQ(reader.remaining(), 4u);
  EXPECT_EQ(reader.ReadBytes(4), "rest");
  reader.ExpectEnd();
}

TEST(ByteReader, RefusesEveryReadBeyondTheEnd) {
  const std::function<void(ByteReader&)> reads[] = {
      [](ByteReader& r) { r.ReadU16(); },           [](ByteReader& r) { r.ReadU32(); },
      [](ByteReader& r) { r.ReadU64(); },           [](ByteReader& r) { r.ReadBytes(2); },
      [](ByteReader& r) { r.ReadBytes(SIZE_MAX); }, [](ByteReader& r) { r.ReadCString(); },
  };
  for (const auto& read : reads) {
    ByteReader reader("x", "test message");
    EXPECT_THROW(read(reader), Error);
  }
  ByteReader empty("", "test message");
  EXPECT_THROW(empty.ReadU8(), Error);
  EXPECT_EQ(empty.ReadBytes(0), "");
}

TEST(ByteReader, SaysWhatWasReadAndWhere) {
  ByteReader reader("abcdef", "pgoutput Relation message");
  reader.ReadU32();
  try {
    reader.ReadU32();
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kHalt);
    EXPECT_STREQ(error.what(),
                 "[unexpected] Malformed pgoutput Relation message at byte 4: needs 4 bytes, 2 "
                 "left. What you can do: (1) report it, with this message");
  }
}

TEST(ByteReader, RefusesBytesThatAreLeftOver) {
  ByteReader reader("ab", "test message");
  reader.ReadU8();
  EXPECT_THROW(reader.ExpectEnd(), Error);
}

}  // namespace
}  // namespace bw
