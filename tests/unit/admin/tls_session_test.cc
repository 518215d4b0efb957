#include "admin/tls_session.h"

#include <gtest/gtest.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>

#include "admin/http_exchange.h"
#include "base/delete_by.h"
#include "unit/admin/certificate_files.h"

namespace bw {
namespace {

using SslContext = std::unique_ptr<SSL_CTX, DeleteBy<SSL_CTX_free>>;
using SslSession = std::unique_ptr<SSL, DeleteBy<SSL_free>>;

// Shakes hands by TLS 1.3 and then sends KeyUpdates and nothing else, until the server ends the
// connection or has taken `bytes_max`. Returns how many bytes it has taken; -1 without a handshake.
ssize_t FloodWithKeyUpdates(int fd, ssize_t bytes_max) {
  const SslContext context(SSL_CTX_new(TLS_client_method()));
  SSL_CTX_set_min_proto_version(context.get(), TLS1_3_VERSION);
  const SslSession session(SSL_new(context.get()));
  SSL_set_fd(session.get(), fd);
  if (SSL_connect(session.get()) != 1) return -1;
  // By a buffer: each update by itself would be a call of send(), and too slow for a flood.
  BIO* const updates = BIO_new(BIO_s_mem());
  SSL_set0_wbio(session.get(), updates);
  ssize_t sent = 0;
  while (sent < bytes_max) {
    for (int i = 0; i < 1'000; ++i) {
      SSL_key_update(session.get(), SSL_KEY_UPDATE_NOT_REQUESTED);
      if (SSL_do_handshake(session.get()) != 1) return -1;
    }
    char* data = nullptr;
    const ssize_t size = BIO_get_mem_data(updates, &data);
    for (ssize_t begin = 0; begin < size;) {
      const ssize_t count = send(fd, data + begin, static_cast<size_t>(size - begin), MSG_NOSIGNAL);
      if (count <= 0) return sent;
      begin += count;
      sent += count;
    }
    BIO_reset(updates);
  }
  return sent;
}

class TlsSessionTest : public testing::Test {
 protected:
  TlsSessionTest() {
    signal(SIGPIPE, SIG_IGN);  // As the relay does.
    char path[] = "/tmp/bw_session_XXXXXX";
    directory_ = mkdtemp(path);
    const std::string file = directory_ + "/relay.pem";
    const CertifiedKey pair = MakeCertifiedKey("relay");
    ReplaceFile(file, pair.key + pair.certificate);
    certificate_ = std::make_shared<TlsCertificate>(file, file);
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends_), 0);
  }
  ~TlsSessionTest() override {
    close(ends_[0]);
    std::filesystem::remove_all(directory_);
  }

  std::string directory_;
  std::shared_ptr<TlsCertificate> certificate_;
  int ends_[2];
};

// OpenSSL reads records without data in a loop of its own, which neither the deadline nor the limit
// of a request's bytes would end.
TEST_F(TlsSessionTest, AFloodOfKeyUpdatesIsEnded) {
  constexpr ssize_t kFloodBytes = 2'000'000;
  ssize_t taken = 0;
  std::thread client([&] { taken = FloodWithKeyUpdates(ends_[0], kFloodBytes); });
  HttpExchange exchange([](const AdminRequest&) { return AdminResponse(); }, certificate_);
  exchange.Serve(ends_[1], /*from_owner=*/false);
  close(ends_[1]);
  client.join();
  EXPECT_GT(taken, 0);
  EXPECT_LT(taken, kFloodBytes / 2);  // With what the socket's buffer holds.
}

}  // namespace
}  // namespace bw
