#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "avro/table.h"

namespace bw {

// Which of a table's three schemas a row has: docs/decisions/0018-native-types.md. It follows from
// the row's values alone. What native fields cannot hold goes as text, in fields beside them.
enum class RowForm : uint8_t {
  kNative,           // Each column's field, and nothing else.
  kTextBeside,       // Texts beside columns that are not part of the key.
  kTextBesideInKey,  // Also beside key columns, in key and value. Its key has another schema.
};
inline constexpr size_t kRowForms = 3;
inline constexpr std::array<RowForm, kRowForms> kAllRowForms = {
    RowForm::kNative, RowForm::kTextBeside, RowForm::kTextBesideInKey};

// The type of a column's field. Texts that are Avro bytes (Table::text_as_bytes) have no array of
// them, and are no enum: who reads bytes wants the text exactly as the server stores it, too.
inline ColumnType FieldType(const ColumnType& type, bool text_as_bytes) {
  const bool is_array = type.kind == ValueKind::kArray;
  const bool has_texts =
      type.kind == ValueKind::kEnum ||
      (is_array && (type.element == ValueKind::kString || type.element == ValueKind::kJson ||
                    type.element == ValueKind::kEnum));
  return has_texts && text_as_bytes ? ColumnType{} : type;
}

// Whether rows of this form have a text field beside the field of a column.
inline bool HasTextBeside(const ColumnType& type, bool is_key, RowForm form) {
  if (type.holds_all() || form == RowForm::kNative) return false;
  return !is_key || form == RowForm::kTextBesideInKey;
}

// The first form in which a value of this column may go as text.
inline RowForm TextFormOf(bool is_key) {
  return is_key ? RowForm::kTextBesideInKey : RowForm::kTextBeside;
}

}  // namespace bw
