#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "avro/registry_schema.h"
#include "base/log.h"
#include "base/stop.h"
#include "registry/schema_source.h"

namespace bw {

// Keys and values as JSON. What is in Confluent's wire format is decoded with the registry's
// schema, which is asked for once; all else is told by its bytes (bytes_json.h). Not thread-safe.
class MessageDecoder {
 public:
  // With `raw`, no registry is asked, and the wire format is shown as base64. `stop` must outlive
  // this.
  MessageDecoder(const HttpSchemaRegistryOptions& options, bool raw, const Stop& stop);

  // Appends one line of JSON. Waits while the registry is away. Throws a row Error when the
  // registry does not know the schema, or the bytes do not fit it; a usage Error when no registry
  // answers at the address that nobody has given; and Stopped.
  void Append(std::string_view bytes, std::string* out);

 private:
  // What is known of an id.
  struct Known {
    std::optional<RegistrySchema> avro;
    bool is_json = false;  // What follows the id is JSON.
  };

  const Known& SchemaOf(int32_t id);
  std::optional<StoredSchema> Ask(int32_t id);
  Known Understand(int32_t id, const StoredSchema& stored) const;

  const HttpSchemaRegistryOptions options_;
  const bool raw_;
  const Stop& stop_;
  std::optional<SchemaSource> source_;  // Made when it is needed.
  std::optional<AwayLog> away_;
  bool has_answered_ = false;
  std::map<int32_t, Known> known_;
};

}  // namespace bw
