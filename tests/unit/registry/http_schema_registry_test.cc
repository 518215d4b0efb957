#include "registry/http_schema_registry.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <thread>

#include "base/error.h"

namespace bw {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// Answers each connection on a loopback port with the same bytes, and keeps the last request.
class LoopbackServer {
 public:
  explicit LoopbackServer(std::string answer)
      : answer_(std::move(answer)), socket_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    BW_CHECK(bind(socket_, generic, size) == 0 && listen(socket_, 8) == 0);
    BW_CHECK(getsockname(socket_, generic, &size) == 0);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { Serve(); });
  }
  ~LoopbackServer() {
    shutdown(socket_, SHUT_RDWR);
    thread_.join();
    close(socket_);
  }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  // Call only after the client has its answer.
  const std::string& request() const { return request_; }

 private:
  void Serve() {
    while (true) {
      const int connection = accept(socket_, nullptr, nullptr);
      if (connection < 0) return;
      request_.clear();
      char buffer[4096];
      // The body's end is the test's schema, closed by "}": enough for what is sent here.
      while (request_.find("\"}") == std::string::npos) {
        const ssize_t size = read(connection, buffer, sizeof(buffer));
        if (size <= 0) break;
        request_.append(buffer, static_cast<size_t>(size));
      }
      size_t sent = 0;
      while (sent < answer_.size()) {
        const ssize_t size =
            send(connection, answer_.data() + sent, answer_.size() - sent, MSG_NOSIGNAL);
        if (size <= 0) break;
        sent += static_cast<size_t>(size);
      }
      close(connection);
    }
  }

  const std::string answer_;
  int socket_;
  int port_ = 0;
  std::string request_;
  std::thread thread_;
};

std::string Answer(const std::string& status, const std::string& body,
                   const std::string& headers = "") {
  return "HTTP/1.1 " + status + "\r\n" + headers +
         "Connection: close\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

HttpSchemaRegistryOptions At(const std::string& url, const std::string& password = "") {
  HttpSchemaRegistryOptions options;
  options.url = url;
  if (!password.empty()) options.user = "me";
  options.password = password;
  return options;
}

RegistryResult<int32_t> Register(HttpSchemaRegistry* registry, const std::string& subject,
                                 const std::string& schema_json) {
  const SchemaRegistration registration{subject, schema_json};
  return registry->RegisterAll(std::span(&registration, 1)).front();
}

Error ErrorOf(HttpSchemaRegistry* registry) {
  const auto result = Register(registry, "test-value", "{}");
  if (const auto* error = std::get_if<Error>(&result)) return *error;
  ADD_FAILURE() << "no error";
  return TransientError("");
}

std::string UsageTextOf(const HttpSchemaRegistryOptions& options) {
  try {
    CheckRegistryOptions(options);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUsage);
    return error.what();
  }
  ADD_FAILURE() << "accepted " << options.url;
  return "";
}

