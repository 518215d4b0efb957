#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>

#include "registry/schema_registry.h"
#include "spool/change.h"

namespace bw {

// The registry's ids for a table's schemas. `key` is 0 for tables without a key.
struct RegistryIds {
  int32_t key = 0;
  int32_t value = 0;
};

// Asks the registry once for each schema. A registry keeps its ids for good, so an answer is valid
// as long as the process; after a restart everything is asked again. Not thread-safe.
class SchemaIdCache {
 public:
  explicit SchemaIdCache(SchemaRegistry* registry) : registry_(registry) {}

  // Subjects are "<topic>-key" and "<topic>-value". Throws what SchemaRegistry::Register throws;
  // the next call then goes on where this one stopped.
  RegistryIds Get(const std::string& topic, const TableSchema& schema);

 private:
  int32_t GetOne(const std::string& subject, const std::string& schema_json);

  SchemaRegistry* registry_;
  std::unordered_map<std::string, int32_t> ids_;  // By subject, NUL, schema.
};

}  // namespace bw
