#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

#include "base/clock.h"

struct ssl_ctx_st;  // OpenSSL's SSL_CTX.

namespace bw {

// The certificate that --admin shows, with its chain, and the key to it, both in PEM. When the
// files are replaced, the next connection has the new ones. Thread-safe.
class TlsCertificate {
 public:
  // Throws usage Errors that name the option: files that cannot be read or are not what they should
  // be, a key that everybody can read, has a passphrase or is another certificate's, and a
  // certificate that is not valid now.
  TlsCertificate(std::string certificate_file, std::string key_file);

  // For a connection that begins: TLS 1.2 at least. What the files have become is looked at first;
  // if they cannot be used, the former certificate stays, and a warning says why. They are looked
  // at again when they change, and each second: a certificate may only not be valid yet.
  std::shared_ptr<ssl_ctx_st> Context();
  // When the certificate that Context() gives expires, in seconds since 1970.
  int64_t ExpirationSeconds();
  // The same of the one that was loaded last: "2027-03-01 12:00:00 UTC".
  std::string valid_until() const;
  // Whether that is in less than kSoon. A warning says so once a certificate.
  bool expires_soon() const;

  static constexpr std::chrono::days kSoon{14};

 private:
  // What files are, as far as a replaced one differs.
  struct Stamp {
    uint64_t inode = 0;
    int64_t bytes = 0;
    int64_t changed_ns = 0;
    bool operator==(const Stamp&) const = default;
  };
  struct Loaded {
    std::shared_ptr<ssl_ctx_st> context;
    int64_t expiration_seconds = 0;  // Since 1970.
  };

  static Stamp StampOf(const std::string& file);
  Loaded Load() const;
  void Renew(const Stamp& certificate, const Stamp& key);
  void WarnOfExpiration();

  const std::string certificate_file_;
  const std::string key_file_;

  mutable std::mutex mutex_;  // Protects what follows.
  Stamp certificate_stamp_;   // Of what was looked at last.
  Stamp key_stamp_;
  std::string refusal_;   // Why what was looked at last cannot be used; empty if it can.
  TimePoint look_again_;  // When it is.
  Loaded loaded_;
  bool has_warned_ = false;  // That it expires soon.
};

}  // namespace bw
