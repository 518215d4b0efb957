#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "registry/schema_registry.h"
#include "spool/change.h"

namespace bw {

// The registry's ids for a table's schemas. `key` is 0 for tables without a key.
struct RegistryIds {
  int32_t key = 0;
  int32_t value = 0;
};

// Asks the registry once for each schema, and compares now and then whether it still knows. Rows
// carry these ids, keys included, so an id must go on to mean its schema: when the registry was
// wiped or restored, the schemas are registered again under the ids that they had, if it can do
// that; else it is a halt, or, with `accept_new_ids`, new ids from here on. Not thread-safe.
class SchemaIdCache {
 public:
  explicit SchemaIdCache(SchemaRegistry* registry) : registry_(registry) {}

  // What an earlier process has published under: compared before its first use.
  void Remember(std::map<std::string, int32_t> published);
  void set_accept_new_ids(bool accept) { accept_new_ids_ = accept; }

  struct Table {
    std::string topic;
    const TableSchema* schema = nullptr;
  };
  // The ids of each table, or why it has none; what is not known is asked for side by side.
  // Subjects are "<topic>-key" and "<topic>-value". Errors are as SchemaRegistry::Register throws
  // them, or a halt; the next call asks only for what is still missing.
  std::vector<RegistryResult<RegistryIds>> GetAll(std::span<const Table> tables);

  // Compares known ids with the registry, at most a few hundred: those first that were not
  // compared for longest, and of them the newest, which a restored registry lacks first. False when
  // the registry did not answer. `changed` says that ids were given up for new ones. Throws the
  // halt.
  bool Compare(bool* changed);

  // All ids that are published under, when there are new ones since the last call.
  std::optional<std::map<std::string, int32_t>> TakeChanges();
  // What accept_new_ids has allowed since the last call; "" for nothing.
  std::string TakeRemedy() { return std::exchange(remedy_, ""); }

 private:
  struct Known {
    SchemaRegistration registration;
    int32_t id = 0;
    uint64_t compared = 0;  // In which round.
  };
  using Failures = std::unordered_map<std::string, Error>;  // By name, as known_.

  static std::string NameOf(const SchemaRegistration& registration);
  void AddUnknown(SchemaRegistration registration, std::vector<SchemaRegistration>* unknown) const;
  Failures AskFor(std::vector<SchemaRegistration> unknown);
  void CompareRemembered(std::vector<SchemaRegistration>* unknown, Failures* failures);
  void Learn(const SchemaRegistration& registration, int32_t id);
  // Those that the registry could not be given back, with the reasons.
  std::vector<std::pair<RegisteredSchema, std::string>> RestoreAll(
      const std::vector<std::pair<RegisteredSchema, IdState>>& lost);
  // Throws the halt, unless new ids are accepted: then these are forgotten.
  void GiveUp(const std::vector<std::pair<RegisteredSchema, std::string>>& lost);

  SchemaRegistry* registry_;
  bool accept_new_ids_ = false;
  std::unordered_map<std::string, Known> known_;    // By NameOf.
  std::map<std::string, int32_t> published_;        // By NameOf; an earlier process' too.
  bool published_changed_ = false;
  uint64_t round_ = 0;
  std::string remedy_;
};

}  // namespace bw
