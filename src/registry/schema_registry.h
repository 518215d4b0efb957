#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "base/error.h"

namespace bw {

struct SchemaRegistration {
  std::string subject;
  std::string schema_json;
};

// A schema with the id that rows were published under.
struct RegisteredSchema {
  SchemaRegistration registration;
  int32_t id = 0;
};

// What an id means now.
enum class IdState {
  kSame,     // The schema that it was given for.
  kUnknown,  // The registry does not know it: it was wiped, or restored from an older copy.
  kOther,    // Another schema.
};

// The result, or why there is none.
template <typename T>
using RegistryResult = std::variant<T, Error>;

// Gives Avro schemas the ids that consumers find before every value. An interface because the
// simulation has its own implementation.
class SchemaRegistry {
 public:
  virtual ~SchemaRegistry() = default;

  // The id of each schema under its subject, registering it when it is new there, unless others do
  // (--auto-register=false: until then the error is a transient refusal); asking again for the same
  // pair gives the same id. Ids are 1 to 2^31-1. Concurrent where possible; results are in the
  // order of `registrations`. Once the registry turns out to be away, the rest is not asked.
  //
  // Waits for the answers, but not beyond a timeout or a stop. Errors, each of one schema:
  // - transient when there is no usable answer (unreachable, timeout, 5xx, 429, malformed) and,
  //   with a text that says what to change, when the registry does not let us in, does not know the
  //   path or is read-only: never an error of the row, always tried again;
  // - row when the registry refuses this schema (409 incompatible, 422 invalid, 413 too large).
  virtual std::vector<RegistryResult<int32_t>> RegisterAll(
      std::span<const SchemaRegistration> registrations) = 0;

  // What these ids mean now, in the order of `schemas`. Changes nothing. Errors are transient.
  virtual std::vector<RegistryResult<IdState>> CheckAll(
      std::span<const RegisteredSchema> schemas) = 0;

  // Registers schemas of one subject, all of which the registry has lost, under the ids that they
  // had. Returns why that is not possible, or nothing when it was done.
  virtual std::optional<std::string> Restore(std::span<const RegisteredSchema> schemas) = 0;
};

}  // namespace bw
