#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/stop.h"
#include "registry/http_schema_registry_options.h"

namespace bw {

struct HttpRequest {
  std::string method;  // GET, POST, PUT or DELETE.
  std::string path;    // After the base address, with its leading slash.
  std::string body;    // JSON; none when empty.
};

struct HttpAnswer {
  // Why there is no answer (unreachable, timeout, too long, a stop); if set, nothing else is valid.
  std::optional<std::string> failure;
  long status = 0;
  std::string body;
};

// libcurl with the registry client's limits: no redirects, no .netrc, http and https only,
// certificates checked, answers of at most 1 MiB. Keeps its connections between calls. Not
// thread-safe.
class HttpClient {
 public:
  // At most this many requests are in flight at a time.
  static constexpr size_t kConcurrencyMax = 8;

  // Throws a usage Error naming --schema-registry (or the file) when an option cannot work. Does
  // not connect. `stop` must outlive this.
  HttpClient(const HttpSchemaRegistryOptions& options, const Stop& stop);
  ~HttpClient();

  // Sends the requests concurrently and returns their answers in the same order. Each takes at most
  // `timeout` (the options' when absent). When one gets no answer, those that have not begun are
  // not sent: the server is away, and each would wait for its own timeout.
  std::vector<HttpAnswer> Ask(std::span<const HttpRequest> requests,
                              std::optional<Duration> timeout = std::nullopt);

  // Without a trailing slash, user or password.
  const std::string& base_url() const { return base_url_; }
  // For a part of a path.
  static std::string Escaped(const std::string& text);

 private:
  struct Multi;
  struct Connection;  // A libcurl handle and its current request.

  std::unique_ptr<Connection> NewConnection() const;
  void Begin(const HttpRequest& request, size_t index, Duration timeout, Connection* connection);
  // Takes the requests that have ended since the last call. Returns whether all got an answer.
  bool TakeEnded(std::span<HttpAnswer> answers);

  const HttpSchemaRegistryOptions options_;
  const std::string base_url_;
  const Stop& stop_;
  std::vector<std::unique_ptr<Connection>> connections_;
  std::vector<Connection*> idle_;
  std::unique_ptr<Multi> multi_;
};

}  // namespace bw
