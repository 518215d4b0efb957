#include "publish/checkpoint_json.h"

#include <fmt/format.h>

#include "base/byte_size.h"
#include "base/crc32c.h"
#include "base/halt.h"
#include "base/json_depth.h"

namespace bw::checkpoint_json {
namespace {

constexpr size_t kValueBytesMax = 64 * kMiB;
constexpr int kDepthMax = 32;  // Four levels are ours; a newer format may have more.

std::string Canonical(const Json& json) {
  return json.dump(-1, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace);
}

}  // namespace

std::string Checksum(const Json& json_without_checksum) {
  return fmt::format("{:08x}", Crc32c(Canonical(json_without_checksum)));
}

std::string Seal(Json json) {
  json["crc32c"] = Checksum(json);
  return Canonical(json);
}

ObjectReader::ObjectReader(const Json& json, const std::string& where)
    : json_(json), where_(where) {
  if (!json.is_object()) Fail("not a JSON object");
}

const Json& ObjectReader::Member(const char* name) {
  const auto member = json_.find(name);
  if (member == json_.end()) Fail(fmt::format("no member \"{}\"", name));
  ++read_;
  return *member;
}

std::string ObjectReader::Text(const char* name) {
  const Json& member = Member(name);
  if (!member.is_string()) Fail(fmt::format("\"{}\" is not a text", name));
  return member.get<std::string>();
}

uint64_t ObjectReader::Number(const char* name) {
  const Json& member = Member(name);
  if (!member.is_number_unsigned()) Fail(fmt::format("\"{}\" is not a natural number", name));
  return member.get<uint64_t>();
}

void ObjectReader::ExpectNoMore() const {
  if (read_ != json_.size()) Fail("members that do not belong there");
}

void ObjectReader::Fail(const std::string& problem) const {
  throw Halt{ExitCode::kHaltKafka,
             "checkpoint-unreadable",
             fmt::format("The checkpoint in {} cannot be read: {}.", where_, problem),
             "It says what was published, so nothing is published without it.",
             {{"if a newer version wrote it, run that version", ""},
              {"otherwise find out who else writes to this topic", ""}}}
      .ToError();
}

Json Unseal(std::string_view value, uint64_t newest_format, const std::string& where) {
  Json json;
  if (value.size() <= kValueBytesMax && !IsNestedDeeperThan(value, kDepthMax)) {
    json = Json::parse(value, nullptr, /*allow_exceptions=*/false);
  }
  ObjectReader reader(json, where);
  // Checked before the checksum, which a newer format may compute differently.
  const uint64_t format = reader.Number("format");
  if (format < 1 || format > newest_format) {
    reader.Fail(fmt::format("its format is {}, this version knows {}", format, newest_format));
  }
  const std::string checksum = reader.Text("crc32c");
  Json rest = json;
  rest.erase("crc32c");
  if (Checksum(rest) != checksum) reader.Fail("its checksum is wrong");
  return json;
}

}  // namespace bw::checkpoint_json
