#include "admin/http_exchange.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <optional>
#include <string>
#include <thread>

namespace bw {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class HttpExchangeTest : public testing::Test {
 protected:
  // The answer to a client that sends this and no more.
  std::string Ask(const std::string& bytes) {
    request_.reset();
    HttpExchange exchange([this](const AdminRequest& request) {
      request_ = request;
      return AdminResponse{.body = body_};
    });
    int ends[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    EXPECT_EQ(send(ends[0], bytes.data(), bytes.size(), 0), static_cast<ssize_t>(bytes.size()));
    shutdown(ends[0], SHUT_WR);
    exchange.Serve(ends[1], /*from_owner=*/false);
    close(ends[1]);
    std::string answer;
    char buffer[4096];
    for (ssize_t count = 1; count > 0;) {
      count = recv(ends[0], buffer, sizeof buffer, 0);
      if (count > 0) answer.append(buffer, static_cast<size_t>(count));
    }
    close(ends[0]);
    return answer;
  }

  std::string body_ = "hello";
  std::optional<AdminRequest> request_;  // What the handler was asked.
};

TEST_F(HttpExchangeTest, ReadsTargetAndHeaders) {
  EXPECT_THAT(Ask("POST /a%20b?x=%26&x=2 HTTP/1.1\r\nhost: h:1\r\nAuthorization: Bearer t\r\n\r\n"),
              StartsWith("HTTP/1.1 200 "));
  ASSERT_TRUE(request_);
  EXPECT_EQ(request_->method, "POST");
  EXPECT_EQ(request_->path, "/a b");
  EXPECT_EQ(request_->parameters,
            (std::multimap<std::string, std::string>{{"x", "&"}, {"x", "2"}}));
  EXPECT_EQ(request_->host, "h:1");
  EXPECT_EQ(request_->authorization, "Bearer t");
  EXPECT_FALSE(request_->has_body);
}

TEST_F(HttpExchangeTest, AHeaderThatIsThereTwiceIsNotThere) {
  Ask("GET / HTTP/1.1\r\nHost: localhost\r\nHost: rebound.example\r\n\r\n");
  ASSERT_TRUE(request_);
  EXPECT_EQ(request_->host, "");
}

TEST_F(HttpExchangeTest, NoHeaderMakesAClientTheOwner) {
  Ask("POST /pause HTTP/1.1\r\nBottledwater-From-Owner:\r\nbottledwater-from-owner: x\r\n\r\n");
  ASSERT_TRUE(request_);
  EXPECT_FALSE(request_->from_owner);
}

// 8 KiB of ranges would make an answer of the page's length three thousand times.
TEST_F(HttpExchangeTest, RangesDoNotMultiplyTheAnswer) {
  body_ = std::string(50'000, 'x');
  std::string ranges = "0-";
  while (ranges.size() < 7'000) ranges += ",0-";
  const std::string answer =
      Ask("GET / HTTP/1.1\r\nHost: localhost\r\nRange: bytes=" + ranges + "\r\n\r\n");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(answer, HasSubstr("\r\nContent-Length: 50000\r\n"));
  EXPECT_LT(answer.size(), 51'000u);
}

TEST_F(HttpExchangeTest, ASignalDoesNotEndARequest) {
  signal(SIGUSR1, [](int) {});
  int ends[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
  bool is_asked = false;
  HttpExchange exchange([&](const AdminRequest&) {
    is_asked = true;
    return AdminResponse();
  });
  const std::string request = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
  std::thread client([&, server = pthread_self()] {
    for (const char byte : request) {
      pthread_kill(server, SIGUSR1);
      send(ends[0], &byte, 1, 0);
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
  });
  exchange.Serve(ends[1], /*from_owner=*/false);
  client.join();
  close(ends[0]);
  close(ends[1]);
  EXPECT_TRUE(is_asked);
}

TEST_F(HttpExchangeTest, MoreThanARequestMayHaveIsNotRead) {
  const std::string header(1'000, 'x');
  std::string head = "GET / HTTP/1.1\r\n";
  for (int i = 0; i < 9; ++i) head += "A: " + header + "\r\n";
  Ask(head + "\r\n");
  EXPECT_FALSE(request_);
}

}  // namespace
}  // namespace bw
