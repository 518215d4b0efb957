#pragma once

#include <string>
#include <vector>

#include "avro/postgres_type_name.h"
#include "avro/table.h"
#include "debezium/envelope_encoder.h"

namespace bw::debezium {

inline Column MakeColumn(const std::string& name, uint32_t oid, bool not_null = false,
                         int32_t typmod = -1) {
  Column column;
  column.name = name;
  column.type_oid = oid;
  column.typmod = typmod;
  column.type_name = PostgresTypeName(oid, typmod);
  column.resolved = Resolve(oid, typmod, [](uint32_t) { return std::nullopt; });
  column.facts.not_null = not_null;
  return column;
}

inline Column MakeKeyColumn(const std::string& name, uint32_t oid, int32_t place = 1) {
  Column column = MakeColumn(name, oid, true);
  column.key = true;
  column.facts.key_place = place;
  return column;
}

inline EnvelopeEncoder MakeEncoder(std::vector<Column> columns) {
  return EnvelopeEncoder({"public", "test", std::move(columns)}, {"p", "db", {}, {}});
}

}  // namespace bw::debezium
