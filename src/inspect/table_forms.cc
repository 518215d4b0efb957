#include "inspect/table_forms.h"

#include <utility>

#include "base/name_text.h"

namespace bw {

const TableForm& TableForms::Get(SchemaId id) {
  if (const auto known = forms_.find(id); known != forms_.end()) return known->second;
  const TableSchema& schema = reader_->Schema(id);
  TableForm form{{schema.schema, schema.table},
                 TextOfName(schema.schema) + "." + TextOfName(schema.table),
                 std::nullopt,
                 SpooledSchema::Parse(schema.value_json)};
  if (schema.key_json) form.key = SpooledSchema::Parse(*schema.key_json);
  return forms_.emplace(id, std::move(form)).first->second;
}

}  // namespace bw
