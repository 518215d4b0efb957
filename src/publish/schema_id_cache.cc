#include "publish/schema_id_cache.h"

#include "base/kill_point.h"

namespace bw {

RegistryIds SchemaIdCache::Get(const std::string& topic, const TableSchema& schema) {
  RegistryIds ids;
  if (schema.key_json) ids.key = GetOne(topic + "-key", *schema.key_json);
  ids.value = GetOne(topic + "-value", schema.value_json);
  return ids;
}

int32_t SchemaIdCache::GetOne(const std::string& subject, const std::string& schema_json) {
  std::string name = subject;
  name.push_back('\0');
  name += schema_json;
  if (const auto found = ids_.find(name); found != ids_.end()) return found->second;
  const int32_t id = registry_->Register(subject, schema_json);
  BW_KILL_POINT("publish.schema_registered");
  ids_.emplace(std::move(name), id);
  return id;
}

}  // namespace bw
