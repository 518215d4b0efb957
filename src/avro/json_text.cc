#include "avro/json_text.h"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace bw {
namespace {

constexpr char kUpperHex[] = "0123456789ABCDEF";
constexpr char kLowerHex[] = "0123456789abcdef";

bool NeedsEscape(char c) { return static_cast<unsigned char>(c) < 0x20 || c == '"' || c == '\\'; }

void AppendCodePoint(unsigned char value, std::string* out) {
  const char escape[] = {'\\', 'u', '0', '0', kUpperHex[value >> 4], kUpperHex[value & 0xF]};
  out->append(escape, sizeof(escape));
}

void AppendEscape(char c, std::string* out) {
  constexpr std::string_view kCharacters = "\"\\\b\f\n\r\t";
  constexpr std::string_view kLetters = "\"\\bfnrt";
  const size_t index = kCharacters.find(c);
  if (index == std::string_view::npos) return AppendCodePoint(static_cast<unsigned char>(c), out);
  *out += '\\';
  *out += kLetters[index];
}

template <typename Float>
void AppendFloat(Float value, std::string* out) {
  if (std::isnan(value)) {
    *out += "\"NaN\"";
    return;
  }
  if (std::isinf(value)) {
    *out += value > 0 ? "\"Infinity\"" : "\"-Infinity\"";
    return;
  }
  char text[32];
  const std::string_view shortest(text, std::to_chars(text, text + sizeof(text), value).ptr);
  *out += shortest;
  if (shortest.find_first_of(".e") == std::string_view::npos) *out += ".0";
}

}  // namespace

void AppendJsonString(std::string_view utf8, std::string* out) {
  *out += '"';
  const char* run = utf8.data();
  const char* const end = run + utf8.size();
  while (run != end) {
    const char* const stop = std::find_if(run, end, NeedsEscape);
    out->append(run, stop);
    if (stop == end) break;
    AppendEscape(*stop, out);
    run = stop + 1;
  }
  *out += '"';
}

void AppendJsonBytes(std::string_view bytes, std::string* out) {
  *out += '"';
  for (const char byte : bytes) AppendCodePoint(static_cast<unsigned char>(byte), out);
  *out += '"';
}

void AppendJsonHex(std::string_view bytes, std::string* out) {
  *out += "\"\\\\x";
  for (const char byte : bytes) {
    const auto value = static_cast<unsigned char>(byte);
    *out += kLowerHex[value >> 4];
    *out += kLowerHex[value & 0xF];
  }
  *out += '"';
}

void AppendJsonDocument(std::string_view json, std::string* out) {
  const size_t start = out->size();
  out->append(json);
  const auto is_line_break = [](char c) { return c == '\n' || c == '\r'; };
  std::replace_if(out->begin() + static_cast<std::ptrdiff_t>(start), out->end(), is_line_break,
                  ' ');
}

void AppendJsonFloat(float value, std::string* out) { AppendFloat(value, out); }
void AppendJsonFloat(double value, std::string* out) { AppendFloat(value, out); }

void AppendJsonInteger(int64_t value, std::string* out) {
  char text[24];
  const std::string_view number(text, std::to_chars(text, text + sizeof(text), value).ptr);
  *out += number;
}

}  // namespace bw
