#include "publish/schema_id_cache.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/crc32c.h"
#include "base/halt.h"
#include "base/kill_point.h"
#include "base/log.h"

namespace bw {
namespace {

// Ids per comparison, which then takes a fraction of a second with a nearby registry.
constexpr size_t kComparedMax = 400;
constexpr size_t kNamedMax = 3;

std::string Describe(const std::vector<std::pair<RegisteredSchema, std::string>>& lost) {
  std::string text;
  for (size_t i = 0; i < std::min(lost.size(), kNamedMax); ++i) {
    const auto& [schema, reason] = lost[i];
    text += fmt::format("{}id {} of subject {} {}", i == 0 ? "" : "; ", schema.id,
                        schema.registration.subject, reason);
  }
  if (lost.size() > kNamedMax) text += fmt::format("; and {} more", lost.size() - kNamedMax);
  return text;
}

}  // namespace

// A subject has few schemas, so length and checksum are enough to distinguish them.
std::string SchemaIdCache::NameOf(const SchemaRegistration& registration) {
  return fmt::format("{}:{}:{:08x}", registration.subject, registration.schema_json.size(),
                     Crc32c(registration.schema_json));
}

SchemaRegistration SchemaIdCache::KeyOf(const Table& table) const {
  return KeyRegistration(subject_naming_, table.topic, *table.schema);
}

SchemaRegistration SchemaIdCache::ValueOf(const Table& table) const {
  return ValueRegistration(subject_naming_, table.topic, *table.schema);
}

void SchemaIdCache::Remember(std::map<std::string, int32_t> published) {
  for (auto& [name, id] : published) published_.emplace(name, id);
}

std::optional<std::map<std::string, int32_t>> SchemaIdCache::TakeChanges() {
  if (!std::exchange(published_changed_, false)) return std::nullopt;
  return published_;
}

void SchemaIdCache::Learn(const SchemaRegistration& registration, int32_t id) {
  const std::string name = NameOf(registration);
  known_.insert_or_assign(name, Known{registration, id, round_});
  int32_t& published = published_[name];
  published_changed_ = published_changed_ || published != id;
  published = id;
}

std::vector<RegistryResult<RegistryIds>> SchemaIdCache::GetAll(std::span<const Table> tables) {
  std::vector<SchemaRegistration> unknown;
  for (const Table& table : tables) {
    if (table.schema->key_json) AddUnknown(KeyOf(table), &unknown);
    AddUnknown(ValueOf(table), &unknown);
  }
  Failures failures;
  CompareRemembered(&unknown, &failures);
  failures.merge(AskFor(std::move(unknown)));
  std::vector<RegistryResult<RegistryIds>> answers;
  for (const Table& table : tables) {
    RegistryIds ids;
    const Error* failure = nullptr;
    const auto take = [&](const SchemaRegistration& registration, int32_t* id) {
      const std::string name = NameOf(registration);
      if (const auto known = known_.find(name); known != known_.end()) {
        *id = known->second.id;
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
  if (!known_.contains(NameOf(registration))) unknown->push_back(std::move(registration));
}

// Removes from `unknown` the schemas whose ids from an earlier process are unchanged or restored,
// and those that the registry did not answer about. What remains is new, or lost with new ids
// accepted.
void SchemaIdCache::CompareRemembered(std::vector<SchemaRegistration>* unknown,
                                      Failures* failures) {
  std::vector<RegisteredSchema> remembered;
  std::set<std::string> names;
  for (const SchemaRegistration& registration : *unknown) {
    const auto published = published_.find(NameOf(registration));
    if (published == published_.end() || !names.insert(published->first).second) continue;
    remembered.push_back({registration, published->second});
  }
  if (remembered.empty()) return;
  const auto results = registry_->CheckAll(remembered);
  std::vector<std::pair<RegisteredSchema, IdState>> lost;
  for (size_t i = 0; i < remembered.size(); ++i) {
    const RegisteredSchema& schema = remembered[i];
    if (const auto* error = std::get_if<Error>(&results[i])) {
      failures->emplace(NameOf(schema.registration), *error);
    } else if (std::get<IdState>(results[i]) == IdState::kSame) {
      Learn(schema.registration, schema.id);
    } else {
      lost.emplace_back(schema, std::get<IdState>(results[i]));
    }
  }
  GiveUp(RestoreAll(lost));
  for (const auto& [schema, state] : lost) {
    const bool is_restored = published_.contains(NameOf(schema.registration));
    if (is_restored) Learn(schema.registration, schema.id);
  }
  std::erase_if(*unknown, [&](const SchemaRegistration& registration) {
    const std::string name = NameOf(registration);
    return known_.contains(name) || failures->contains(name);
  });
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
      if (known_.contains(name) || failures.contains(name)) continue;
      auto& round = subjects.insert(registration.subject).second ? now : later;
      round.push_back(std::move(registration));
    }
    const auto results = registry_->RegisterAll(now);
    for (size_t i = 0; i < now.size(); ++i) {
      if (const auto* id = std::get_if<int32_t>(&results[i])) {
        BW_KILL_POINT("publish.schema_registered");
        Learn(now[i], *id);
      } else {
        failures.emplace(NameOf(now[i]), std::get<Error>(results[i]));
      }
    }
    unknown = std::move(later);
  }
  return failures;
}

bool SchemaIdCache::Compare(bool* changed) {
  *changed = false;
  std::vector<Known*> order;
  for (auto& [name, known] : known_) order.push_back(&known);
  std::ranges::sort(order, [](const Known* a, const Known* b) {
    return a->compared != b->compared ? a->compared < b->compared : a->id > b->id;
  });
  order.resize(std::min(order.size(), kComparedMax));
  if (order.empty()) return true;
  std::vector<RegisteredSchema> schemas;
  for (const Known* known : order) schemas.push_back({known->registration, known->id});
  const auto results = registry_->CheckAll(schemas);
  ++round_;
  bool all_answered = true;
  std::vector<std::pair<RegisteredSchema, IdState>> lost;
  for (size_t i = 0; i < order.size(); ++i) {
    if (std::holds_alternative<Error>(results[i])) {
      all_answered = false;
      continue;
    }
    order[i]->compared = round_;
    if (std::get<IdState>(results[i]) != IdState::kSame) {
      lost.emplace_back(schemas[i], std::get<IdState>(results[i]));
    }
  }
  const auto given_up = RestoreAll(lost);
  GiveUp(given_up);
  *changed = !given_up.empty();
  return all_answered;
}

std::vector<std::pair<RegisteredSchema, std::string>> SchemaIdCache::RestoreAll(
    const std::vector<std::pair<RegisteredSchema, IdState>>& lost) {
  std::map<std::string, std::vector<RegisteredSchema>> restorable;  // By subject.
  std::vector<std::pair<RegisteredSchema, std::string>> given_up;
  for (const auto& [schema, state] : lost) {
    if (state == IdState::kUnknown) {
      restorable[schema.registration.subject].push_back(schema);
    } else {
      given_up.emplace_back(schema, "is another schema now");
    }
  }
  for (auto& [subject, schemas] : restorable) {
    std::ranges::sort(schemas, {}, &RegisteredSchema::id);
    const auto refusal = registry_->Restore(schemas);
    if (!refusal) {
      spdlog::warn("The schema registry had lost subject {}: registered again with the same ids",
                   subject);
      continue;
    }
    // Another relay may have been quicker: with names of records, two may share a subject.
    const auto states = registry_->CheckAll(schemas);
    for (size_t i = 0; i < schemas.size(); ++i) {
      const auto* state = std::get_if<IdState>(&states[i]);
      if (state != nullptr && *state == IdState::kSame) continue;
      given_up.emplace_back(
          schemas[i],
          "is unknown now, and cannot be registered again under this id (" + *refusal + ")");
    }
  }
  return given_up;
}

void SchemaIdCache::GiveUp(const std::vector<std::pair<RegisteredSchema, std::string>>& lost) {
  if (lost.empty()) return;
  const std::string finding =
      "The schema registry was wiped, restored or replaced: " + Describe(lost) + ".";
  if (!accept_new_ids_) {
    throw Halt{ExitCode::kHaltRegistry,
               "schema-ids-lost",
               finding,
               "Rows were published under these ids, and consumers need them; to Kafka, a key with "
               "a new id is another key.",
               {{"restore the registry, or point to the right one", "--schema-registry=URL"},
                {"go on with new ids. Start with the same options and once with",
                 "--accept-new-schema-ids"},
                {"publish every row again with new ids, and tombstones for the old keys. Start "
                 "once, with the same options, as",
                 "bottledwater resnapshot"}}}
        .ToError();
  }
  spdlog::warn("Going on by --accept-new-schema-ids. {}", finding);
  if (!remedy_.empty()) remedy_ += "; ";
  remedy_ += "accept-new-schema-ids: " + finding;
  for (const auto& [schema, reason] : lost) {
    const std::string name = NameOf(schema.registration);
    known_.erase(name);
    published_.erase(name);
  }
  published_changed_ = true;
}

}  // namespace bw
