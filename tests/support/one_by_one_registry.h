#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "registry/schema_registry.h"

namespace bw {

// A registry for tests that is asked for one schema after the other, and never loses any.
class OneByOneRegistry : public SchemaRegistry {
 public:
  // Throws the Error.
  virtual int32_t Register(const std::string& subject, const std::string& schema_json) = 0;

  std::vector<RegistryResult<int32_t>> RegisterAll(
      std::span<const SchemaRegistration> registrations) override {
    std::vector<RegistryResult<int32_t>> results;
    for (const auto& [subject, schema_json] : registrations) {
      const auto* failure = results.empty() ? nullptr : std::get_if<Error>(&results.back());
      if (failure != nullptr && failure->kind() == ErrorKind::kTransient) {
        results.push_back(*failure);
        continue;
      }
      try {
        results.emplace_back(Register(subject, schema_json));
      } catch (const Error& error) {
        results.emplace_back(error);
      }
    }
    return results;
  }
  std::vector<RegistryResult<IdState>> CheckAll(
      std::span<const RegisteredSchema> schemas) override {
    return std::vector<RegistryResult<IdState>>(schemas.size(), IdState::kSame);
  }
  std::optional<std::string> Restore(std::span<const RegisteredSchema> /*schemas*/) override {
    return "this registry cannot";
  }
};

}  // namespace bw
