#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

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
  // if they cannot be used, the former certificate stays, and a warning says why.
  std::shared_ptr<ssl_ctx_st> Context();
  // Until when the certificate is valid: "2027-03-01 12:00:00 UTC".
  std::string valid_until() const;

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
    std::string valid_until;
  };

  static Stamp StampOf(const std::string& file);
  Loaded Load() const;

  const std::string certificate_file_;
  const std::string key_file_;

  mutable std::mutex mutex_;  // Protects what follows.
  Stamp certificate_stamp_;   // Of what was looked at last.
  Stamp key_stamp_;
  Loaded loaded_;
};

}  // namespace bw
