#include "registry/http_schema_registry_options.h"

#include <curl/curl.h>
#include <unistd.h>

#include <memory>

#include "base/delete_by.h"
#include "base/error.h"

namespace bw {
namespace {

using UrlText = std::unique_ptr<char, DeleteBy<curl_free>>;

UrlText UrlPart(CURLU* url, CURLUPart part) {
  char* text = nullptr;
  return UrlText(curl_url_get(url, part, &text, 0) == CURLUE_OK ? text : nullptr);
}

void CheckReadable(const char* option, const std::string& file) {
  if (!file.empty() && access(file.c_str(), R_OK) != 0) {
    throw UsageError(std::string(option) + ": cannot read " + file);
  }
}

}  // namespace

std::string BaseUrl(const HttpSchemaRegistryOptions& options) {
  const std::string& text = options.url;
  // Checked first: no message may repeat a password.
  if (text.find('@') != std::string::npos) {
    throw UsageError(
        "--schema-registry: a user name or password does not belong in the URL, where logs and "
        "process lists show it. Use --schema-registry-user, and the environment variable "
        "BOTTLEDWATER_SCHEMA_REGISTRY_PASSWORD or --schema-registry-password-file");
  }
  const std::unique_ptr<CURLU, DeleteBy<curl_url_cleanup>> url(curl_url());
  const bool valid = curl_url_set(url.get(), CURLUPART_URL, text.c_str(), 0) == CURLUE_OK;
  const UrlText scheme = UrlPart(url.get(), CURLUPART_SCHEME);
  if (!valid ||
      (std::string_view(scheme.get()) != "http" && std::string_view(scheme.get()) != "https")) {
    throw UsageError("--schema-registry: \"" + text +
                     "\" is not an http:// or https:// URL such as http://localhost:8081");
  }
  const UrlText port = UrlPart(url.get(), CURLUPART_PORT);
  if (port && std::string_view(port.get()) == "0") {
    throw UsageError("--schema-registry: \"" + text + "\" has the port 0");
  }
  if (UrlPart(url.get(), CURLUPART_QUERY) || UrlPart(url.get(), CURLUPART_FRAGMENT)) {
    throw UsageError("--schema-registry: \"" + text + "\" must end with its path, without ? or #");
  }
  std::string base(UrlPart(url.get(), CURLUPART_URL).get());
  while (base.ends_with('/')) base.pop_back();
  return base;
}

void CheckRegistryOptions(const HttpSchemaRegistryOptions& options) {
  BaseUrl(options);
  CheckReadable("--schema-registry-ca", options.ca_file);
  CheckReadable("--schema-registry-cert", options.certificate_file);
  CheckReadable("--schema-registry-key", options.key_file);
  if (options.certificate_file.empty() != options.key_file.empty()) {
    throw UsageError("--schema-registry-cert and --schema-registry-key go together");
  }
  if (options.user.empty() && !options.password.empty()) {
    throw UsageError("--schema-registry-user is missing: the registry's password is set");
  }
  if (!options.user.empty() && options.password.empty()) {
    throw UsageError(
        "--schema-registry-user: needs a password, in BOTTLEDWATER_SCHEMA_REGISTRY_PASSWORD or "
        "--schema-registry-password-file");
  }
  if (options.request_timeout < Duration(100)) {
    throw UsageError("--schema-registry-timeout: less than 100ms");
  }
}

}  // namespace bw
