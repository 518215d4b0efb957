#include "registry/http_schema_registry.h"

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/log.h"
#include "registry/http_client.h"
#include "registry/registry_answer.h"

namespace bw {
namespace {

HttpRequest RequestFor(const SchemaRegistration& registration) {
  return {.method = "POST",
          .path = "/subjects/" + HttpClient::Escaped(registration.subject) + "/versions",
          .body = nlohmann::json{{"schema", registration.schema_json}}.dump(
              -1, ' ', false, nlohmann::json::error_handler_t::replace)};
}

}  // namespace

HttpSchemaRegistry::HttpSchemaRegistry(const HttpSchemaRegistryOptions& options, const Stop& stop)
    : http_(std::make_unique<HttpClient>(options, stop)) {}

HttpSchemaRegistry::~HttpSchemaRegistry() = default;

std::string HttpSchemaRegistry::Where(const std::string& subject) const {
  return "Schema registry " + http_->base_url() + ", subject " + Printable(subject);
}

int32_t HttpSchemaRegistry::Register(const std::string& subject, const std::string& schema_json) {
  const SchemaRegistration registration{subject, schema_json};
  const RegistryResult<int32_t> result = RegisterAll(std::span(&registration, 1)).front();
  if (const auto* failure = std::get_if<Error>(&result)) throw *failure;
  return std::get<int32_t>(result);
}

std::vector<RegistryResult<int32_t>> HttpSchemaRegistry::RegisterAll(
    std::span<const SchemaRegistration> registrations) {
  std::vector<HttpRequest> requests;
  for (const SchemaRegistration& registration : registrations) {
    requests.push_back(RequestFor(registration));
  }
  const std::vector<HttpAnswer> answers = http_->Ask(requests);
  std::vector<RegistryResult<int32_t>> results;
  for (size_t i = 0; i < answers.size(); ++i) {
    const std::string where = Where(registrations[i].subject);
    try {
      if (answers[i].failure) throw TransientError(where + ": " + *answers[i].failure);
      results.emplace_back(ParseRegisterAnswer(answers[i].status, answers[i].body, where));
    } catch (const Error& error) {
      results.emplace_back(error);
    }
  }
  return results;
}

}  // namespace bw
