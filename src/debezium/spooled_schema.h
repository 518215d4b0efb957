#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "avro/compiled_schema.h"
#include "avro/json_writer.h"
#include "debezium/connect_schema.h"

namespace bw {

// A schema as the spool keeps it, ready for reading bodies: of rows (avro/schema_builder.h), or of
// Debezium's keys and envelopes. Immutable.
class SpooledSchema {
 public:
  // Throws a halt Error when the text is neither: it comes from the spool.
  static SpooledSchema Parse(std::string_view json);

  // Whether it is of Debezium's form.
  bool is_debezium() const { return std::holds_alternative<Debezium>(schema_); }

  // Of a row's form; null for Debezium's.
  const CompiledSchema* of_rows() const { return std::get_if<CompiledSchema>(&schema_); }

  // Appends the body as one line of JSON. Of Debezium's form: its payload, with kAvroJson within
  // {"schema":...,"payload":...}, as JsonConverter writes it. Errors are those of bw::AppendJson.
  void AppendJson(JsonStyle style, std::string_view body, std::string* out) const;

 private:
  struct Debezium {
    debezium::ConnectSchema schema;
    std::string json;  // The schema as JsonConverter writes it.
  };
  explicit SpooledSchema(std::variant<CompiledSchema, Debezium> schema)
      : schema_(std::move(schema)) {}

  std::variant<CompiledSchema, Debezium> schema_;
};

namespace debezium {

// A spooled value of Debezium's form is an envelope or, where an update has changed the key, two:
//   value := envelope | length: fixed32 | delete's envelope | create's envelope
// The second form is that of a Change with an old_key.

// Appends the two to `*out`.
void AppendPair(std::string_view deleted, std::string_view created, std::string* out);

struct Pair {
  std::string_view deleted;
  std::string_view created;
};
// Throws a halt Error when it is not of that form.
Pair SplitPair(std::string_view value);

}  // namespace debezium
}  // namespace bw
