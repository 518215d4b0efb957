#include "publish/checkpoint_format.h"

#include <fmt/format.h>

#include <limits>
#include <nlohmann/json.hpp>

#include "base/byte_size.h"
#include "base/crc32c.h"
#include "base/error.h"
#include "base/json_depth.h"
#include "base/name_text.h"

namespace bw {
namespace {

using Json = nlohmann::json;  // Members sorted by name: that is what makes the checksum canonical.

constexpr int kFormat = 1;
constexpr size_t kValueBytesMax = 64 * kMiB;
constexpr int kDepthMax = 32;  // Three levels are ours; a newer format may have more.

std::string Canonical(const Json& json) {
  return json.dump(-1, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace);
}

std::string Checksum(const Json& json_without_checksum) {
  return fmt::format("{:08x}", Crc32c(Canonical(json_without_checksum)));
}

Json OffsetsToJson(const NextOffsets& next_offsets) {
  Json topics = Json::object();
  for (const auto& [partition, offset] : next_offsets) {
    BW_CHECK(partition.partition >= 0 && offset >= 0);
    Json& offsets = topics[partition.topic];
    if (offsets.is_null()) offsets = Json::array();
    while (offsets.size() < static_cast<size_t>(partition.partition)) offsets.push_back(nullptr);
    offsets.push_back(offset);
  }
  return topics;
}

// Reads the members of one object, each exactly once, and refuses what is left over.
class ObjectReader {
 public:
  ObjectReader(const Json& json, const std::string& where) : json_(json), where_(where) {
    if (!json.is_object()) Fail("not a JSON object");
  }

  const Json& Member(const char* name) {
    const auto member = json_.find(name);
    if (member == json_.end()) Fail(fmt::format("no member \"{}\"", name));
    ++read_;
    return *member;
  }
  std::string Text(const char* name) {
    const Json& member = Member(name);
    if (!member.is_string()) Fail(fmt::format("\"{}\" is not a text", name));
    return member.get<std::string>();
  }
  uint64_t Number(const char* name) {
    const Json& member = Member(name);
    if (!member.is_number_unsigned()) Fail(fmt::format("\"{}\" is not a natural number", name));
    return member.get<uint64_t>();
  }
  void ExpectNoMore() const {
    if (read_ != json_.size()) Fail("members that do not belong there");
  }
  [[noreturn]] void Fail(const std::string& problem) const {
    throw HaltError(
        ExitCode::kHaltKafka,
        fmt::format(
            "The checkpoint in {} cannot be read: {}. It says what was published, so nothing "
            "is published without it. If a newer version wrote it, use that one; otherwise "
            "find out who else writes to this topic.",
            where_, problem));
  }

 private:
  const Json& json_;
  const std::string& where_;
  size_t read_ = 0;
};

Source ReadSource(const Json& json, const std::string& where) {
  ObjectReader reader(json, where);
  Source source;
  source.system_identifier = reader.Text("system_identifier");
  const auto database = NameOfText(reader.Text("database"));
  if (!database) reader.Fail("\"database\" is not a name");
  source.database = *database;
  source.slot = reader.Text("slot");
  const uint64_t timeline = reader.Number("timeline");
  if (timeline > std::numeric_limits<uint32_t>::max()) reader.Fail("\"timeline\" is too large");
  source.timeline = static_cast<uint32_t>(timeline);
  reader.ExpectNoMore();
  return source;
}

NextOffsets ReadOffsets(const Json& json, const ObjectReader& reader) {
  if (!json.is_object()) reader.Fail("\"offsets\" is not an object");
  NextOffsets next_offsets;
  for (const auto& [topic, offsets] : json.items()) {
    if (!offsets.is_array()) reader.Fail("\"offsets\" of a topic are not an array");
    int32_t partition = 0;
    for (const Json& offset : offsets) {
      if (!offset.is_null()) {
        if (!offset.is_number_unsigned() ||
            offset.get<uint64_t>() > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
          reader.Fail("an offset is not a natural number");
        }
        next_offsets[{topic, partition}] = offset.get<int64_t>();
      }
      ++partition;
    }
  }
  return next_offsets;
}

}  // namespace

std::string EncodeCheckpoint(const Checkpoint& checkpoint) {
  Json json = {
      {"format", kFormat},
      {"lineage", checkpoint.lineage},
      {"instance", checkpoint.instance},
      {"source",
       {{"system_identifier", checkpoint.source.system_identifier},
        {"database", TextOfName(checkpoint.source.database)},
        {"slot", checkpoint.source.slot},
        {"timeline", checkpoint.source.timeline}}},
      {"position", checkpoint.progress.position.ToString()},
      {"end_lsn", checkpoint.progress.end_lsn.ToString()},
      {"offsets", OffsetsToJson(checkpoint.next_offsets)},
      {"remedy", checkpoint.remedy},
  };
  json["crc32c"] = Checksum(json);
  return Canonical(json);
}

Checkpoint DecodeCheckpoint(std::string_view value, const std::string& where) {
  Json json;
  if (value.size() <= kValueBytesMax && !IsNestedDeeperThan(value, kDepthMax)) {
    json = Json::parse(value, nullptr, /*allow_exceptions=*/false);
  }
  ObjectReader reader(json, where);
  // Before the checksum: a newer format may have another one.
  if (const uint64_t format = reader.Number("format"); format != kFormat) {
    reader.Fail(fmt::format("its format is {}, this version knows {}", format, kFormat));
  }
  const std::string checksum = reader.Text("crc32c");
  Json rest = json;
  rest.erase("crc32c");
  if (Checksum(rest) != checksum) reader.Fail("its checksum is wrong");

  Checkpoint checkpoint;
  checkpoint.lineage = reader.Text("lineage");
  checkpoint.instance = reader.Text("instance");
  checkpoint.source = ReadSource(reader.Member("source"), where);
  const auto position = Position::Parse(reader.Text("position"));
  if (!position) reader.Fail("\"position\" is not one");
  const auto end_lsn = Lsn::Parse(reader.Text("end_lsn"));
  if (!end_lsn) reader.Fail("\"end_lsn\" is not one");
  checkpoint.progress = {*position, *end_lsn};
  checkpoint.next_offsets = ReadOffsets(reader.Member("offsets"), reader);
  checkpoint.remedy = reader.Text("remedy");
  reader.ExpectNoMore();
  return checkpoint;
}

}  // namespace bw
