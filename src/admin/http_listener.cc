#include "admin/http_listener.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <system_error>
#include <utility>

#include "base/log.h"
#include "base/thread_name.h"

namespace bw {
namespace {

// How often the listener's thread looks whether it is to stop.
constexpr std::chrono::duration<int, std::milli> kStopLook{200};
// How long a newcomer waits for the thread of the connection that makes room for it.
constexpr std::chrono::milliseconds kRoomWait{200};

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
  for (const Connection& connection : connections_) shutdown(connection.fd, SHUT_RDWR);
  ended_.wait(lock, [this] { return connections_.empty(); });
}

void HttpListener::Run() {
  NameThisThread("admin");
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
  Add(fd);
}

void HttpListener::Add(int fd) {
  Connections::iterator added;
  {
    std::unique_lock lock(mutex_);
    if (!MakeRoom(&lock)) {
      close(fd);
      return;
    }
    added = connections_.emplace(connections_.end(), fd);
  }
  try {
    std::thread([this, added] { Serve(added); }).detach();
  } catch (const std::system_error&) {  // No more threads.
    Remove(added);
  }
}

// Whether there is room for one more connection, after an old one was ended for it if need be. By
// age, not by silence: a byte now and then would buy a slow client time.
bool HttpListener::MakeRoom(std::unique_lock<std::mutex>* lock) {
  const auto has_room = [this] { return connections_.size() < kConnectionsMax; };
  while (!has_room()) {
    Connection* const oldest = OldestToEvict();
    if (oldest == nullptr) return false;
    const TimePoint turn_end = oldest->accepted + kTurn;
    if (std::chrono::steady_clock::now() >= turn_end) {
      oldest->evicted = true;
      shutdown(oldest->fd, SHUT_RDWR);
      return ended_.wait_for(*lock, kRoomWait, has_room);
    }
    ended_.wait_until(*lock, turn_end);
  }
  return true;
}

// Null when all are being handled. A client that does not read its answer gives way, too, after
// those that have not asked yet.
HttpListener::Connection* HttpListener::OldestToEvict() {
  for (const ExchangePhase phase : {ExchangePhase::kReceiving, ExchangePhase::kSending}) {
    for (Connection& connection : connections_) {
      if (!connection.evicted && connection.phase == phase) return &connection;
    }
  }
  return nullptr;
}

void HttpListener::Serve(Connections::iterator connection) {
  NameThisThread("admin request");
  try {
    exchange_.Serve(connection->fd, IsFromOwner(connection->fd), &connection->phase);
  } catch (const std::exception& error) {
    spdlog::debug("an admin request failed: {}", error.what());
  }
  Remove(connection);
}

void HttpListener::Remove(Connections::iterator connection) {
  const std::lock_guard lock(mutex_);
  close(connection->fd);  // Under the lock: nobody may shut down another file of this number.
  connections_.erase(connection);
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
