#include "admin/http_listener.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <future>
#include <memory>
#include <string>
#include <vector>

namespace bw {
namespace {

using testing::StartsWith;

constexpr char kRequest[] = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";

// A client of the listener's socket, which gives up after some seconds.
class Client {
 public:
  explicit Client(const std::string& path) : fd_(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    EXPECT_EQ(connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    const timeval patience{20, 0};
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  }
  ~Client() { close(fd_); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  void Send(const std::string& bytes) { send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL); }
  // Until the listener ends the connection.
  std::string Receive() {
    std::string all;
    char buffer[64 * 1024];
    while (true) {
      const ssize_t count = recv(fd_, buffer, sizeof buffer, 0);
      if (count <= 0) return all;
      all.append(buffer, static_cast<size_t>(count));
    }
  }
  // Waits for the first byte, and leaves it.
  bool HasAnswer() {
    char byte;
    return recv(fd_, &byte, 1, MSG_PEEK) == 1;
  }

 private:
  const int fd_;
};

class HttpListenerTest : public testing::Test {
 protected:
  HttpListenerTest() {
    char path[] = "/tmp/bw_listener_XXXXXX";
    directory_ = mkdtemp(path);
  }
  ~HttpListenerTest() override {
    listener_.reset();
    std::filesystem::remove_all(directory_);
  }

  void Listen(AdminHandler handler) {
    auto socket = std::make_shared<ListeningSocket>(ListeningSocket::Unix(directory_, "socket"));
    listener_ = std::make_unique<HttpListener>(
        [socket] { return std::optional(std::move(*socket)); }, std::move(handler));
  }
  std::unique_ptr<Client> Connect() { return std::make_unique<Client>(directory_ + "/socket"); }
  // As many clients as there may be at once, each of which has sent this.
  std::vector<std::unique_ptr<Client>> ConnectAll(const std::string& bytes) {
    std::vector<std::unique_ptr<Client>> clients;
    for (size_t i = 0; i < HttpListener::kConnectionsMax; ++i) {
      clients.push_back(Connect());
      clients.back()->Send(bytes);
    }
    return clients;
  }
  std::string Ask() {
    const auto client = Connect();
    client->Send(kRequest);
    return client->Receive();
  }

  std::string directory_;
  std::unique_ptr<HttpListener> listener_;
};

TEST_F(HttpListenerTest, ANewcomerTakesThePlaceOfTheOldestThatHasNotAsked) {
  Listen([](const AdminRequest&) { return AdminResponse{.body = "hello"}; });
  auto silent = ConnectAll("GET / HT");
  const auto began = std::chrono::steady_clock::now();
  EXPECT_THAT(Ask(), StartsWith("HTTP/1.1 200 "));
  EXPECT_EQ(silent.front()->Receive(), "");
  EXPECT_LT(std::chrono::steady_clock::now() - began, HttpExchange::kRequestTime / 2);
  // Only that one made way: the others can still ask.
  silent.back()->Send("TP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_THAT(silent.back()->Receive(), StartsWith("HTTP/1.1 200 "));
  silent.at(1)->Send("TP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_THAT(silent.at(1)->Receive(), StartsWith("HTTP/1.1 200 "));
}

TEST_F(HttpListenerTest, ClientsThatDoNotReadTheirAnswersKeepNobodyOut) {
  const std::string body(4'000'000, 'x');  // More than the socket's buffer.
  Listen([&](const AdminRequest&) { return AdminResponse{.body = body}; });
  auto idle = ConnectAll(kRequest);
  for (const auto& client : idle) ASSERT_TRUE(client->HasAnswer());
  const auto began = std::chrono::steady_clock::now();
  EXPECT_GT(Ask().size(), body.size());
  EXPECT_LT(std::chrono::steady_clock::now() - began, HttpExchange::kRequestTime / 2);
}

TEST_F(HttpListenerTest, WhatIsBeingHandledIsNotGivenUp) {
  std::promise<void> may_end;
  std::atomic<size_t> handled = 0;
  Listen([&, end = may_end.get_future().share()](const AdminRequest&) {
    ++handled;
    end.wait();
    return AdminResponse{.body = "hello"};
  });
  auto asking = ConnectAll(kRequest);
  while (handled < asking.size()) std::this_thread::yield();
  EXPECT_EQ(Connect()->Receive(), "");  // Closed at once.
  may_end.set_value();
  for (const auto& client : asking) EXPECT_THAT(client->Receive(), StartsWith("HTTP/1.1 200 "));
}

}  // namespace
}  // namespace bw
