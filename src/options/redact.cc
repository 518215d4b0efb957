#include "options/redact.h"

#include <algorithm>
#include <optional>

#include "base/hex_digit.h"
#include "base/log.h"

namespace bw {
namespace {

constexpr std::string_view kHidden = "***";

struct Redacted {
  std::string text;
  bool hid_password = false;
};

std::string PercentDecoded(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && HexDigit(text[i + 1]) >= 0 &&
        HexDigit(text[i + 2]) >= 0) {
      out.push_back(static_cast<char>(HexDigit(text[i + 1]) * 16 + HexDigit(text[i + 2])));
      i += 2;
    } else {
      out.push_back(text[i]);
    }
  }
  return out;
}

// libpq's secrets are "password" and "sslpassword"; "passfile" is only a path.
bool IsSecretConninfoKey(std::string_view key) {
  return key.find("password") != std::string_view::npos;
}

// Replaces the values of secret keys in "k=v&k=v".
void RedactQuery(std::string_view query, Redacted* out) {
  while (true) {
    const size_t ampersand = query.find('&');
    const std::string_view item = query.substr(0, ampersand);
    const size_t equals = item.find('=');
    if (equals != std::string_view::npos &&
        IsSecretConninfoKey(PercentDecoded(item.substr(0, equals)))) {
      out->text.append(item.substr(0, equals + 1)).append(kHidden);
      out->hid_password = true;
    } else {
      out->text.append(item);
    }
    if (ampersand == std::string_view::npos) return;
    out->text.push_back('&');
    query.remove_prefix(ampersand + 1);
  }
}

// "postgres://user:password@host:port/dbname?key=value". libpq does not accept a password with a
// raw "/", "?" or "@", but it must be hidden all the same: this replaces everything from the first
// ":" to the last "@" before the query.
Redacted RedactUri(std::string_view uri, size_t authority) {
  Redacted out;
  const size_t first_at = uri.find('@', authority);
  const size_t query = std::min(
      uri.find('?', first_at == std::string_view::npos ? authority : first_at), uri.size());
  const std::string_view before_query = uri.substr(0, query);
  const size_t last_at = before_query.rfind('@');
  const size_t colon = before_query.find(':', authority);
  if (last_at != std::string_view::npos && last_at >= authority && colon < last_at) {
    out.text.append(uri.substr(0, colon + 1)).append(kHidden).append(before_query.substr(last_at));
    out.hid_password = true;
  } else {
    out.text.append(before_query);
  }
  if (query < uri.size()) {
    out.text.push_back('?');
    RedactQuery(uri.substr(query + 1), &out);
  }
  return out;
}

bool IsSpace(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

// "host=h password='it\'s'": libpq's keyword form, with quotes and backslashes. nullopt when it is
// malformed.
std::optional<Redacted> RedactKeywords(std::string_view text) {
  Redacted out;
  size_t i = 0;
  const auto skip_spaces = [&] {
    while (i < text.size() && IsSpace(text[i])) ++i;
  };
  for (skip_spaces(); i < text.size(); skip_spaces()) {
    const size_t key_begin = i;
    while (i < text.size() && text[i] != '=' && !IsSpace(text[i])) ++i;
    const std::string_view key = text.substr(key_begin, i - key_begin);
    skip_spaces();
    if (i >= text.size() || text[i] != '=' || key.empty()) return std::nullopt;
    ++i;
    skip_spaces();
    const size_t value_begin = i;
    const bool quoted = i < text.size() && text[i] == '\'';
    if (quoted) ++i;
    while (i < text.size() && (quoted ? text[i] != '\'' : !IsSpace(text[i]))) {
      i += text[i] == '\\' ? size_t{2} : size_t{1};
    }
    if (quoted && i >= text.size()) return std::nullopt;
    if (quoted) ++i;
    i = std::min(i, text.size());
    const bool secret = IsSecretConninfoKey(key);
    out.hid_password |= secret;
    if (!out.text.empty()) out.text.push_back(' ');
    out.text.append(key).append("=").append(secret ? kHidden
                                                   : text.substr(value_begin, i - value_begin));
  }
  return out;
}

Redacted Redact(std::string_view conninfo) {
  for (const std::string_view scheme : {"postgresql://", "postgres://"}) {
    if (conninfo.starts_with(scheme)) return RedactUri(conninfo, scheme.size());
  }
  if (conninfo.find('=') == std::string_view::npos &&
      conninfo.find_first_of(":@ \t\n") == std::string_view::npos) {
    return {std::string(conninfo), false};  // Only a database name.
  }
  if (auto keywords = RedactKeywords(conninfo)) return *std::move(keywords);
  return {"(a connection string that cannot be read)", false};
}

}  // namespace

bool IsSecretKafkaKey(std::string_view key) {
  for (const std::string_view word :
       {"password", "secret", "token", "credential", "ssl.key.pem", "sasl.oauthbearer.config"}) {
    if (key.find(word) != std::string_view::npos) {
      // A token's URL and a client's id are not secret.
      return !key.ends_with(".url") && !key.ends_with(".id");
    }
  }
  return false;
}

std::string RedactedConninfo(std::string_view conninfo) { return Printable(Redact(conninfo).text); }

bool HasPassword(std::string_view conninfo) { return Redact(conninfo).hid_password; }

}  // namespace bw
