#include "admin/tls_certificate.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <string_view>
#include <utility>

#include "base/delete_by.h"
#include "base/error.h"
#include "base/log.h"
#include "options/small_file.h"

namespace bw {
namespace {

constexpr const char* kCertificateOption = "--admin-certificate";
constexpr const char* kKeyOption = "--admin-key";
constexpr std::string_view kDashes = "-----";
constexpr std::string_view kBegin = "-----BEGIN ";
constexpr std::string_view kEnd = "-----END ";

// How long files that cannot be used are not looked at again. It may be that only time helps: the
// certificate is not valid yet.
constexpr std::chrono::seconds kLookAgain{1};

using Bio = std::unique_ptr<BIO, DeleteBy<BIO_free>>;
using Certificate = std::unique_ptr<X509, DeleteBy<X509_free>>;
using Key = std::unique_ptr<EVP_PKEY, DeleteBy<EVP_PKEY_free>>;

void FreeChain(STACK_OF(X509) * chain) { sk_X509_pop_free(chain, X509_free); }
using Chain = std::unique_ptr<STACK_OF(X509), DeleteBy<FreeChain>>;

Bio TextOf(const std::string& text) {
  return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

std::string OpenSslReason() {
  const char* reason = ERR_reason_error_string(ERR_peek_last_error());
  ERR_clear_error();
  return reason == nullptr ? "OpenSSL does not say why" : reason;
}

// Whether each line that looks like a boundary of PEM is one, and they come in pairs. OpenSSL
// takes a damaged BEGIN line for text between the blocks.
bool HasWholeBoundaries(std::string_view text) {
  std::string_view open;  // The name of the block that has begun: "CERTIFICATE".
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    if (!line.starts_with(kDashes)) continue;
    line = line.substr(0, line.find_last_not_of(" \t\r") + 1);
    const std::string_view begin = open.empty() ? kBegin : kEnd;
    if (!line.starts_with(begin) || line.size() <= begin.size() + kDashes.size()) return false;
    if (!line.ends_with(kDashes)) return false;
    const std::string_view name =
        line.substr(begin.size(), line.size() - begin.size() - kDashes.size());
    if (!open.empty() && name != open) return false;
    open = open.empty() ? name : std::string_view();
  }
  return open.empty();
}

// The server's own certificate is the first one.
Chain ReadCertificates(const std::string& file) {
  const std::string text = ReadSmallFile(kCertificateOption, file).text;
  const Bio bio = TextOf(text);
  Chain certificates(sk_X509_new_null());
  while (X509* one = PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)) {
    sk_X509_push(certificates.get(), one);
  }
  // The only error that means the end of the file.
  const unsigned long error = ERR_peek_last_error();
  const bool is_end =
      ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
  const std::string reason = is_end ? "a BEGIN or END line is not whole" : OpenSslReason();
  ERR_clear_error();
  const int count = sk_X509_num(certificates.get());
  if (!is_end || !HasWholeBoundaries(text)) {
    throw UsageError(fmt::format("{}: \"{}\" is damaged after {} certificate{}: {}; write it again",
                                 kCertificateOption, Printable(file), count, count == 1 ? "" : "s",
                                 reason));
  }
  if (count == 0) {
    throw UsageError(
        fmt::format("{}: \"{}\" holds no certificate in PEM (-----BEGIN CERTIFICATE-----)",
                    kCertificateOption, Printable(file)));
  }
  return certificates;
}

Key ReadKey(const std::string& file) {
  const std::string text = ReadSecretFile(kKeyOption, file);
  const Bio bio = TextOf(text);
  // Without this, OpenSSL would ask a terminal for the passphrase.
  bool has_passphrase = false;
  const auto no_passphrase = [](char*, int, int, void* asked) {
    *static_cast<bool*>(asked) = true;
    return -1;
  };
  Key key(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, &has_passphrase));
  ERR_clear_error();
  if (key) return key;
  if (has_passphrase) {
    throw UsageError(fmt::format(
        "{}: the key in \"{}\" has a passphrase, which nobody could type when the relay "
        "starts; remove it: openssl pkey -in FILE -out NEW_FILE",
        kKeyOption, Printable(file)));
  }
  throw UsageError(
      fmt::format("{}: \"{}\" holds no private key in PEM (-----BEGIN PRIVATE KEY-----)",
                  kKeyOption, Printable(file)));
}

// Since 1970.
int64_t SecondsOf(const ASN1_TIME* time) {
  std::tm parts{};
  ASN1_TIME_to_tm(time, &parts);
  return timegm(&parts);
}

std::string TimeText(int64_t seconds) {
  return fmt::format("{:%Y-%m-%d %H:%M:%S} UTC", fmt::gmtime(static_cast<std::time_t>(seconds)));
}

std::string TimeText(const ASN1_TIME* time) { return TimeText(SecondsOf(time)); }

bool IsSoon(int64_t seconds) {
  return std::chrono::sys_seconds(std::chrono::seconds(seconds)) <
         std::chrono::system_clock::now() + TlsCertificate::kSoon;
}

