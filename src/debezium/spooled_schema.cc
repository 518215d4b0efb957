#include "debezium/spooled_schema.h"

#include <utility>

#include "base/bytes.h"
#include "base/halt.h"

namespace bw {

SpooledSchema SpooledSchema::Parse(std::string_view json) {
  if (!debezium::IsConnectSchema(json)) return SpooledSchema(CompiledSchema::Parse(json));
  Debezium schema{debezium::ParseAvroJson(json), ""};
  schema.json = debezium::ToConnectJson(schema.schema);
  return SpooledSchema(std::move(schema));
}

void SpooledSchema::AppendJson(JsonStyle style, std::string_view body, std::string* out) const {
  if (const auto* own = std::get_if<CompiledSchema>(&schema_)) {
    return bw::AppendJson(*own, style, body, out);
  }
  const Debezium& schema = std::get<Debezium>(schema_);
  if (style == JsonStyle::kPlain) return debezium::AppendPayload(schema.schema, body, out);
  const size_t start = out->size();
  *out += R"({"schema":)";
  *out += schema.json;
  *out += R"(,"payload":)";
  try {
    debezium::AppendPayload(schema.schema, body, out);
  } catch (const Error&) {
    out->resize(start);
    throw;
  }
  *out += '}';
}

namespace debezium {

void AppendPair(std::string_view deleted, std::string_view created, std::string* out) {
  AppendU32(out, static_cast<uint32_t>(deleted.size()));
  *out += deleted;
  *out += created;
}

Pair SplitPair(std::string_view value) {
  ByteReader reader(value, "pair of envelopes");
  const std::string_view deleted = reader.ReadBytes(reader.ReadU32());
  return {deleted, value.substr(sizeof(uint32_t) + deleted.size())};
}

}  // namespace debezium
}  // namespace bw
