#include "publish/schema_id_cache.h"

#include <set>
#include <utility>

#include "base/kill_point.h"

namespace bw {
namespace {

SchemaRegistration KeyOf(const SchemaIdCache::Table& table) {
  return {table.topic + "-key", *table.schema->key_json};
}

SchemaRegistration ValueOf(const SchemaIdCache::Table& table) {
  return {table.topic + "-value", table.schema->value_json};
}

}  // namespace

std::string SchemaIdCache::NameOf(const SchemaRegistration& registration) {
  std::string name = registration.subject;
  name.push_back('\0');
  return name + registration.schema_json;
}

std::vector<RegistryResult<RegistryIds>> SchemaIdCache::GetAll(std::span<const Table> tables) {
  std::vector<SchemaRegistration> unknown;
  for (const Table& table : tables) {
    if (table.schema->key_json) AddUnknown(KeyOf(table), &unknown);
    AddUnknown(ValueOf(table), &unknown);
  }
  const Failures failures = AskFor(std::move(unknown));
  std::vector<RegistryResult<RegistryIds>> answers;
  for (const Table& table : tables) {
    RegistryIds ids;
    const Error* failure = nullptr;
    const auto take = [&](const SchemaRegistration& registration, int32_t* id) {
      const std::string name = NameOf(registration);
      if (const auto known = ids_.find(name); known != ids_.end()) {
        *id = known->second;
      } else if (failure == nullptr) {
        failure = &failures.at(name);
      }
    };
    if (table.schema->key_json) take(KeyOf(table), &ids.key);
    take(ValueOf(table), &ids.value);
    if (failure != nullptr) {
      answers.emplace_back(*failure);
    } else {
      answers.emplace_back(ids);
    }
  }
  return answers;
}

void SchemaIdCache::AddUnknown(SchemaRegistration registration,
                               std::vector<SchemaRegistration>* unknown) const {
  if (!ids_.contains(NameOf(registration))) unknown->push_back(std::move(registration));
}

// The versions of one subject are registered in the order in which the rows need them, each after
// the one before; subjects are independent of each other.
SchemaIdCache::Failures SchemaIdCache::AskFor(std::vector<SchemaRegistration> unknown) {
  Failures failures;
  while (!unknown.empty()) {
    std::vector<SchemaRegistration> now, later;
    std::set<std::string> subjects;
    for (SchemaRegistration& registration : unknown) {
      const std::string name = NameOf(registration);
      if (ids_.contains(name) || failures.contains(name)) continue;
      auto& round = subjects.insert(registration.subject).second ? now : later;
      round.push_back(std::move(registration));
    }
    const auto results = registry_->RegisterAll(now);
    for (size_t i = 0; i < now.size(); ++i) {
      if (const auto* id = std::get_if<int32_t>(&results[i])) {
        BW_KILL_POINT("publish.schema_registered");
        ids_.emplace(NameOf(now[i]), *id);
      } else {
        failures.emplace(NameOf(now[i]), std::get<Error>(results[i]));
      }
    }
    unknown = std::move(later);
  }
  return failures;
}

}  // namespace bw
