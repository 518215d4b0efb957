#include "avro/name.h"

namespace bw {
namespace {

bool IsLetter(char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_'; }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

std::string AvroSafeName(std::string_view name) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string safe;
  safe.reserve(name.size());
  for (size_t i = 0; i < name.size(); ++i) {
    const char c = name[i];
    if (IsLetter(c) || (IsDigit(c) && i > 0)) {
      safe += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    safe += '_';
    safe += kHex[byte >> 4];
    safe += kHex[byte & 0xF];
    safe += '_';
  }
  return safe;
}

std::string AvroNamespace(std::string_view postgres_schema) {
  return "bottledwater." + AvroSafeName(postgres_schema);
}

}  // namespace bw
