#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace bw {

// A column as its table had it when the row was written.
struct Column {
  std::string name;
  uint32_t type_oid = 0;
  int32_t typmod = -1;
  // PostgresTypeName() of the type: the stream and the snapshot must fill it by that one function,
  // or the same table would get two schemas.
  std::string type_name;
  // Part of the Kafka key: the primary key or the replica-identity index.
  bool key = false;
};

// A table as pgoutput's Relation message or the catalog describes it. Columns are in the order in
// which tuples carry them.
struct Table {
  std::string schema;
  std::string name;
  std::vector<Column> columns;
  // Texts are Avro bytes, as the server keeps them: --invalid-text=bytes.
  bool text_as_bytes = false;
};

}  // namespace bw
