#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "avro/row_form.h"
#include "avro/table.h"
#include "avro/text_value.h"
#include "base/lsn.h"
#include "base/text_encoding.h"
#include "debezium/column_form.h"

namespace bw::debezium {

// What is the same for all tables of a relay.
struct EnvelopeSettings {
  std::string prefix;  // --topic-prefix: Debezium's topic.prefix, and its logical name.
  std::string database;
  TextEncoding encoding;  // Of the texts as they are given.
  InvalidText invalid_text = InvalidText::kError;
};

// What an envelope says of its change besides the row.
struct Event {
  char operation = 'c';
  bool is_snapshot = false;
  Lsn lsn;                // Where the change is in the WAL.
  Lsn previous_end;       // The end LSN of the transaction before its own; 0 in a snapshot.
  uint32_t xid = 0;       // 0 in a snapshot.
  int64_t source_us = 0;  // When it was committed, since 1970-01-01 UTC.
  int64_t now_us = 0;     // When it was captured.
};

// A row in an envelope. Empty spans for none.
struct Row {
  std::span<const TextValue> values;
  // Of unchanged TOASTed values in `values`.
  std::span<const TextValue> old_values = {};
  // False for an old key: all but the columns of the replica identity are null because they were
  // not sent. One that must not be null then has its default, or zero, as Debezium does it.
  bool is_whole = true;
};

// Encodes a table's changes as Debezium's envelopes, under the schemas that it makes of the table.
// Built once per table version; immutable, so any number of threads may use it.
//
// Which of two schemas a value has follows from the rows and the catalog: kNative, in which NOT
// NULL columns are required, or, where such a column is null because the catalog is newer than the
// row, kTextBeside, in which only those of the key are. Keys have one schema.
//
// Encoding throws a row Error that names table, column and type, never the value, for a value that
// Debezium's type cannot hold, and a halt Error when the number of values is not the number of
// columns. `*out` is then unchanged.
class EnvelopeEncoder {
 public:
  struct Result {
    bool has_unavailable_value = false;
    RowForm form = RowForm::kNative;
  };

  EnvelopeEncoder(const Table& table, EnvelopeSettings settings);

  // Avro schemas, as ToAvroJson() makes them.
  std::optional<std::string> KeySchema() const;
  std::string ValueSchema(RowForm form) const;

  // Appends the key columns in the order of their index.
  void EncodeKey(const Row& row, std::string* out) const;
  // Appends an envelope, in the first form from `from` on that can hold it.
  Result Encode(const Event& event, const Row& before, const Row& after, RowForm from,
                std::string* out) const;

 private:
  struct Field {
    size_t column;  // Its index.
    std::string name;
    std::string type_name;
    ColumnForm form;
    std::optional<std::string> default_body;
    bool is_key = false;
    bool not_null = false;

    bool optional_in(RowForm row_form) const {
      return !is_key && (!not_null || row_form != RowForm::kNative);
    }
  };

  ConnectSchema SchemaOf(const Field& field, RowForm form) const;
  ConnectSchema RowSchema(RowForm form) const;
  // False if the row needs another form.
  bool AppendRow(const Row& row, RowForm form, Result* result, std::string* out) const;
  bool AppendField(const Field& field, const Row& row, RowForm form, Result* result,
                   std::string* out) const;
  void AppendTextValue(const Field& field, std::string_view text, std::string* out) const;
  void AppendSource(const Event& event, std::string* out) const;
  void RequireColumnCount(size_t count) const;
  [[noreturn]] void Refuse(const Field& field, ValueStatus status) const;

  const EnvelopeSettings settings_;
  const std::string schema_;
  const std::string table_;
  const size_t column_count_;
  std::vector<Field> fields_;
  std::vector<size_t> key_;  // Indexes into fields_.
};

}  // namespace bw::debezium