TEST(HttpSchemaRegistry, PostsTheSchemaUnderItsEscapedSubject) {
  const Stop stop;
  LoopbackServer server(Answer("200 OK", R"({"id":7})"));
  HttpSchemaRegistry registry(At(server.url() + "/api/", "secret"), stop);
  EXPECT_EQ(std::get<int32_t>(Register(&registry, "a b/c-value", R"({"type":"int"})")), 7);
  EXPECT_THAT(server.request(), HasSubstr("POST /api/subjects/a%20b%2Fc-value/versions HTTP/1.1"));
  EXPECT_THAT(server.request(), HasSubstr("Content-Type: application/vnd.schemaregistry.v1+json"));
  EXPECT_THAT(server.request(), HasSubstr("Authorization: Basic bWU6c2VjcmV0"));
  EXPECT_THAT(server.request(), HasSubstr(R"({"schema":"{\"type\":\"int\"}"})"));
}

HttpSchemaRegistryOptions LeftToOthers(const std::string& url) {
  HttpSchemaRegistryOptions options = At(url);
  options.auto_register = false;
  return options;
}

TEST(HttpSchemaRegistry, OnlyLooksUpWhatOthersRegister) {
  const Stop stop;
  LoopbackServer server(Answer("200 OK", R"({"subject":"a-value","version":3,"id":7})"));
  HttpSchemaRegistry registry(LeftToOthers(server.url()), stop);
  EXPECT_EQ(std::get<int32_t>(Register(&registry, "a-value", R"({"type":"int"})")), 7);
  EXPECT_THAT(server.request(), HasSubstr("POST /subjects/a-value HTTP/1.1"));
}

TEST(HttpSchemaRegistry, WaitsForWhatOthersHaveNotRegisteredAndSaysWhat) {
  for (const int code : {40401, 40403}) {  // No such subject; no such schema in it.
    const Stop stop;
    LoopbackServer server(
        Answer("404 Not Found", R"({"error_code":)" + std::to_string(code) + "}"));
    HttpSchemaRegistry registry(LeftToOthers(server.url()), stop);
    const auto result = Register(&registry, "a-value", R"({"type":"int"})");
    const Error& error = std::get<Error>(result);
    EXPECT_EQ(error.kind(), ErrorKind::kTransient);
    EXPECT_TRUE(error.is_refusal());
    EXPECT_THAT(error.what(), HasSubstr("subject a-value"));
    EXPECT_THAT(error.what(), HasSubstr(R"({"type":"int"})"));
  }
}

TEST(HttpSchemaRegistry, GivesNothingBackWhereOthersRegister) {
  const Stop stop;
  HttpSchemaRegistry registry(LeftToOthers("http://127.0.0.1:1"), stop);
  const RegisteredSchema lost{{"a-value", "{}"}, 7};
  EXPECT_THAT(registry.Restore(std::span(&lost, 1)).value_or(""), HasSubstr("--auto-register"));
}

TEST(HttpSchemaRegistry, MessagesNameTheSubjectAndNeverThePassword) {
  const Stop stop;
  LoopbackServer server(Answer("401 Unauthorized", "{}"));
  HttpSchemaRegistry registry(At(server.url(), "secret"), stop);
  const Error error = ErrorOf(&registry);
  EXPECT_EQ(error.kind(), ErrorKind::kTransient);
  EXPECT_THAT(error.what(), HasSubstr("test-value"));
  EXPECT_THAT(error.what(), Not(HasSubstr("secret")));
}

TEST(HttpSchemaRegistry, FollowsNoRedirect) {
  const Stop stop;
  LoopbackServer other(Answer("200 OK", R"({"id":7})"));
  LoopbackServer server(Answer("302 Found", "", "Location: " + other.url() + "\r\n"));
  HttpSchemaRegistry registry(At(server.url()), stop);
  EXPECT_EQ(ErrorOf(&registry).kind(), ErrorKind::kTransient);
  EXPECT_EQ(other.request(), "");
}

TEST(HttpSchemaRegistry, TakesNoEndlessAnswer) {
  const Stop stop;
  LoopbackServer server(Answer("200 OK", std::string(2 << 20, ' ')));
  HttpSchemaRegistry registry(At(server.url()), stop);
  EXPECT_THAT(ErrorOf(&registry).what(), HasSubstr("1 MiB"));
}

TEST(HttpSchemaRegistry, UnreachableIsTransient) {
  const Stop stop;
  std::string url;
  {
    LoopbackServer server("");
    url = server.url();
  }
  HttpSchemaRegistry registry(At(url), stop);
  EXPECT_EQ(ErrorOf(&registry).kind(), ErrorKind::kTransient);
}

TEST(HttpSchemaRegistry, LeavesARequestWhenAStopIsRequested) {
  Stop stop;
  stop.Request();
  LoopbackServer server(Answer("200 OK", R"({"id":7})"));
  HttpSchemaRegistry registry(At(server.url()), stop);
  EXPECT_EQ(ErrorOf(&registry).kind(), ErrorKind::kTransient);
}

TEST(HttpSchemaRegistry, NamesTheOptionOfABadAddress) {
  for (const char* url : {"", "ftp://host", "file:///etc/passwd", "http://", "http://host/?a=b",
                          "http://host/#x", "http://host:99999"}) {
    EXPECT_THAT(UsageTextOf(At(url)), HasSubstr("--schema-registry")) << url;
  }
}

TEST(HttpSchemaRegistry, RefusesAPasswordInTheAddressWithoutRepeatingIt) {
  const std::string text = UsageTextOf(At("http://me:secret@host:8081"));
  EXPECT_THAT(text, HasSubstr("--schema-registry"));
  EXPECT_THAT(text, Not(HasSubstr("secret")));
}

TEST(HttpSchemaRegistry, NamesTheOptionOfAnUnreadableFile) {
  HttpSchemaRegistryOptions options;
  options.ca_file = "/no/such/file";
  EXPECT_THAT(UsageTextOf(options), HasSubstr("--schema-registry-ca"));
}

}  // namespace
}  // namespace bw
