#include "capture/sql_text.h"

#include <fmt/format.h>

#include <cstdint>
#include <optional>

#include "base/shown_text.h"
#include "base/utf8.h"

namespace bw {
namespace {

std::string Quote(std::string_view text, char quote) {
  std::string out(1, quote);
  for (const char c : text) {
    if (c == quote) out.push_back(quote);
    out.push_back(c);
  }
  out.push_back(quote);
  return out;
}

bool HoldsHidden(std::string_view text) {
  while (!text.empty()) {
    const std::optional<HiddenCharacter> hidden = HiddenAt(text);
    if (hidden && hidden->code_point) return true;
    text.remove_prefix(hidden ? hidden->bytes : DecodeUtf8(text).bytes);
  }
  return false;
}

// U&"..." with hidden characters as escapes, so that what people read is what they can run
// (PostgreSQL documentation, 4.1.1). Bytes that are not UTF-8 cannot be escaped this way.
std::string QuoteSpelledOut(std::string_view text, char quote) {
  std::string inner;
  while (!text.empty()) {
    const std::optional<HiddenCharacter> hidden = HiddenAt(text);
    const size_t bytes = hidden ? hidden->bytes : DecodeUtf8(text).bytes;
    if (hidden && hidden->code_point) {
      const auto code_point = static_cast<uint32_t>(*hidden->code_point);
      inner += code_point > 0xFFFF ? fmt::format("\\+{:06x}", code_point)
                                   : fmt::format("\\{:04x}", code_point);
    } else {
      if (text.front() == '\\') inner.push_back('\\');
      inner.append(text.substr(0, bytes));
    }
    text.remove_prefix(bytes);
  }
  return "U&" + Quote(inner, quote);
}

}  // namespace

std::string QuoteIdentifier(std::string_view name) {
  return HoldsHidden(name) ? QuoteSpelledOut(name, '"') : Quote(name, '"');
}

std::string QuoteTable(std::string_view schema, std::string_view table) {
  return QuoteIdentifier(schema) + "." + QuoteIdentifier(table);
}

std::string QuoteTable(const Table& table) { return QuoteTable(table.schema, table.name); }

std::string QuoteForRegclass(std::string_view schema, std::string_view table) {
  return Quote(schema, '"') + "." + Quote(table, '"');
}

std::string QuoteLiteral(std::string_view value) { return Quote(value, '\''); }

std::string QuotePublicationNames(const std::vector<std::string>& names) {
  std::string list;
  for (const std::string& name : names) {
    if (!list.empty()) list += ",";
    list += Quote(name, '"');  // Read by SplitIdentifierString(), which does not know U&.
  }
  return QuoteLiteral(list);
}

CatalogTerms::CatalogTerms(int server_version)
    : generated(server_version >= 120000 ? "a.attgenerated" : "''"),
      key_size(server_version >= 110000 ? "i.indnkeyatts" : "i.indnatts") {}

}  // namespace bw
