#include "debezium/envelope_schema.h"

#include <utility>

#include "debezium/value_encoder.h"

namespace bw::debezium {
namespace {

using Type = ConnectSchema::Type;

ConnectSchema Plain(Type type, bool optional = false) {
  ConnectSchema schema;
  schema.type = type;
  schema.optional = optional;
  return schema;
}

ConnectSchema Number(bool optional = false) { return Plain(Type::kInt64, optional); }
ConnectSchema Text(bool optional = false) { return Plain(Type::kString, optional); }
constexpr bool kOptional = true;

ConnectSchema Snapshot() {
  ConnectSchema schema = Text(kOptional);
  schema.name = "io.debezium.data.Enum";
  schema.version = 1;
  schema.parameters.emplace_back(
      "allowed",
      "true,first,first_in_data_collection,last_in_data_collection,last,false,incremental");
  schema.default_body.emplace();
  AppendText(kNoSnapshot, &*schema.default_body);
  return schema;
}

ConnectSchema Source() {
  ConnectSchema schema = Plain(Type::kStruct);
  schema.name = "io.debezium.connector.postgresql.Source";
  schema.version = 1;
  schema.fields = {{"version", Text()},
                   {"connector", Text()},
                   {"name", Text()},
                   {"ts_ms", Number()},
                   {"snapshot", Snapshot()},
                   {"db", Text()},
                   {"sequence", Text(kOptional)},
                   {"ts_us", Number(kOptional)},
                   {"ts_ns", Number(kOptional)},
                   {"schema", Text()},
                   {"table", Text()},
                   {"txId", Number(kOptional)},
                   {"lsn", Number(kOptional)},
                   {"xmin", Number(kOptional)},
                   {"origin", Text(kOptional)},
                   {"origin_lsn", Number(kOptional)}};
  return schema;
}

ConnectSchema Transaction() {
  ConnectSchema schema = Plain(Type::kStruct, kOptional);
  schema.name = "event.block";
  schema.version = 1;
  schema.fields = {{"id", Text()}, {"total_order", Number()}, {"data_collection_order", Number()}};
  return schema;
}

}  // namespace

ConnectSchema EnvelopeSchema(const std::string& topic, ConnectSchema row) {
  ConnectSchema schema = Plain(Type::kStruct);
  schema.name = topic + ".Envelope";
  schema.version = 2;
  row.name = topic + ".Value";
  row.optional = true;
  schema.fields.push_back({"before", row});
  schema.fields.push_back({"after", std::move(row)});
  schema.fields.push_back({"source", Source()});
  schema.fields.push_back({"transaction", Transaction()});
  schema.fields.push_back({"op", Text()});
  for (const char* time : {"ts_ms", "ts_us", "ts_ns"}) {
    schema.fields.push_back({time, Number(kOptional)});
  }
  return schema;
}

}  // namespace bw::debezium
