#pragma once

#include <cstdint>
#include <string_view>

namespace bw {

// A type with the same OID in every PostgreSQL installation.
struct BuiltinType {
  uint32_t oid;
  uint32_t element_oid;   // For arrays of a listed type; 0 for everything else.
  std::string_view name;  // As format_type() prints it without a modifier; empty for those arrays.
};

// Null for OIDs that are not built in, or not known to this program.
const BuiltinType* FindBuiltinType(uint32_t oid);

// Whether a built-in type that is not an array is printed as `name`.
bool IsBuiltinTypeName(std::string_view name);

}  // namespace bw
