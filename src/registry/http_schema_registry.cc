#include "registry/http_schema_registry.h"

#include <curl/curl.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "base/byte_size.h"
#include "base/error.h"
#include "base/log.h"
#include "registry/registry_answer.h"

namespace bw {
namespace {

constexpr size_t kAnswerBytesMax = kMiB;

struct EasyDeleter {
  void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
};
struct UrlDeleter {
  void operator()(CURLU* url) const { curl_url_cleanup(url); }
};
struct HeadersDeleter {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
struct TextDeleter {
  void operator()(char* text) const { curl_free(text); }
};
using UrlText = std::unique_ptr<char, TextDeleter>;

void InitialiseOnce() {
  static const CURLcode result = curl_global_init(CURL_GLOBAL_DEFAULT);
  BW_CHECK(result == CURLE_OK);
}

UrlText UrlPart(CURLU* url, CURLUPart part) {
  char* text = nullptr;
  return UrlText(curl_url_get(url, part, &text, 0) == CURLUE_OK ? text : nullptr);
}

// The address without a trailing slash. The text of a bad address stays out of the message when it
// may hold a password.
std::string CheckedUrl(const std::string& text) {
  const std::unique_ptr<CURLU, UrlDeleter> url(curl_url());
  if (curl_url_set(url.get(), CURLUPART_URL, text.c_str(), 0) != CURLUE_OK) {
    throw UsageError(
        "--schema-registry: not an http or https address such as http://localhost:8081");
  }
  if (UrlPart(url.get(), CURLUPART_USER) || UrlPart(url.get(), CURLUPART_PASSWORD)) {
    throw UsageError(
        "--schema-registry: user and password do not belong into the address, which is logged; "
        "give them by their own options, in the environment or a file");
  }
  const UrlText scheme = UrlPart(url.get(), CURLUPART_SCHEME);
  if (std::string_view(scheme.get()) != "http" && std::string_view(scheme.get()) != "https") {
    throw UsageError("--schema-registry: \"" + Printable(text) + "\" is neither http nor https");
  }
  if (UrlPart(url.get(), CURLUPART_QUERY) || UrlPart(url.get(), CURLUPART_FRAGMENT)) {
    throw UsageError("--schema-registry: \"" + Printable(text) +
                     "\" must end with its path, without ? or #");
  }
  std::string base(UrlPart(url.get(), CURLUPART_URL).get());
  while (base.ends_with('/')) base.pop_back();
  return base;
}

void CheckReadable(const char* option, const std::string& file) {
  if (!file.empty() && access(file.c_str(), R_OK) != 0) {
    throw UsageError(std::string(option) + ": cannot read " + Printable(file));
  }
}

// Records the answer; one that is too long makes libcurl end the transfer with CURLE_WRITE_ERROR.
size_t OnBody(char* data, size_t size, size_t count, void* out) {
  auto* body = static_cast<std::string*>(out);
  if (size * count > kAnswerBytesMax - body->size()) return 0;
  body->append(data, size * count);
  return size * count;
}

// Called about once a second while nothing moves. Not 0 ends the transfer.
int OnProgress(void* stop, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<const Stop*>(stop)->requested() ? 1 : 0;
}

// libcurl takes what it gets here by varargs, where a wrong type is not noticed: hence one overload
// for each type it knows.
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

struct HttpSchemaRegistry::Connection {
  std::unique_ptr<CURL, EasyDeleter> curl;
  std::unique_ptr<curl_slist, HeadersDeleter> headers;
  std::string body;
  char reason[CURL_ERROR_SIZE] = {};
};

HttpSchemaRegistry::HttpSchemaRegistry(const HttpSchemaRegistryOptions& options, const Stop& stop)
    : stop_(stop), connection_(std::make_unique<Connection>()) {
  InitialiseOnce();
  base_url_ = CheckedUrl(options.url);
  CheckReadable("--schema-registry-ca", options.ca_file);
  CheckReadable("--schema-registry-cert", options.certificate_file);
  CheckReadable("--schema-registry-key", options.key_file);
  if (!options.user.empty() && base_url_.starts_with("http:")) {
    spdlog::warn(
        "The password for the schema registry goes over the network in the clear: use https");
  }

  connection_->curl.reset(curl_easy_init());
  BW_CHECK(connection_->curl != nullptr);
  CURL* curl = connection_->curl.get();
  for (const char* header :
       {"Content-Type: application/vnd.schemaregistry.v1+json",
        "Accept: application/vnd.schemaregistry.v1+json, application/json", "Expect:"}) {
    connection_->headers.reset(curl_slist_append(connection_->headers.release(), header));
  }
  BW_CHECK(curl_easy_setopt(curl, CURLOPT_HTTPHEADER, connection_->headers.get()) == CURLE_OK);
  BW_CHECK(curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, &OnBody) == CURLE_OK);
  BW_CHECK(curl_easy_setopt(curl, CURLOPT_WRITEDATA, &connection_->body) == CURLE_OK);
  BW_CHECK(curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, &OnProgress) == CURLE_OK);
  BW_CHECK(curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &stop_) == CURLE_OK);
  BW_CHECK(curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, connection_->reason) == CURLE_OK);
  Set(curl, CURLOPT_NOPROGRESS, 0L);
  Set(curl, CURLOPT_NOSIGNAL, 1L);
  Set(curl, CURLOPT_FOLLOWLOCATION, 0L);
  Set(curl, CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
#if LIBCURL_VERSION_NUM >= 0x075500
  Set(curl, CURLOPT_PROTOCOLS_STR, "http,https");
#else
  Set(curl, CURLOPT_PROTOCOLS, static_cast<long>(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
  Set(curl, CURLOPT_USERAGENT, "bottledwater/" BOTTLEDWATER_VERSION);
  Set(curl, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(options.connect_timeout.count()));
  Set(curl, CURLOPT_TIMEOUT_MS, static_cast<long>(options.request_timeout.count()));
  Set(curl, CURLOPT_TCP_KEEPALIVE, 1L);
  Set(curl, CURLOPT_SSL_VERIFYPEER, 1L);
  Set(curl, CURLOPT_SSL_VERIFYHOST, 2L);
  Set(curl, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  if (!options.ca_file.empty()) Set(curl, CURLOPT_CAINFO, options.ca_file);
  if (!options.certificate_file.empty()) Set(curl, CURLOPT_SSLCERT, options.certificate_file);
  if (!options.key_file.empty()) Set(curl, CURLOPT_SSLKEY, options.key_file);
  if (!options.user.empty()) {
    Set(curl, CURLOPT_HTTPAUTH, static_cast<long>(CURLAUTH_BASIC));
    Set(curl, CURLOPT_USERNAME, options.user);
    Set(curl, CURLOPT_PASSWORD, options.password);
  }
}

HttpSchemaRegistry::~HttpSchemaRegistry() = default;

int32_t HttpSchemaRegistry::Register(const std::string& subject, const std::string& schema_json) {
  CURL* curl = connection_->curl.get();
  const UrlText escaped(curl_easy_escape(curl, subject.c_str(), static_cast<int>(subject.size())));
  BW_CHECK(escaped != nullptr);
  const std::string url = base_url_ + "/subjects/" + escaped.get() + "/versions";
  const std::string where = "Schema registry " + base_url_ + ", subject " + Printable(subject);
  const std::string request = nlohmann::json{{"schema", schema_json}}.dump(
      -1, ' ', false, nlohmann::json::error_handler_t::replace);

  connection_->body.clear();
  connection_->reason[0] = '\0';
  Set(curl, CURLOPT_URL, url);
  BW_CHECK(curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE,
                            static_cast<curl_off_t>(request.size())) == CURLE_OK);
  Set(curl, CURLOPT_POSTFIELDS, request);
  const CURLcode result = curl_easy_perform(curl);
  // The request's memory ends here; the handle must not remember it.
  Set(curl, CURLOPT_POSTFIELDS, static_cast<const char*>(nullptr));

  if (result == CURLE_ABORTED_BY_CALLBACK) throw TransientError(where + ": stopped while waiting");
  if (result == CURLE_WRITE_ERROR) throw TransientError(where + ": the answer is over 1 MiB");
  if (result != CURLE_OK) {
    const char* reason =
        connection_->reason[0] != '\0' ? connection_->reason : curl_easy_strerror(result);
    throw TransientError(where + ": " + Printable(reason));
  }
  long status = 0;
  BW_CHECK(curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status) == CURLE_OK);
  return ParseRegisterAnswer(status, connection_->body, where);
}

}  // namespace bw
