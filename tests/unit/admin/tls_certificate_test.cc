#include "admin/tls_certificate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/ssl.h>
#include <stdlib.h>

#include <chrono>
#include <filesystem>
#include <string>
#include <thread>

#include "base/error.h"
#include "unit/admin/certificate_files.h"

namespace bw {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class TlsCertificateTest : public testing::Test {
 protected:
  TlsCertificateTest() {
    char path[] = "/tmp/bw_certificate_XXXXXX";
    directory_ = mkdtemp(path);
    file_ = directory_ + "/relay.pem";
  }
  ~TlsCertificateTest() override { std::filesystem::remove_all(directory_); }

  void Write(const std::string& text) { ReplaceFile(file_, text); }
  void Write(const CertifiedKey& pair) { Write(pair.key + pair.certificate); }
  TlsCertificate Open() { return {file_, file_}; }
  // Why the file cannot be used; empty if it can.
  std::string Complaint() {
    try {
      Open();
      return "";
    } catch (const Error& error) {
      return error.what();
    }
  }

  static std::string NameIn(const std::shared_ptr<SSL_CTX>& context) {
    char name[64] = "";
    X509_NAME_get_text_by_NID(X509_get_subject_name(SSL_CTX_get0_certificate(context.get())),
                              NID_commonName, name, sizeof name);
    return name;
  }
  static int ChainLength(const std::shared_ptr<SSL_CTX>& context) {
    STACK_OF(X509)* chain = nullptr;
    SSL_CTX_get0_chain_certs(context.get(), &chain);
    return sk_X509_num(chain);
  }

  std::string directory_;
  std::string file_;
};

TEST_F(TlsCertificateTest, ARenewedOneIsTakenOnceItIsValid) {
  Write(MakeCertifiedKey("former"));
  TlsCertificate shown = Open();
  Write(MakeCertifiedKey("renewed", /*valid_from=*/2));
  EXPECT_EQ(NameIn(shown.Context()), "former");
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (NameIn(shown.Context()) == "former" && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  EXPECT_EQ(NameIn(shown.Context()), "renewed");
}

TEST_F(TlsCertificateTest, AnExpiredOneIsNotTakenAndItsSuccessorIs) {
  Write(MakeCertifiedKey("former"));
  TlsCertificate shown = Open();
  Write(MakeCertifiedKey("expired", -60, -1));
  EXPECT_EQ(NameIn(shown.Context()), "former");
  Write(MakeCertifiedKey("renewed"));
  EXPECT_EQ(NameIn(shown.Context()), "renewed");
}

TEST_F(TlsCertificateTest, KnowsWhenItExpires) {
  constexpr long kDay = 24 * 3600;
  Write(MakeCertifiedKey("soon", -60, 13 * kDay));
  TlsCertificate shown = Open();
  EXPECT_TRUE(shown.expires_soon());
  const int64_t before = shown.ExpirationSeconds();
  EXPECT_NEAR(static_cast<double>(before), static_cast<double>(time(nullptr) + 13 * kDay), 60);
  // Without a connection in between, as when the socket is asked.
  Write(MakeCertifiedKey("renewed", -60, 15 * kDay));
  EXPECT_NEAR(static_cast<double>(shown.ExpirationSeconds() - before), 2 * kDay, 60);
  EXPECT_FALSE(shown.expires_soon());
}

TEST_F(TlsCertificateTest, AChainIsNeverCutShort) {
  const CertifiedKey own = MakeCertifiedKey("own");
  const std::string first = own.key + own.certificate;
  const std::string second = MakeCertifiedKey("issuer").certificate;
  Write(first + "# The issuer's, by hand:\n" + second + "\nand that is all\n");
  EXPECT_EQ(ChainLength(Open().Context()), 1);
  Write(first);
  EXPECT_EQ(ChainLength(Open().Context()), 0);
  // From the five dashes of its first line on; the last line needs no newline.
  for (size_t length = 5; length < second.size() - 1; ++length) {
    Write(first + second.substr(0, length));
    ASSERT_THAT(Complaint(), AllOf(HasSubstr("--admin-certificate"), HasSubstr(file_),
                                   HasSubstr("damaged after 1 certificate")))
        << length;
  }
}

TEST_F(TlsCertificateTest, ADamagedCertificateIsNoEndOfTheChain) {
  const CertifiedKey own = MakeCertifiedKey("own");
  const std::string second = MakeCertifiedKey("issuer").certificate;
  const auto with = [&](size_t position, char byte) {
    std::string damaged = second;
    damaged[position] = byte;
    Write(own.key + own.certificate + damaged + second);
    return Complaint();
  };
  EXPECT_THAT(with(10, 'l'), HasSubstr("damaged")) << "in BEGIN";
  EXPECT_THAT(with(100, '!'), HasSubstr("damaged")) << "no base64";
  EXPECT_THAT(with(30, 'A'), HasSubstr("damaged")) << "no certificate";
  EXPECT_THAT(with(second.size() - 5, ' '), HasSubstr("damaged")) << "in END";
  Write(own.key + own.certificate.substr(0, 200));
  EXPECT_THAT(Complaint(), HasSubstr("damaged"));
  Write("nothing\n");
  EXPECT_THAT(Complaint(), HasSubstr("holds no certificate"));
}

}  // namespace
}  // namespace bw
