#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "avro/value_kind.h"

namespace bw {

// A schema from BuildValueSchema() or BuildKeySchema(), ready for reading bodies. Immutable.
class CompiledSchema {
 public:
  struct Field {
    ValueKind kind;
    std::string name;             // The Avro name.
    std::string postgresql_name;  // The column's own name.
  };

  // Throws a halt Error when the text is not such a schema: it comes from the spool, so it is
  // damaged or was made by another version.
  static CompiledSchema Parse(std::string_view json);

  const std::vector<Field>& fields() const { return fields_; }

 private:
  std::vector<Field> fields_;
};

}  // namespace bw
