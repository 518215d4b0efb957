#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "avro/column_type.h"

namespace bw {

// What the catalog says of a column beyond what the stream does, as of when it was asked.
struct ColumnFacts {
  bool not_null = false;
  std::optional<std::string> default_expression;  // As pg_get_expr() prints it.
  int32_t key_place = 0;  // In the index that is the key: 1, 2, ...; 0 for none.
  friend bool operator==(const ColumnFacts&, const ColumnFacts&) = default;
};

// A column as it was when the row was written.
struct Column {
  std::string name;
  uint32_t type_oid = 0;
  int32_t typmod = -1;
  // Always from PostgresTypeName(), by stream and snapshot alike; otherwise the same table would
  // get two schemas.
  std::string type_name;
  // From ColumnTypeOf() and EnumLabelsOf(), by both alike, too.
  ColumnType type;
  std::vector<std::string> enum_labels;
  // Part of the Kafka key: the primary key or the replica-identity index.
  bool key = false;

  // For envelopes (src/debezium) alone.
  ResolvedType resolved;
  std::vector<std::string> element_labels;  // Of an array of enums.
  ColumnFacts facts;

  std::optional<std::string> comment = {};  // For --schema-docs.
};

// A table as pgoutput's Relation message or the catalog describes it. Columns are in the order of
// the tuples.
struct Table {
  std::string schema;
  std::string name;
  std::vector<Column> columns;
  // --invalid-text=bytes: texts are Avro bytes, exactly as the server stores them.
  bool text_as_bytes = false;
  // --schema-docs: value schemas have the table's comment, and those of its columns.
  bool with_docs = false;
  std::optional<std::string> comment = {};
};

}  // namespace bw
