#include "tail/bytes_json.h"

#include <openssl/evp.h>

#include <nlohmann/json.hpp>

#include "avro/json_text.h"
#include "base/utf8.h"

namespace bw {
namespace {

std::string Base64(std::string_view bytes) {
  std::string text(4 * ((bytes.size() + 2) / 3) + 1, '\0');
  const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                                   reinterpret_cast<const unsigned char*>(bytes.data()),
                                   static_cast<int>(bytes.size()));
  text.resize(static_cast<size_t>(size));
  return text;
}

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// nlohmann_json refuses numbers beyond double, which JSON and PostgreSQL allow. Whether a number is
// written correctly does not depend on how many digits follow the second one of a row of digits.
std::string WithShortNumbers(std::string_view json) {
  std::string out;
  bool quoted = false;
  size_t digits = 0;
  for (size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (quoted && c == '\\') out += json[i++];
    if (i == json.size()) break;
    if (c == '"') quoted = !quoted;
    digits = !quoted && IsDigit(c) ? digits + 1 : 0;
    if (digits <= 2) out += json[i];
  }
  return out;
}

// accept() does not recurse, however deep the text is nested.
bool IsJson(std::string_view text) {
  return nlohmann::json::accept(text) || nlohmann::json::accept(WithShortNumbers(text));
}

}  // namespace

bool IsPlainText(std::string_view bytes) {
  return bytes.find('\0') == std::string_view::npos && IsValidUtf8(bytes);
}

void AppendBase64Object(std::string_view bytes, std::string* out) {
  *out += R"({"base64":")" + Base64(bytes) + R"("})";
}

void AppendTextAsJson(std::string_view bytes, std::string* out) {
  if (IsPlainText(bytes)) {
    AppendJsonString(bytes, out);
  } else {
    AppendBase64Object(bytes, out);
  }
}

void AppendBytesAsJson(std::string_view bytes, std::string* out) {
  if (IsPlainText(bytes) && IsJson(bytes)) {
    AppendJsonDocument(bytes, out);
  } else {
    AppendTextAsJson(bytes, out);
  }
}

void AppendNameAsJson(std::string_view name, std::string* out) {
  AppendJsonString(IsPlainText(name) ? std::string(name) : Base64(name), out);
}

}  // namespace bw
