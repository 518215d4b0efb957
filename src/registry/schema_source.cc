#include "registry/schema_source.h"

#include "base/error.h"
#include "registry/http_client.h"

namespace bw {

SchemaSource::SchemaSource(const HttpSchemaRegistryOptions& options, const Stop& stop)
    : http_(std::make_unique<HttpClient>(options, stop)) {}

SchemaSource::~SchemaSource() = default;

const std::string& SchemaSource::url() const { return http_->base_url(); }

std::optional<StoredSchema> SchemaSource::SchemaOf(int32_t id) {
  const HttpRequest request{
      .method = "GET", .path = "/schemas/ids/" + std::to_string(id), .body = ""};
  const HttpAnswer answer = http_->Ask(std::span(&request, 1)).front();
  const std::string where =
      "Schema registry " + http_->base_url() + ", schema id " + std::to_string(id);
  if (answer.failure) throw TransientError(where + ": " + *answer.failure);
  RequireOurRegistry(answer.status, answer.body, http_->base_url());
  return ParseStoredSchema(answer.status, answer.body, where);
}

}  // namespace bw
