#include "publish/topic_name.h"

#include <fmt/format.h>

#include <algorithm>

#include "avro/name.h"
#include "base/crc32c.h"

namespace bw {
namespace {

bool IsLetterOrDigit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

std::string LegalPart(std::string_view name) {
  std::string out;
  for (const char c : name) {
    if (IsLetterOrDigit(c) || c == '_' || c == '-') {
      out.push_back(c);
    } else {
      out += fmt::format("_{:02x}_", static_cast<unsigned char>(c));
    }
  }
  return out;
}

std::string WithPrefix(std::string_view prefix, std::string name) {
  return prefix.empty() ? std::move(name) : fmt::format("{}.{}", prefix, name);
}

std::string CutToLimit(std::string name) {
  if (name.size() <= kTopicNameBytesMax) return name;
  const std::string ending = fmt::format("_{:08x}", Crc32c(name));
  name.resize(kTopicNameBytesMax - ending.size());
  return name + ending;
}

}  // namespace

bool IsLegalTopicText(std::string_view text) {
  return std::ranges::all_of(
      text, [](char c) { return IsLetterOrDigit(c) || c == '.' || c == '_' || c == '-'; });
}

std::string TopicOfTable(std::string_view prefix, std::string_view schema, std::string_view table) {
  std::string name = AvroSafeName(table);
  if (schema != "public") name = AvroSafeName(schema) + "." + name;
  return CutToLimit(WithPrefix(prefix, std::move(name)));
}

std::string CheckpointTopic(std::string_view prefix, const Source& source) {
  return CutToLimit(
      WithPrefix(prefix, fmt::format("bottledwater.{}.{}.checkpoint", LegalPart(source.database),
                                     LegalPart(source.slot))));
}

std::string TransactionalId(const Source& source) {
  return fmt::format("bottledwater.{}.{}.{}", source.system_identifier, source.database,
                     source.slot);
}

}  // namespace bw
