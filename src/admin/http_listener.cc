#include "admin/http_listener.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <system_error>
#include <utility>

#include "base/log.h"

namespace bw {
namespace {

// How often the listener's thread looks whether it is to stop.
constexpr std::chrono::duration<int, std::milli> kStopLook{200};

}  // namespace

HttpListener::HttpListener(OpenSocket open, AdminHandler handler,
                           std::shared_ptr<TlsCertificate> certificate)
    : open_(std::move(open)),
      exchange_(std::move(handler), std::move(certificate)),
      thread_([this] { Run(); }) {}

HttpListener::~HttpListener() {
  stopping_ = true;
  thread_.join();
  std::unique_lock lock(mutex_);
  for (const int fd : connections_) shutdown(fd, SHUT_RDWR);
  ended_.wait(lock, [this] { return connections_.empty(); });
}

void HttpListener::Run() {
  while (!stopping_) {
    if (socket_) {
      Accept();
    } else if (auto opened = open_()) {
      socket_.emplace(*std::move(opened));
    } else {
      std::this_thread::sleep_for(kStopLook);
    }
  }
}

void HttpListener::Accept() {
  pollfd waiting{socket_->fd(), POLLIN, 0};
  if (poll(&waiting, 1, kStopLook.count()) != 1) return;
  const int fd = accept4(socket_->fd(), nullptr, nullptr, SOCK_CLOEXEC);
  if (fd < 0) {
    // For want of file descriptors, for example: without a pause this would spin.
    if (errno != EAGAIN) std::this_thread::sleep_for(kStopLook);
    return;
  }
  {
    const std::lock_guard lock(mutex_);
    if (connections_.size() >= kConnectionsMax) {
      close(fd);
      return;
    }
    connections_.insert(fd);
  }
  try {
    std::thread([this, fd] { Serve(fd); }).detach();
  } catch (const std::system_error&) {  // No more threads.
    const std::lock_guard lock(mutex_);
    connections_.erase(fd);
    close(fd);
  }
}

void HttpListener::Serve(int fd) {
  try {
    exchange_.Serve(fd, IsFromOwner(fd));
  } catch (const std::exception& error) {
    spdlog::debug("an admin request failed: {}", error.what());
  }
  const std::lock_guard lock(mutex_);
  connections_.erase(fd);
  close(fd);  // Under the lock: the destructor must not meet another file of this number.
  ended_.notify_all();
}

bool HttpListener::IsFromOwner(int fd) const {
  if (!socket_->is_unix()) return false;
  ucred peer{};
  socklen_t size = sizeof peer;
  return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
         (peer.uid == geteuid() || peer.uid == 0);
}

}  // namespace bw
