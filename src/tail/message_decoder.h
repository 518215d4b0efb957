#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "avro/registry_schema.h"
#include "base/log.h"
#include "base/stop.h"
#include "registry/schema_source.h"

namespace bw {

// Of which kind of messages a key or value is.
struct MessagePart {
  std::string_view topic;
  bool is_key = false;
  // With the headers of a relay (HasRelayHeaders), whose keys and values are the wire format or
  // JSON.
  bool is_relays = false;
};

// What is not to be decoded (--raw, --raw-keys).
struct RawParts {
  bool keys = false;
  bool values = false;
};

// Keys and values as JSON. What is in Confluent's wire format is decoded with the registry's
// schema, which is asked for once; all else is told by its bytes (bytes_json.h). Not thread-safe.
//
// The wire format is a NUL, an id and a body; JSON and text never begin with a NUL. Other bytes
// may: a number of 8 bytes, big-endian, as Kafka's LongSerializer writes it, or a UUID of 16 bytes.
// So for other producers' keys and values of these two sizes the registry decides: they are Avro
// when it knows the id and the body fits the schema. Else they are shown as base64, from then on
// all of this topic (keys or values), and the log says so once.
class MessageDecoder {
 public:
  // For `raw` parts no registry is asked, and the wire format is shown as base64. `stop` must
  // outlive this.
  MessageDecoder(const HttpSchemaRegistryOptions& options, const RawParts& raw, const Stop& stop);

  // Appends one line of JSON. Waits while the registry is away. Except for bytes that may be no
  // Avro (above), throws a row Error when the registry does not know the schema, or the bytes do
  // not fit it; a usage Error when no registry answers at the address that nobody has given; and
  // Stopped.
  void Append(std::string_view bytes, const MessagePart& part, std::string* out);

 private:
  // What is known of an id.
  struct Known {
    std::optional<RegistrySchema> avro;
    bool is_json = false;  // What follows the id is JSON.
  };

  void AppendDecoded(std::string_view bytes, int32_t id, std::string* out);
  const Known& SchemaOf(int32_t id);
  std::optional<StoredSchema> Ask(int32_t id);
  Known Understand(int32_t id, const StoredSchema& stored) const;

  const HttpSchemaRegistryOptions options_;
  const RawParts raw_;
  const Stop& stop_;
  std::optional<SchemaSource> source_;  // Made when it is needed.
  std::optional<AwayLog> away_;
  bool has_answered_ = false;
  std::map<int32_t, Known> known_;
  // Topics, and whether it is their keys, whose bytes of those sizes are no Avro.
  std::set<std::pair<std::string, bool>, std::less<>> not_avro_;
};

}  // namespace bw
