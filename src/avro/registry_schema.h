#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <variant>

#include "avro/compiled_schema.h"

namespace bw {

// A schema from a registry, ours or anybody's, ready for decoding messages. Not thread-safe: it
// keeps the memory of the value that it decoded last.
class RegistrySchema {
 public:
  // Throws a row Error when the text is not an Avro schema, refers to schemas of other subjects, or
  // is recursive: a small message could then be nested deeper than the stack.
  static RegistrySchema Parse(std::string_view json);

  RegistrySchema(RegistrySchema&&) noexcept;
  RegistrySchema& operator=(RegistrySchema&&) noexcept;
  ~RegistrySchema();

  // Appends the body as one line of JSON. A body of ours is written in JsonStyle::kPlain. Others
  // look alike, but without what only we know of the columns: records, maps, arrays and strings are
  // JSON's, an enum is its symbol, bytes are "\\x6869", a union is its value, and logical types are
  // the numbers that they are stored as.
  //
  // Throws a row Error when the body does not fit the schema, or a string in it is not UTF-8;
  // `*out` is then unchanged.
  void AppendJson(std::string_view body, std::string* out) const;

 private:
  class Foreign;  // Decoded by avro-c.

  explicit RegistrySchema(CompiledSchema ours);
  explicit RegistrySchema(std::unique_ptr<Foreign> foreign);

  std::variant<CompiledSchema, std::unique_ptr<Foreign>> schema_;
};

}  // namespace bw
