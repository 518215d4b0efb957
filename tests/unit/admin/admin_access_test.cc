#include "admin/admin_access.h"

#include <gtest/gtest.h>

namespace bw {
namespace {

int StatusOf(const AdminRequest& request, const AdminOptions& options) {
  const auto refusal = Refusal(request, options);
  return refusal ? refusal->status : 200;
}

TEST(AdminAccess, TakesLocalhostAndAddressesAsHost) {
  for (const char* host : {"localhost", "localhost:9187", "localhost:", "127.0.0.1", "10.1.2.3:80",
                           "[::1]", "[::1]:9187", "[fe80::1]:65535"}) {
    EXPECT_TRUE(IsOurHost(host, {})) << host;
  }
  for (const char* host :
       {"", "rebound.example", "127.0.0.1.rebound.example", "localhost.rebound.example",
        "localhost:x", "localhost:123456", "[::1", "[::1].rebound.example", "[127.0.0.1]", "::1",
        "]", "[]", ":80", "127.1"}) {
    EXPECT_FALSE(IsOurHost(host, {})) << host;
  }
}

TEST(AdminAccess, TakesTheNamesThatAreListed) {
  const std::vector<std::string> names = {"relay.example", "bottledwater"};
  for (const char* host :
       {"relay.example", "Relay.Example:443", "relay.example:", "bottledwater:9187", "localhost"}) {
    EXPECT_TRUE(IsOurHost(host, names)) << host;
  }
  for (const char* host : {"", "example", "x.relay.example", "relay.example.rebound.example",
                           "relay.example.", "[relay.example]", "relay.example:x"}) {
    EXPECT_FALSE(IsOurHost(host, names)) << host;
  }
}

TEST(AdminAccess, OnlyTheOwnerOrTheTokenSteers) {
  AdminRequest request;
  request.method = "POST";
  request.host = "localhost";
  AdminOptions options;
  EXPECT_EQ(StatusOf(request, options), 403);
  options.token = "s3cret";
  EXPECT_EQ(StatusOf(request, options), 401);
  for (const char* wrong : {"Bearer ", "Bearer s3cre", "Bearer s3cret ", "Bearers3cret", "s3cret",
                            "Basic s3cret", "Bearer  s3cret", "Bearer S3CRET"}) {
    request.authorization = wrong;
    EXPECT_EQ(StatusOf(request, options), 401) << wrong;
  }
  EXPECT_EQ(Refusal(request, options)->headers.at("WWW-Authenticate"), "Bearer");
  for (const char* right : {"Bearer s3cret", "bearer s3cret", "BEARER s3cret"}) {
    request.authorization = right;
    EXPECT_EQ(StatusOf(request, options), 200) << right;
  }
  request.host = "rebound.example";
  EXPECT_EQ(StatusOf(request, options), 421);
  request.from_owner = true;
  EXPECT_EQ(StatusOf(request, AdminOptions()), 200);
  request.method = "DELETE";
  EXPECT_EQ(StatusOf(request, AdminOptions()), 405);
}

TEST(AdminAccess, EachPathTakesOneMethod) {
  AdminRequest request;
  request.from_owner = true;
  for (const char* path : {"/", "/status", "/metrics", "/livez", "/readyz"}) {
    request.path = path;
    request.method = "GET";
    EXPECT_EQ(StatusOf(request, {}), 200) << path;
    request.method = "POST";
    EXPECT_EQ(StatusOf(request, {}), 405) << path;
    EXPECT_EQ(Refusal(request, {})->headers.at("Allow"), "GET") << path;
  }
  for (const char* path : {"/pause", "/resume", "/resnapshot"}) {
    request.path = path;
    request.method = "POST";
    EXPECT_EQ(StatusOf(request, {}), 200) << path;
    request.method = "GET";
    EXPECT_EQ(StatusOf(request, {}), 405) << path;
    EXPECT_EQ(Refusal(request, {})->headers.at("Allow"), "POST") << path;
  }
  request.path = "/nothing";  // Answered with 404 by the handler.
  EXPECT_EQ(StatusOf(request, {}), 200);
}

}  // namespace
}  // namespace bw
