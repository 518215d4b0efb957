#pragma once

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "base/delete_by.h"

namespace bw {

// A key, and a certificate for it that signs itself, both as PEM.
struct CertifiedKey {
  std::string key;
  std::string certificate;
};

// The times are in seconds from now.
inline CertifiedKey MakeCertifiedKey(const std::string& name, long valid_from = -60,
                                     long valid_until = 100L * 24 * 3600) {
  const std::unique_ptr<EVP_PKEY, DeleteBy<EVP_PKEY_free>> key(EVP_EC_gen("P-256"));
  const std::unique_ptr<X509, DeleteBy<X509_free>> certificate(X509_new());
  X509_set_version(certificate.get(), X509_VERSION_3);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), valid_from);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), valid_until);
  X509_set_pubkey(certificate.get(), key.get());
  X509_NAME* const subject = X509_get_subject_name(certificate.get());
  X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
  X509_set_issuer_name(certificate.get(), subject);
  X509_sign(certificate.get(), key.get(), EVP_sha256());
  const auto text_of = [](const auto& write) {
    const std::unique_ptr<BIO, DeleteBy<BIO_free>> bio(BIO_new(BIO_s_mem()));
    write(bio.get());
    char* data = nullptr;
    const long size = BIO_get_mem_data(bio.get(), &data);
    return std::string(data, static_cast<size_t>(size));
  };
  return {text_of([&](BIO* bio) {
            PEM_write_bio_PrivateKey(bio, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
          }),
          text_of([&](BIO* bio) { PEM_write_bio_X509(bio, certificate.get()); })};
}

// Replaces the file at once, as tools that renew certificates do.
inline void ReplaceFile(const std::string& path, const std::string& text) {
  const std::string fresh = path + ".new";
  std::ofstream(fresh) << text;
  std::filesystem::permissions(fresh, std::filesystem::perms::owner_read);
  std::filesystem::rename(fresh, path);
}

}  // namespace bw
