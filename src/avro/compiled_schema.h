#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "avro/column_type.h"

namespace bw {

// A schema from BuildValueSchema() or BuildKeySchema(), ready for reading bodies. Immutable.
class CompiledSchema {
 public:
  struct Field {
    ColumnType type;              // Only kind, element, precision, scale and symbols.
    std::string name;             // The Avro name.
    std::string postgresql_name;  // The column's own name.
    std::string enum_name;        // The full name, of kEnum as value or as element.
    // A text beside the field before it (avro/row_form.h), whose postgresql_name it has.
    bool is_text_beside = false;
  };

  // Throws a halt Error when the text is not such a schema: it comes from the spool, so it is
  // damaged or was made by another version.
  static CompiledSchema Parse(std::string_view json);

  const std::vector<Field>& fields() const { return fields_; }
  // How many fields are columns: all but the texts beside.
  size_t column_count() const { return column_count_; }

 private:
  std::vector<Field> fields_;
  size_t column_count_ = 0;
};

}  // namespace bw
