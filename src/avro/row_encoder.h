#pragma once

#include <span>
#include <string>
#include <vector>

#include "avro/row_form.h"
#include "avro/table.h"
#include "avro/text_value.h"
#include "avro/value_kind.h"
#include "base/text_encoding.h"

namespace bw {

struct RowEncoderOptions {
  // Of the texts as they are given. In a UTF-8 database only types that can bring raw bytes into
  // text in any database ("char", and types that contain it) have to be checked.
  TextEncoding encoding;
  InvalidText invalid_text = InvalidText::kError;

  // For Table::text_as_bytes.
  bool text_as_bytes() const { return invalid_text == InvalidText::kBytes && encoding.is_raw(); }
};

// Encodes a table's tuples as Avro bodies under BuildValueSchema() and BuildKeySchema() of the
// same table, in the form that the values need. Built once per table version; immutable, so any
// number of threads may use it.
//
// The form of a key is that of its row, but for kTextBeside, whose keys are native. Equal keys have
// equal forms and equal bytes.
//
// All methods throw a row Error that names table, column and type, never the value, when a text is
// not valid for its type or Avro cannot hold the value; and a halt Error when the number of values
// is not the number of columns. `*out` is then unchanged.
class RowEncoder {
 public:
  struct Result {
    // A field holds kUnavailableValue instead of an unchanged TOASTed value.
    bool has_unavailable_value = false;
    RowForm form = RowForm::kNative;
  };

  explicit RowEncoder(const Table& table, RowEncoderOptions options = {});

  bool has_key() const { return !key_columns_.empty(); }
  const RowEncoderOptions& options() const { return options_; }

  // Appends the body of all columns to `*out`. An unchanged TOASTed value is taken from
  // `old_values` (the old tuple; empty when there is none) if that has its text; a null there means
  // "not sent". Otherwise the field gets kUnavailableValue.
  Result EncodeValue(std::span<const TextValue> values, std::span<const TextValue> old_values,
                     std::string* out) const;

  // Appends the body of the key columns, and returns its form: kNative or kTextBesideInKey.
  // `values` has all columns of the tuple, even if only those of the key are set. A null or
  // unavailable value in the key is a row Error.
  RowForm EncodeKey(std::span<const TextValue> values, std::span<const TextValue> old_values,
                    std::string* out) const;
  // The first key column that is null in this tuple; nullptr when none is.
  const std::string* NullInKey(std::span<const TextValue> values) const;

 private:
  enum class TextRule { kAsItIs, kCheck, kConvert };
  struct ColumnEncoder {
    ColumnType type;
    bool holds_all;             // Of the type.
    size_t overhead_bytes_max;  // Beyond the text, of a type that holds all.
    bool is_key;
    TextRule text_rule;
    std::string name;
    std::string type_name;
  };

  Result Encode(std::span<const size_t> which, bool is_key, std::span<const TextValue> values,
                std::span<const TextValue> old_values, std::string* out) const;
  // `values` with the texts of the columns `which` in UTF-8; converted texts are kept in `*store`.
  struct Converted;
  std::span<const TextValue> ToUtf8(std::span<const size_t> which,
                                    std::span<const TextValue> values, Converted* store) const;
  static TextRule TextRuleFor(const ColumnType& type, uint32_t type_oid,
                              const RowEncoderOptions& options);
  // In the first form that can hold the values.
  Result EncodeUtf8(std::span<const size_t> which, bool is_key, std::span<const TextValue> values,
                    std::span<const TextValue> old_values, std::string* out) const;
  // In result->form. False if a value needs another form, which result->form then is.
  bool EncodeInForm(std::span<const size_t> which, bool is_key, std::span<const TextValue> values,
                    std::span<const TextValue> old_values, char** cursor, Result* result) const;
  // A value that is not simply a text.
  static ValueStatus EncodeSpecial(const ColumnEncoder& column, bool is_key, const TextValue& value,
                                   char** cursor, Result* result);
  // What follows the field of a column whose type does not hold all values. False as EncodeInForm.
  bool EncodeTextBeside(const ColumnEncoder& column, std::string_view text, ValueStatus status,
                        char** cursor, Result* result) const;
  size_t BytesMax(std::span<const size_t> which, std::span<const TextValue> values,
                  std::span<const TextValue> old_values, RowForm form) const;
  void RequireColumnCount(size_t count) const;
  [[noreturn]] void Refuse(const ColumnEncoder& column, ValueStatus status) const;

  const RowEncoderOptions options_;
  bool converts_ = false;  // Whether any column has TextRule::kConvert.
  std::string table_name_;
  std::vector<ColumnEncoder> columns_;
  std::vector<size_t> all_columns_;  // 0, 1, 2, ...
  std::vector<size_t> key_columns_;
};

}  // namespace bw
