#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "publish/schema_subject.h"
#include "registry/schema_registry.h"
#include "spool/change.h"

namespace bw {

// The registry's ids for a table's schemas. `key` is 0 for tables without a key.
struct RegistryIds {
  int32_t key = 0;
  int32_t value = 0;
};

// Asks the registry once for the id of each schema, and compares from time to time whether the ids
// still mean the same. Keys and values carry these ids, so an id must always mean its schema. When
// the registry was wiped or restored, the schemas are registered again under the ids that they had;
// if it cannot do that, the result is a halt or, with `accept_new_ids`, new ids from then on. Not
// thread-safe.
class SchemaIdCache {
 public:
  explicit SchemaIdCache(SchemaRegistry* registry) : registry_(registry) {}

  // Ids that an earlier process has published under; each is compared before its first use.
  void Remember(std::map<std::string, int32_t> published);
  void set_accept_new_ids(bool accept) { accept_new_ids_ = accept; }
  void set_subject_naming(SubjectNaming naming) { subject_naming_ = naming; }

  struct Table {
    std::string topic;
    const TableSchema* schema = nullptr;
  };
  // The ids of each table, or why it has none; unknown ones are asked for concurrently. Errors are
  // as SchemaRegistry::RegisterAll gives them, or a halt; the next call asks for what is still
  // missing.
  std::vector<RegistryResult<RegistryIds>> GetAll(std::span<const Table> tables);

  // Compares known ids with the registry, at most a few hundred: those that were not compared for
  // longest and, among equals, the newest, which are the first that a restored registry lacks.
  // False when the registry did not answer. Sets `changed` when ids were given up for new ones.
  // Throws the halt.
  bool Compare(bool* changed);

  // All ids in use, when there are new ones since the last call.
  std::optional<std::map<std::string, int32_t>> TakeChanges();
  // What accept_new_ids has allowed since the last call; "" for nothing.
  std::string TakeRemedy() { return std::exchange(remedy_, ""); }

 private:
  struct Known {
    SchemaRegistration registration;
    int32_t id = 0;
    uint64_t compared = 0;  // The round of its last comparison.
  };
  using Failures = std::unordered_map<std::string, Error>;  // By name, as known_.

  SchemaRegistration KeyOf(const Table& table) const;
  SchemaRegistration ValueOf(const Table& table) const;
  static std::string NameOf(const SchemaRegistration& registration);
  void AddUnknown(SchemaRegistration registration, std::vector<SchemaRegistration>* unknown) const;
  Failures AskFor(std::vector<SchemaRegistration> unknown);
  void CompareRemembered(std::vector<SchemaRegistration>* unknown, Failures* failures);
  void Learn(const SchemaRegistration& registration, int32_t id);
  // Returns those that could not be restored, with the reasons.
  std::vector<std::pair<RegisteredSchema, std::string>> RestoreAll(
      const std::vector<std::pair<RegisteredSchema, IdState>>& lost);
  // Throws the halt or, if new ids are accepted, forgets these.
  void GiveUp(const std::vector<std::pair<RegisteredSchema, std::string>>& lost);

  SchemaRegistry* registry_;
  bool accept_new_ids_ = false;
  SubjectNaming subject_naming_ = SubjectNaming::kTopic;
  std::unordered_map<std::string, Known> known_;  // By NameOf.
  std::map<std::string, int32_t> published_;      // By NameOf; includes earlier processes' ids.
  bool published_changed_ = false;
  uint64_t round_ = 0;
  std::string remedy_;
};

}  // namespace bw
