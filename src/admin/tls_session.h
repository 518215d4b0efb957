#pragma once

#include <sys/types.h>

#include <cstddef>
#include <memory>

#include "admin/timed_socket.h"

struct ssl_st;      // OpenSSL's SSL.
struct ssl_ctx_st;  // OpenSSL's SSL_CTX.

namespace bw {

// TLS on one accepted connection. Every call returns by the socket's deadline. Not thread-safe.
class TlsSession {
 public:
  // `socket` stays open, and becomes non-blocking.
  TlsSession(const std::shared_ptr<ssl_ctx_st>& context, const TimedSocket& socket);
  // Tells the client that this was all.
  ~TlsSession();

  // False when the client wants nothing that we have: a TLS too old, no TLS at all. Who speaks
  // plain HTTP is told so.
  bool Accept();
  // How many bytes, -1 for any failure; Read: 0 at the end.
  ssize_t Read(char* out, size_t size);
  ssize_t Write(const char* data, size_t size);

 private:
  struct Deleter {
    void operator()(ssl_st* session) const;
  };
  template <class Call>
  int Repeat(Call call);
  void AnswerPlainHttp() const;

  const TimedSocket socket_;
  const std::unique_ptr<ssl_st, Deleter> session_;
  bool has_failed_ = false;
};

}  // namespace bw
