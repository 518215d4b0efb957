#pragma once

#include <string>
#include <utility>

namespace bw {

// A listening socket; moves like a unique_ptr.
class ListeningSocket {
 public:
  // `address` is "HOST:PORT", "[IPV6]:PORT" or ":PORT". Throws a usage Error that names --admin.
  static ListeningSocket Tcp(const std::string& address);
  // `directory`/`name`, which only our user can use; replaces a socket that a dead process has
  // left. Any length of path works. Throws a transient Error.
  static ListeningSocket Unix(const std::string& directory, const std::string& name);

  ListeningSocket(ListeningSocket&& other) noexcept;
  ListeningSocket& operator=(ListeningSocket&&) = delete;
  ~ListeningSocket();

  int fd() const { return fd_; }
  bool is_unix() const { return !path_.empty(); }

 private:
  ListeningSocket(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}

  int fd_;
  std::string path_;  // Removed at the end; empty for TCP.
};

}  // namespace bw
