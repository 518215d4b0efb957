#pragma once

#include <cstdint>
#include <map>
#include <string_view>
#include <vector>

#include "avro/column_type.h"
#include "avro/table.h"
#include "spool/spool_state.h"

namespace bw {

// By their OIDs; with each type those that it consists of, unless they were dropped.
using UserTypes = std::map<uint32_t, UserType>;

// Finds in `types`, which must outlive it.
UserTypeLookup LookupIn(const UserTypes& types);

// Adds this type and those that it consists of, as far as they are in `types`.
void AddUsedTypes(uint32_t oid, const UserTypes& types, UserTypes* used);

// Sets what follows from the column's type OID and modifier, and from whether it is part of the
// key: there, no form may lose anything, since two keys would become one.
void SetColumnType(const TypeForms& forms, const UserTypeLookup& lookup, Column* column);

// The OID of the built-in type with this pg_type.typname ("int4", "_numeric"), of those that have
// an Avro type of their own; 0 for all others.
uint32_t BuiltinTypeOid(std::string_view typname);

TypeNote TypeNoteOf(uint32_t oid, const UserType& type);
UserType UserTypeOf(const TypeNote& note);

}  // namespace bw
