#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/stop.h"
#include "registry/http_schema_registry_options.h"
#include "registry/registry_answer.h"

namespace bw {

class HttpClient;

// Schemas by the ids that messages carry, read from a registry with the Confluent API. Changes
// nothing there. Not thread-safe.
class SchemaSource {
 public:
  // Throws a usage Error naming --schema-registry (or the file) when an option cannot work. Does
  // not connect. `stop` must outlive this.
  SchemaSource(const HttpSchemaRegistryOptions& options, const Stop& stop);
  ~SchemaSource();

  // The schema; nothing when the registry does not know the id. Asks the registry each time. Throws
  // a transient Error when there is no usable answer, a usage Error naming the option when the
  // registry does not let us in or does not know the path.
  std::optional<StoredSchema> SchemaOf(int32_t id);

  // Of the registry, without user and password.
  const std::string& url() const;

 private:
  std::unique_ptr<HttpClient> http_;
};

}  // namespace bw
