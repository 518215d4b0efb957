#include "capture/replication_frame.h"

#include <fmt/format.h>

#include "base/bytes.h"
#include "capture/pgoutput_message.h"

namespace bw {
namespace {

Frame DecodeXLogData(ByteReader reader) {
  XLogData data;
  data.wal_start = Lsn{reader.ReadU64()};
  data.wal_end = Lsn{reader.ReadU64()};
  reader.ReadU64();  // The server's time.
  data.bytes = reader.ReadBytes(reader.remaining());
  return data;
}

Frame DecodeKeepalive(ByteReader reader) {
  Keepalive keepalive;
  keepalive.wal_end = Lsn{reader.ReadU64()};
  reader.ReadU64();  // The server's time.
  keepalive.reply_requested = reader.ReadU8() != 0;
  reader.ExpectEnd();
  return keepalive;
}

}  // namespace

Frame DecodeFrame(std::string_view bytes) {
  if (bytes.empty()) {
    throw UnexpectedHalt("PostgreSQL sent an empty replication frame");
  }
  switch (bytes[0]) {
    case 'w':
      return DecodeXLogData(ByteReader(bytes.substr(1), "XLogData frame"));
    case 'k':
      return DecodeKeepalive(ByteReader(bytes.substr(1), "keepalive frame"));
    default:
      throw UnexpectedHalt(
          fmt::format("PostgreSQL sent a replication frame of the unknown kind 0x{:02x}",
                      static_cast<uint8_t>(bytes[0])));
  }
}

std::string EncodeStandbyStatus(const StandbyStatus& status, int64_t wall_micros) {
  std::string out = "r";
  AppendU64(&out, status.write.value);
  AppendU64(&out, status.flush.value);
  AppendU64(&out, status.flush.value);  // Applied: for us, durable is applied.
  AppendU64(&out, static_cast<uint64_t>(wall_micros - kPostgresEpochUs));
  AppendU8(&out, status.request_reply ? 1 : 0);
  return out;
}

}  // namespace bw
