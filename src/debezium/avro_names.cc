#include "debezium/avro_names.h"

namespace bw::debezium {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsNameStart(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
// A character of several bytes becomes one '_'.
bool IsContinuation(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

}  // namespace

std::string TopicOf(std::string_view prefix, std::string_view schema, std::string_view table) {
  std::string topic(prefix);
  for (const std::string_view part : {schema, table}) {
    topic += '.';
    for (const char c : part) {
      if (IsContinuation(c)) continue;
      topic += IsNameStart(c) || IsDigit(c) || c == '-' || c == '.' ? c : '_';
    }
  }
  return topic;
}

std::string AvroFullName(std::string_view name) {
  std::string safe;
  bool at_start = true;
  for (const char c : name) {
    if (IsContinuation(c)) continue;
    const bool is_allowed = IsNameStart(c) || (IsDigit(c) && !at_start) || (c == '.' && !at_start);
    safe += is_allowed ? c : '_';
    at_start = c == '.';
  }
  return safe;
}

std::string AvroFieldName(std::string_view name) {
  std::string safe;
  if (!name.empty() && IsDigit(name.front())) safe += '_';
  for (const char c : name) {
    if (IsContinuation(c)) continue;
    safe += IsNameStart(c) || IsDigit(c) ? c : '_';
  }
  return safe;
}

}  // namespace bw::debezium