void RequireValidNow(const X509* certificate, const std::string& file) {
  if (X509_cmp_current_time(X509_get0_notAfter(certificate)) < 0) {
    throw UsageError(fmt::format("{}: the certificate in \"{}\" has expired at {}; renew it",
                                 kCertificateOption, Printable(file),
                                 TimeText(X509_get0_notAfter(certificate))));
  }
  if (X509_cmp_current_time(X509_get0_notBefore(certificate)) > 0) {
    throw UsageError(fmt::format(
        "{}: the certificate in \"{}\" is valid only from {}; wait until then, renew it, or set "
        "this machine's clock",
        kCertificateOption, Printable(file), TimeText(X509_get0_notBefore(certificate))));
  }
}

// One request a connection: there is no session to resume.
std::shared_ptr<SSL_CTX> NewContext() {
  std::shared_ptr<SSL_CTX> context(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
  BW_CHECK(context != nullptr);
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET);
  SSL_CTX_set_num_tickets(context.get(), 0);
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  SSL_CTX_set_mode(context.get(),
                   SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  return context;
}

}  // namespace

TlsCertificate::TlsCertificate(std::string certificate_file, std::string key_file)
    : certificate_file_(std::move(certificate_file)),
      key_file_(std::move(key_file)),
      certificate_stamp_(StampOf(certificate_file_)),
      key_stamp_(StampOf(key_file_)),
      loaded_(Load()) {}

TlsCertificate::Loaded TlsCertificate::Load() const {
  const Chain certificates = ReadCertificates(certificate_file_);
  const Key key = ReadKey(key_file_);
  const Certificate own(sk_X509_shift(certificates.get()));
  RequireValidNow(own.get(), certificate_file_);
  if (X509_check_private_key(own.get(), key.get()) != 1) {
    ERR_clear_error();
    throw UsageError(fmt::format(
        "{}: the key in \"{}\" is not that of the first certificate in \"{}\"; name the "
        "two that were made together",
        kKeyOption, Printable(key_file_), Printable(certificate_file_)));
  }
  std::shared_ptr<SSL_CTX> context = NewContext();
  if (SSL_CTX_use_cert_and_key(context.get(), own.get(), key.get(), certificates.get(), 1) != 1) {
    throw UsageError(
        fmt::format("{}: the certificate in \"{}\" cannot be used: {}; make another one",
                    kCertificateOption, Printable(certificate_file_), OpenSslReason()));
  }
  return {std::move(context), SecondsOf(X509_get0_notAfter(own.get()))};
}

TlsCertificate::Stamp TlsCertificate::StampOf(const std::string& file) {
  struct stat status {};
  if (stat(file.c_str(), &status) != 0) return {};
  return {status.st_ino, status.st_size,
          status.st_ctim.tv_sec * 1'000'000'000 + status.st_ctim.tv_nsec};
}

std::shared_ptr<SSL_CTX> TlsCertificate::Context() {
  const Stamp certificate = StampOf(certificate_file_);
  const Stamp key = StampOf(key_file_);
  const std::lock_guard lock(mutex_);
  Renew(certificate, key);
  WarnOfExpiration();
  return loaded_.context;
}

void TlsCertificate::Renew(const Stamp& certificate, const Stamp& key) {
  const auto now = std::chrono::steady_clock::now();
  const bool has_changed = certificate != certificate_stamp_ || key != key_stamp_;
  if (!has_changed && (refusal_.empty() || now < look_again_)) return;
  certificate_stamp_ = certificate;
  key_stamp_ = key;
  try {
    loaded_ = Load();
    refusal_.clear();
    has_warned_ = false;
    spdlog::info("The admin endpoint has a new certificate, valid until {}",
                 TimeText(loaded_.expiration_seconds));
  } catch (const Error& error) {
    look_again_ = now + kLookAgain;
    const bool is_known = !has_changed && refusal_ == error.what();
    refusal_ = error.what();
    if (is_known) return;
    spdlog::warn("{}. Until then the former certificate stays, valid until {}", refusal_,
                 TimeText(loaded_.expiration_seconds));
  }
}

void TlsCertificate::WarnOfExpiration() {
  if (has_warned_ || !IsSoon(loaded_.expiration_seconds)) return;
  has_warned_ = true;
  spdlog::warn("The admin endpoint's certificate is valid only until {}; renew \"{}\"",
               TimeText(loaded_.expiration_seconds), Printable(certificate_file_));
}

int64_t TlsCertificate::ExpirationSeconds() {
  Context();
  const std::lock_guard lock(mutex_);
  return loaded_.expiration_seconds;
}

std::string TlsCertificate::valid_until() const {
  const std::lock_guard lock(mutex_);
  return TimeText(loaded_.expiration_seconds);
}

bool TlsCertificate::expires_soon() const {
  const std::lock_guard lock(mutex_);
  return IsSoon(loaded_.expiration_seconds);
}

}  // namespace bw
