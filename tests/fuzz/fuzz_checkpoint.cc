// The checkpoint that a topic holds. Input := 'r' value | 'j' JSON without its checksum |
// 'c' the members of a Checkpoint.

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/crc32c.h"
#include "fuzz/fuzz_input.h"
#include "publish/checkpoint_format.h"

namespace bw {
namespace {

using Json = nlohmann::json;

constexpr char kWhere[] = "topic t, offset 7";
constexpr size_t kMessageBytesMax = 450;

void CheckRoundTrip(const Checkpoint& checkpoint) {
  BW_CHECK(DecodeCheckpoint(EncodeCheckpoint(checkpoint), kWhere) == checkpoint);
}

void DecodeAnything(std::string_view value) {
  Checkpoint checkpoint;
  const bool accepted = fuzz::Accepts(ErrorKind::kHalt, kWhere, kMessageBytesMax,
                                      [&] { checkpoint = DecodeCheckpoint(value, kWhere); });
  if (accepted) CheckRoundTrip(checkpoint);
}

// With a right checksum, so that what is behind the check is reached.
void DecodeWithChecksum(std::string_view text) {
  Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return;
  json.erase("crc32c");
  json["crc32c"] = fmt::format("{:08x}", Crc32c(json.dump()));
  DecodeAnything(json.dump(2));
}

void EncodeAnything(fuzz::Input input) {
  Checkpoint checkpoint;
  checkpoint.lineage = input.Utf8();
  checkpoint.instance = input.Utf8();
  checkpoint.source.system_identifier = input.Utf8();
  checkpoint.source.database = input.Text();
  checkpoint.source.slot = input.Utf8();
  checkpoint.source.timeline = input.U32();
  checkpoint.progress.position.commit_lsn = Lsn{input.U64()};
  checkpoint.progress.position.index = input.U64();
  checkpoint.progress.end_lsn = Lsn{input.U64()};
  checkpoint.remedy = input.Utf8();
  while (!input.empty()) {
    const std::string topic = input.Utf8();
    const int32_t partition = input.U8();
    checkpoint.next_offsets[{topic, partition}] = static_cast<int64_t>(input.U64() >> 1);
  }
  CheckRoundTrip(checkpoint);
}

}  // namespace
}  // namespace bw

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  bw::fuzz::Input input(data, size);
  switch (input.U8()) {
    case 'r':
      bw::DecodeAnything(input.Rest());
      break;
    case 'j':
      bw::DecodeWithChecksum(input.Rest());
      break;
    case 'c':
      bw::EncodeAnything(input);
      break;
    default:
      return -1;
  }
  return 0;
}
