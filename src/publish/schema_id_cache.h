#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

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

  struct Table {
    std::string topic;
    const TableSchema* schema = nullptr;
  };
  // The ids of each table, or why it has none; what is not known is asked for side by side.
  // Subjects are "<topic>-key" and "<topic>-value". Errors are as SchemaRegistry::Register throws
  // them; the next call asks only for what is still missing.
  std::vector<RegistryResult<RegistryIds>> GetAll(std::span<const Table> tables);

 private:
  using Failures = std::unordered_map<std::string, Error>;  // By name, as ids_.

  static std::string NameOf(const SchemaRegistration& registration);
  void AddUnknown(SchemaRegistration registration, std::vector<SchemaRegistration>* unknown) const;
  Failures AskFor(std::vector<SchemaRegistration> unknown);

  SchemaRegistry* registry_;
  std::unordered_map<std::string, int32_t> ids_;  // By subject, NUL, schema.
};

}  // namespace bw
