#include "registry/http_client.h"

#include <curl/curl.h>

#include "base/byte_size.h"
#include "base/delete_by.h"
#include "base/error.h"
#include "base/log.h"

namespace bw {
namespace {

// A wait for answers checks for a stop this often.
constexpr int kWaitMs = 200;
constexpr size_t kAnswerBytesMax = kMiB;

void InitialiseOnce() {
  static const CURLcode result = curl_global_init(CURL_GLOBAL_DEFAULT);
  BW_CHECK(result == CURLE_OK);
}

// Appends to the answer; if it becomes too long, libcurl ends the transfer with CURLE_WRITE_ERROR.
size_t OnBody(char* data, size_t size, size_t count, void* out) {
  auto* body = static_cast<std::string*>(out);
  if (size * count > kAnswerBytesMax - body->size()) return 0;
  body->append(data, size * count);
  return size * count;
}

// curl_easy_setopt takes varargs, where a wrong type goes unnoticed: hence one overload per type.
void Set(CURL* curl, CURLoption option, long value) {
  BW_CHECK(curl_easy_setopt(curl, option, value) == CURLE_OK);
}
void Set(CURL* curl, CURLoption option, const char* value) {
  BW_CHECK(curl_easy_setopt(curl, option, value) == CURLE_OK);
}
void Set(CURL* curl, CURLoption option, const std::string& value) {
  Set(curl, option, value.c_str());
}

}  // namespace

struct HttpClient::Multi {
  std::unique_ptr<CURLM, DeleteBy<curl_multi_cleanup>> handle;
};

struct HttpClient::Connection {
  std::unique_ptr<CURL, DeleteBy<curl_easy_cleanup>> curl;
  std::unique_ptr<curl_slist, DeleteBy<curl_slist_free_all>> headers;
  size_t index = 0;  // Of its current request.
  std::string request_body;
  std::string body;
  char reason[CURL_ERROR_SIZE] = {};
};

HttpClient::HttpClient(const HttpSchemaRegistryOptions& options, const Stop& stop)
    : options_(options),
      base_url_((InitialiseOnce(), BaseUrl(options))),
      stop_(stop),
      multi_(std::make_unique<Multi>()) {
  if (!options.user.empty() && base_url_.starts_with("http:")) {
    spdlog::warn(
        "The password for the schema registry is sent over the network in clear text: use https");
  }
  multi_->handle.reset(curl_multi_init());
  BW_CHECK(multi_->handle != nullptr);
}

HttpClient::~HttpClient() = default;

std::string HttpClient::Escaped(const std::string& text) {
  char* const escaped = curl_easy_escape(nullptr, text.c_str(), static_cast<int>(text.size()));
  BW_CHECK(escaped != nullptr);
  std::string copy = escaped;
  curl_free(escaped);
  return copy;
}

std::unique_ptr<HttpClient::Connection> HttpClient::NewConnection() const {
  auto connection = std::make_unique<Connection>();
  connection->curl.reset(curl_easy_init());
  BW_CHECK(connection->curl != nullptr);
  CURL* curl = connection->curl.get();
  for (const char* header :
       {"Content-Type: application/vnd.schemaregistry.v1+json",
        "Accept: application/vnd.schemaregistry.v1+json, application/json", "Expect:"}) {
    connection->headers.reset(curl_slist_append(connection->headers.release(), header));
  }
  BW_CHECK(curl_easy_setopt(curl, CURLOPT_HTTPHEADER, connection->headers.get()) == CURLE_OK);
  BW_CHECK(curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, &OnBody) == CURLE_OK);
  BW_CHECK(curl_easy_setopt(curl, CURLOPT_WRITEDATA, &connection->body) == CURLE_OK);
  BW_CHECK(curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, connection->reason) == CURLE_OK);
  Set(curl, CURLOPT_NOSIGNAL, 1L);
  Set(curl, CURLOPT_FOLLOWLOCATION, 0L);
  Set(curl, CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
#if LIBCURL_VERSION_NUM >= 0x075500
  Set(curl, CURLOPT_PROTOCOLS_STR, "http,https");
#else
  Set(curl, CURLOPT_PROTOCOLS, static_cast<long>(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
  Set(curl, CURLOPT_USERAGENT, "bottledwater/" BOTTLEDWATER_VERSION);
  Set(curl, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(options_.connect_timeout.count()));
  Set(curl, CURLOPT_TCP_KEEPALIVE, 1L);
  Set(curl, CURLOPT_SSL_VERIFYPEER, 1L);
  Set(curl, CURLOPT_SSL_VERIFYHOST, 2L);
  Set(curl, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  if (!options_.ca_file.empty()) Set(curl, CURLOPT_CAINFO, options_.ca_file);
  if (!options_.certificate_file.empty()) Set(curl, CURLOPT_SSLCERT, options_.certificate_file);
  if (!options_.key_file.empty()) Set(curl, CURLOPT_SSLKEY, options_.key_file);
  if (!options_.user.empty()) {
    Set(curl, CURLOPT_HTTPAUTH, static_cast<long>(CURLAUTH_BASIC));
    Set(curl, CURLOPT_USERNAME, options_.user);
    Set(curl, CURLOPT_PASSWORD, options_.password);
  }
  BW_CHECK(curl_easy_setopt(curl, CURLOPT_PRIVATE, connection.get()) == CURLE_OK);
  return connection;
}

void HttpClient::Begin(const HttpRequest& request, size_t index, Duration timeout,
                       Connection* connection) {
  CURL* curl = connection->curl.get();
  connection->index = index;
  connection->request_body = request.body;
  connection->body.clear();
  connection->reason[0] = '\0';
  Set(curl, CURLOPT_URL, base_url_ + request.path);
  Set(curl, CURLOPT_TIMEOUT_MS, static_cast<long>(timeout.count()));
  if (request.body.empty()) {
    Set(curl, CURLOPT_HTTPGET, 1L);
  } else {
    Set(curl, CURLOPT_POST, 1L);
    BW_CHECK(curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE,
                              static_cast<curl_off_t>(request.body.size())) == CURLE_OK);
    Set(curl, CURLOPT_POSTFIELDS, connection->request_body);
  }
  Set(curl, CURLOPT_CUSTOMREQUEST, request.method);
  BW_CHECK(curl_multi_add_handle(multi_->handle.get(), curl) == CURLM_OK);
}

bool HttpClient::TakeEnded(std::span<HttpAnswer> answers) {
  bool all_answered = true;
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(multi_->handle.get(), &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    CURL* curl = message->easy_handle;
    const CURLcode result = message->data.result;
    Connection* connection = nullptr;
    BW_CHECK(curl_easy_getinfo(curl, CURLINFO_PRIVATE, &connection) == CURLE_OK);
    HttpAnswer& answer = answers[connection->index];
    if (result == CURLE_OK) {
      answer.failure.reset();
      BW_CHECK(curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &answer.status) == CURLE_OK);
      answer.body = std::move(connection->body);
    } else if (result == CURLE_WRITE_ERROR) {
      answer.failure = "the answer is over 1 MiB";
    } else {
      answer.failure = Printable(connection->reason[0] != '\0' ? connection->reason
                                                               : curl_easy_strerror(result));
    }
    if (result != CURLE_OK) all_answered = false;
    BW_CHECK(curl_multi_remove_handle(multi_->handle.get(), curl) == CURLM_OK);
    idle_.push_back(connection);
  }
  return all_answered;
}

std::vector<HttpAnswer> HttpClient::Ask(std::span<const HttpRequest> requests,
                                        std::optional<Duration> timeout) {
  std::vector<HttpAnswer> answers(requests.size());
  for (HttpAnswer& answer : answers) answer.failure = "stopped while waiting";
  while (connections_.size() < std::min(requests.size(), kConcurrencyMax)) {
    connections_.push_back(NewConnection());
    idle_.push_back(connections_.back().get());
  }
  size_t next = 0;
  bool away = false;
  while (!stop_.requested()) {
    while (!away && next < requests.size() && !idle_.empty()) {
      Begin(requests[next], next, timeout.value_or(options_.request_timeout), idle_.back());
      idle_.pop_back();
      ++next;
    }
    if (idle_.size() == connections_.size()) break;
    int running = 0;
    BW_CHECK(curl_multi_perform(multi_->handle.get(), &running) == CURLM_OK);
    if (TakeEnded(answers)) {
      if (running > 0) {
        BW_CHECK(curl_multi_poll(multi_->handle.get(), nullptr, 0, kWaitMs, nullptr) == CURLM_OK);
      }
    } else {
      away = true;
    }
  }
  // After a stop, requests in flight are given up.
  for (const auto& connection : connections_) {
    curl_multi_remove_handle(multi_->handle.get(), connection->curl.get());
  }
  idle_.clear();
  for (const auto& connection : connections_) idle_.push_back(connection.get());
  if (away) {
    for (size_t i = next; i < requests.size(); ++i) answers[i].failure = "the registry is away";
  }
  return answers;
}

}  // namespace bw
