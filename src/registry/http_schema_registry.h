#pragma once

#include <memory>
#include <string>

#include "base/stop.h"
#include "registry/http_schema_registry_options.h"
#include "registry/schema_registry.h"

namespace bw {

class HttpClient;
struct HttpAnswer;
struct HttpRequest;

// A registry that speaks the Confluent API over HTTP: Confluent's, Apicurio (ccompat), Redpanda's,
// Karapace. Keeps its connections between calls. Not thread-safe: it belongs to the publish thread.
//
// Limits are HttpClient's; a request ends within about a second of a stop. No message contains the
// password.
class HttpSchemaRegistry : public SchemaRegistry {
 public:
  // Throws a usage Error naming --schema-registry (or the file) when an option cannot work. Does
  // not connect. `stop` must outlive this.
  HttpSchemaRegistry(const HttpSchemaRegistryOptions& options, const Stop& stop);
  ~HttpSchemaRegistry() override;

  std::vector<RegistryResult<int32_t>> RegisterAll(
      std::span<const SchemaRegistration> registrations) override;
  // Each request takes at most two seconds, because publishing waits for it.
  std::vector<RegistryResult<IdState>> CheckAll(std::span<const RegisteredSchema> schemas) override;
  // Uses Confluent's IMPORT mode, which it sets for the subject meanwhile.
  std::optional<std::string> Restore(std::span<const RegisteredSchema> schemas) override;

 private:
  // Why the request was not answered with status 200; nothing when it was.
  std::optional<std::string> Failure(const HttpRequest& request);
  // Why this was not registered under its id; nothing when it was.
  std::optional<std::string> RegisterUnderId(const RegisteredSchema& schema);
  // Of a schema that others register.
  int32_t RegisteredId(const HttpAnswer& answer, const SchemaRegistration& registration) const;
  // The beginning of messages.
  Error WithBothSchemas(const Error& error, const SchemaRegistration& registration);
  std::string Where(const std::string& subject) const;

  const bool auto_register_;
  const std::unique_ptr<HttpClient> http_;
};

}  // namespace bw
