#include "registry/http_schema_registry.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/log.h"
#include "base/utf8.h"
#include "registry/http_client.h"
#include "registry/registry_answer.h"

namespace bw {
namespace {

constexpr Duration kCheckTimeout{2'000};

std::string Text(const nlohmann::json& body) {
  return body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string SubjectPath(const std::string& subject) {
  return "/subjects/" + HttpClient::Escaped(subject);
}

HttpRequest Post(std::string path, const nlohmann::json& body) {
  return {.method = "POST", .path = std::move(path), .body = Text(body)};
}

// The same schema in a form that no log changes. Registries that compare texts, as Apicurio does,
// find it when it was copied from there.
std::string InAscii(const std::string& schema_json) {
  return nlohmann::ordered_json::parse(schema_json).dump(-1, ' ', /*ensure_ascii=*/true);
}

// Of a schema in an error.
std::string Shown(const std::string& schema_json) {
  constexpr size_t kShownBytesMax = 3'000;
  const std::string_view shown = Utf8Prefix(schema_json, kShownBytesMax);
  return Printable(shown) + (shown.size() < schema_json.size() ? "..." : "");
}

void RequireAnswer(const HttpAnswer& answer, const std::string& where) {
  if (answer.failure) throw TransientError(where + ": " + *answer.failure);
}

}  // namespace

HttpSchemaRegistry::HttpSchemaRegistry(const HttpSchemaRegistryOptions& options, const Stop& stop)
    : auto_register_(options.auto_register), http_(std::make_unique<HttpClient>(options, stop)) {}

HttpSchemaRegistry::~HttpSchemaRegistry() = default;

std::string HttpSchemaRegistry::Where(const std::string& subject) const {
  return "Schema registry " + http_->base_url() + ", subject " + Printable(subject);
}

std::vector<RegistryResult<int32_t>> HttpSchemaRegistry::RegisterAll(
    std::span<const SchemaRegistration> registrations) {
  std::vector<HttpRequest> requests;
  for (const auto& [subject, schema_json] : registrations) {
    requests.push_back(auto_register_
                           ? Post(SubjectPath(subject) + "/versions", {{"schema", schema_json}})
                           : Post(SubjectPath(subject), {{"schema", InAscii(schema_json)}}));
  }
  const std::vector<HttpAnswer> answers = http_->Ask(requests);
  std::vector<RegistryResult<int32_t>> results;
  for (size_t i = 0; i < answers.size(); ++i) {
    const std::string where = Where(registrations[i].subject);
    try {
      RequireAnswer(answers[i], where);
      results.emplace_back(auto_register_
                               ? ParseRegisterAnswer(answers[i].status, answers[i].body, where)
                               : RegisteredId(answers[i], registrations[i]));
    } catch (const Error& error) {
      const bool is_verdict = error.kind() == ErrorKind::kRow;
      results.emplace_back(is_verdict ? WithBothSchemas(error, registrations[i]) : error);
    }
  }
  return results;
}

// For a person who has to find out what in one does not go with the other.
Error HttpSchemaRegistry::WithBothSchemas(const Error& error,
                                          const SchemaRegistration& registration) {
  const HttpRequest request{
      .method = "GET", .path = SubjectPath(registration.subject) + "/versions/latest", .body = ""};
  std::string theirs = "its newest is not known now";
  if (const HttpAnswer answer = http_->Ask(std::span(&request, 1), kCheckTimeout).front();
      !answer.failure) {
    try {
      const auto stored = ParseStoredSchema(answer.status, answer.body, "");
      theirs = stored ? "its newest: " + Shown(stored->text) : "it has none";
    } catch (const Error&) {
      // An outage of this question is no reason to tell less of the other one.
    }
  }
  return RowError(fmt::format("{}. Refused: {}; of the subject, {}", error.what(),
                              Shown(registration.schema_json), theirs));
}

// Whoever registers schemas here has not done it yet, and rows wait for it. To leave them out
// (--on-error) would lose them because somebody was late.
int32_t HttpSchemaRegistry::RegisteredId(const HttpAnswer& answer,
                                         const SchemaRegistration& registration) const {
  const std::string where = Where(registration.subject);
  if (const auto id = ParseLookUpAnswer(answer.status, answer.body, where)) return *id;
  throw TransientError(where +
                       ": this schema is not registered: " + InAscii(registration.schema_json))
      .AsRefusal("--auto-register=false leaves that to others; publishing goes on once it is done");
}

// Asks by id first. Only if the answer is not exactly our schema, asks the subject for the schema's
// id.
std::vector<RegistryResult<IdState>> HttpSchemaRegistry::CheckAll(
    std::span<const RegisteredSchema> schemas) {
  std::vector<HttpRequest> requests;
  for (const RegisteredSchema& schema : schemas) {
    requests.push_back(
        {.method = "GET", .path = "/schemas/ids/" + std::to_string(schema.id), .body = ""});
  }
  const std::vector<HttpAnswer> answers = http_->Ask(requests, kCheckTimeout);
  std::vector<RegistryResult<IdState>> results(schemas.size(), IdState::kSame);
  std::vector<HttpRequest> look_ups;
  std::vector<size_t> open;
  for (size_t i = 0; i < schemas.size(); ++i) {
    const SchemaRegistration& registration = schemas[i].registration;
    const std::string where = Where(registration.subject);
    try {
      RequireAnswer(answers[i], where);
      const auto state =
          ParseSchemaAnswer(answers[i].status, answers[i].body, registration.schema_json, where);
      if (state == IdState::kSame) continue;
      results[i] = state.value_or(IdState::kOther);
      look_ups.push_back(
          Post(SubjectPath(registration.subject), {{"schema", registration.schema_json}}));
      open.push_back(i);
    } catch (const Error& error) {
      results[i] = error;
    }
  }
  const std::vector<HttpAnswer> found = http_->Ask(look_ups, kCheckTimeout);
  for (size_t k = 0; k < open.size(); ++k) {
    const RegisteredSchema& schema = schemas[open[k]];
    const std::string where = Where(schema.registration.subject);
    try {
      RequireAnswer(found[k], where);
      if (ParseLookUpAnswer(found[k].status, found[k].body, where) == schema.id) {
        results[open[k]] = IdState::kSame;
      }
    } catch (const Error& error) {
      results[open[k]] = error;
    }
  }
  return results;
}

std::optional<std::string> HttpSchemaRegistry::Failure(const HttpRequest& request) {
  const HttpAnswer answer = http_->Ask(std::span(&request, 1)).front();
  if (answer.failure) return answer.failure;
  if (answer.status == 200) return std::nullopt;
  return ReasonOf(answer.status, answer.body);
}

// Some registries ignore the id in the request, so the answer is compared.
std::optional<std::string> HttpSchemaRegistry::RegisterUnderId(const RegisteredSchema& schema) {
  const HttpRequest request =
      Post(SubjectPath(schema.registration.subject) + "/versions",
           {{"schema", schema.registration.schema_json}, {"id", schema.id}});
  const HttpAnswer answer = http_->Ask(std::span(&request, 1)).front();
  if (answer.failure) return answer.failure;
  try {
    const int32_t id = ParseRegisterAnswer(answer.status, answer.body, "it");
    if (id == schema.id) return std::nullopt;
    return "it gave id " + std::to_string(id) + " instead";
  } catch (const Error& error) {
    return error.what();
  }
}

std::optional<std::string> HttpSchemaRegistry::Restore(std::span<const RegisteredSchema> schemas) {
  if (!auto_register_) return "--auto-register=false leaves that to others";
  const std::string& subject = schemas.front().registration.subject;
  const std::string mode_path = "/mode/" + HttpClient::Escaped(subject);
  const auto mode = [&](const char* name) {
    return HttpRequest{
        .method = "PUT", .path = mode_path, .body = Text(nlohmann::json{{"mode", name}})};
  };
  // Refused when the registry has no modes, when they may not be changed, and when the subject has
  // schemas: then others have written to it since.
  if (auto refusal = Failure(mode("IMPORT"))) return refusal;
  std::optional<std::string> failure;
  for (const RegisteredSchema& schema : schemas) {
    if (failure) break;
    failure = RegisterUnderId(schema);
  }
  if (Failure({.method = "DELETE", .path = mode_path, .body = ""}) && Failure(mode("READWRITE"))) {
    spdlog::warn("{}: could not set its mode back from IMPORT to READWRITE; do it by hand",
                 Where(subject));
  }
  return failure;
}

}  // namespace bw
