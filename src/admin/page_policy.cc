#include "admin/page_policy.h"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/sha.h>

#include "base/error.h"

namespace bw {
namespace {

// "'sha256-47DEQ...='", as in the specification of the header.
std::string HashOf(std::string_view text) {
  unsigned char digest[SHA256_DIGEST_LENGTH];
  BW_CHECK(EVP_Digest(text.data(), text.size(), digest, nullptr, EVP_sha256(), nullptr) == 1);
  unsigned char base64[4 * ((SHA256_DIGEST_LENGTH + 2) / 3) + 1];
  EVP_EncodeBlock(base64, digest, SHA256_DIGEST_LENGTH);
  return fmt::format("'sha256-{}'", reinterpret_cast<const char*>(base64));
}

// Of what is between <element> and </element>, each time; "'none'" when there is none.
std::string HashesOf(std::string_view page, std::string_view element) {
  const std::string begin = fmt::format("<{}>", element);
  const std::string end = fmt::format("</{}>", element);
  std::string hashes;
  for (size_t at = page.find(begin); at != std::string_view::npos; at = page.find(begin, at)) {
    at += begin.size();
    const std::string_view text = page.substr(at, page.find(end, at) - at);
    if (!hashes.empty()) hashes += ' ';
    hashes += HashOf(text);
  }
  return hashes.empty() ? "'none'" : hashes;
}

}  // namespace

std::string ContentSecurityPolicy(std::string_view page) {
  return fmt::format(
      "default-src 'none'; style-src {}; script-src {}; connect-src 'self'; img-src data:; "
      "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
      HashesOf(page, "style"), HashesOf(page, "script"));
}

}  // namespace bw
