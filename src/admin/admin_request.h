#pragma once

#include <functional>
#include <map>
#include <string>
#include <utility>

namespace bw {

// A request, as far as a handler needs it.
struct AdminRequest {
  std::string method;                                  // "GET".
  std::string path;                                    // "/status", decoded, without the query.
  std::multimap<std::string, std::string> parameters;  // Of the query.
  bool has_body = false;                               // Which is not read.
  std::string host;           // The header's value; empty without exactly one.
  std::string authorization;  // Likewise.
  std::string peer;           // The client's IP address; empty on the Unix socket.
  bool from_owner = false;    // Came by the Unix socket, from a process of our user or of root.
};

struct AdminResponse {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
  std::map<std::string, std::string> headers = {};  // Beside those that every answer has.
};

// One line of plain text.
inline AdminResponse TextResponse(int status, std::string text) {
  return {.status = status, .body = std::move(text) + "\n"};
}

// Called on several threads at once. Must not throw.
using AdminHandler = std::function<AdminResponse(const AdminRequest& request)>;

}  // namespace bw
