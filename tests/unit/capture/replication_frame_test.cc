#include "capture/replication_frame.h"

#include <gtest/gtest.h>

#include "base/bytes.h"
#include "base/error.h"

namespace bw {
namespace {

std::string XLog(std::string_view body) {
  std::string out = "w";
  AppendU64(&out, 0x244DAB970);
  AppendU64(&out, 0x244DAB980);
  AppendU64(&out, 1);
  return out + std::string(body);
}

std::string Alive(uint8_t reply) {
  std::string out = "k";
  AppendU64(&out, 0x244DAB970);
  AppendU64(&out, 1);
  AppendU8(&out, reply);
  return out;
}

TEST(ReplicationFrame, DecodesWalData) {
  const std::string bytes = XLog("Babc");
  const auto data = std::get<XLogData>(DecodeFrame(bytes));
  EXPECT_EQ(data.wal_start.ToString(), "2/44DAB970");
  EXPECT_EQ(data.wal_end.ToString(), "2/44DAB980");
  EXPECT_EQ(data.bytes, "Babc");
}

TEST(ReplicationFrame, DecodesKeepalive) {
  const auto keepalive = std::get<Keepalive>(DecodeFrame(Alive(1)));
  EXPECT_EQ(keepalive.wal_end.ToString(), "2/44DAB970");
  EXPECT_TRUE(keepalive.reply_requested);
  EXPECT_FALSE(std::get<Keepalive>(DecodeFrame(Alive(0))).reply_requested);
}

TEST(ReplicationFrame, RefusesFramesCutAtEveryByte) {
  for (const std::string& whole : {XLog(""), Alive(1)}) {
    for (size_t length = 0; length < whole.size(); ++length) {
      EXPECT_THROW(DecodeFrame(std::string(whole.data(), length)), Error) << length;
    }
  }
  EXPECT_THROW(DecodeFrame(Alive(0) + "x"), Error);
}

TEST(ReplicationFrame, RefusesUnknownKinds) { EXPECT_THROW(DecodeFrame("z1234"), Error); }

TEST(ReplicationFrame, EncodesStatusAsTheProtocolHasIt) {
  const std::string bytes =
      EncodeStandbyStatus({Lsn{0x300000002}, Lsn{0x200000001}, true}, 946'684'800'000'255);
  EXPECT_EQ(bytes, std::string("r\x00\x00\x00\x03\x00\x00\x00\x02"
                               "\x00\x00\x00\x02\x00\x00\x00\x01"
                               "\x00\x00\x00\x02\x00\x00\x00\x01"
                               "\x00\x00\x00\x00\x00\x00\x00\xFF\x01",
                               34));
}

}  // namespace
}  // namespace bw
