#include "admin/tls_session.h"

#include <fcntl.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <algorithm>
#include <climits>
#include <cstdint>
#include <string_view>

#include "base/error.h"

namespace bw {
namespace {

constexpr std::string_view kPlainAnswer =
    "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\n"
    "Content-Length: 32\r\nConnection: close\r\n\r\nThis port speaks TLS: use https\n";

// Of a handshake with a client's certificates and the largest request, with room to spare.
constexpr uint64_t kReceivedBytesMax = 64 * 1024;

int IntOf(size_t size) { return static_cast<int>(std::min<size_t>(size, INT_MAX)); }

}  // namespace

void TlsSession::Deleter::operator()(ssl_st* session) const { SSL_free(session); }

TlsSession::TlsSession(const std::shared_ptr<ssl_ctx_st>& context, const TimedSocket& socket)
    : socket_(socket), session_(SSL_new(context.get())) {
  BW_CHECK(session_ != nullptr);
  fcntl(socket_.fd, F_SETFL, fcntl(socket_.fd, F_GETFL) | O_NONBLOCK);
  SSL_set_fd(session_.get(), socket_.fd);
  // Records without data, KeyUpdate for one, then return here, to be counted and timed.
  SSL_clear_mode(session_.get(), SSL_MODE_AUTO_RETRY);
}

TlsSession::~TlsSession() {
  // After a failure OpenSSL must not be asked to go on (SSL_shutdown(3)).
  if (!has_failed_ && SSL_is_init_finished(session_.get())) SSL_shutdown(session_.get());
  ERR_clear_error();
}

// Calls until it succeeds or cannot any more; OpenSSL says what it waits for.
template <class Call>
int TlsSession::Repeat(Call call) {
  while (true) {
    ERR_clear_error();
    const int result = call();
    if (result > 0) return result;
    const int error = SSL_get_error(session_.get(), result);
    if (error == SSL_ERROR_ZERO_RETURN) return 0;
    const short awaited = error == SSL_ERROR_WANT_READ    ? POLLIN
                          : error == SSL_ERROR_WANT_WRITE ? POLLOUT
                                                          : 0;
    if (awaited == 0) has_failed_ = true;
    const bool is_flood = BIO_number_read(SSL_get_rbio(session_.get())) > kReceivedBytesMax;
    if (awaited == 0 || is_flood || !socket_.WaitFor(awaited)) return -1;
  }
}

bool TlsSession::Accept() {
  if (Repeat([this] { return SSL_accept(session_.get()); }) == 1) return true;
  if (ERR_GET_REASON(ERR_peek_error()) == SSL_R_HTTP_REQUEST) AnswerPlainHttp();
  return false;
}

ssize_t TlsSession::Read(char* out, size_t size) {
  return Repeat([&] { return SSL_read(session_.get(), out, IntOf(size)); });
}

ssize_t TlsSession::Write(const char* data, size_t size) {
  // Once the client has said that it sends no more, OpenSSL calls every failure to write the end.
  const int written = Repeat([&] { return SSL_write(session_.get(), data, IntOf(size)); });
  return written > 0 ? written : -1;
}

void TlsSession::AnswerPlainHttp() const {
  // A connection with unread bytes would end with a reset, and take the answer with it.
  char unread[8192];
  recv(socket_.fd, unread, sizeof unread, MSG_DONTWAIT);
  send(socket_.fd, kPlainAnswer.data(), kPlainAnswer.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
}

}  // namespace bw
