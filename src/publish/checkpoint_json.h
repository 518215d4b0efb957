#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

// What the records of the checkpoint topic have in common: a JSON object with a "format" and a
// checksum, "crc32c" (checkpoint_format.h). Only included by the .cc files of those formats.

namespace bw::checkpoint_json {

using Json = nlohmann::json;  // Sorts members by name, which makes the checksum canonical.

// The checksum of an object that has no member "crc32c" yet.
std::string Checksum(const Json& json_without_checksum);
// The object with its checksum, as text.
std::string Seal(Json json);

// Reads the members of one object, each exactly once, and refuses any others. Fail throws Halt
// kHaltKafka, naming `where`.
class ObjectReader {
 public:
  ObjectReader(const Json& json, const std::string& where);

  const Json& Member(const char* name);
  std::string Text(const char* name);
  uint64_t Number(const char* name);
  void ExpectNoMore() const;
  [[noreturn]] void Fail(const std::string& problem) const;

 private:
  const Json& json_;
  const std::string& where_;
  size_t read_ = 0;
};

// Reads an object made by Seal. Throws Halt kHaltKafka for anything unreadable, a format above
// `newest_format`, or a wrong checksum.
Json Unseal(std::string_view value, uint64_t newest_format, const std::string& where);

}  // namespace bw::checkpoint_json
