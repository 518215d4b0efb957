#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace bw {

// A column's type as psql's \d shows it: "integer", "character varying(20)", "numeric(10,2)",
// "timestamp(3) with time zone", "text[]". It is part of the Avro schema, so it depends only on its
// arguments: the stream (Relation and Type messages) and the snapshot (catalog) must give the same
// text.
//
// `typmod` is pg_attribute.atttypmod, -1 for none. `user_type_name` is pg_type.typname for types
// that are not built in; both callers must pass the same form. It is ignored for OIDs below 10000,
// for which pgoutput sends no Type message. A user-defined type with the name of a built-in one is
// put in double quotes, so that "json" always means PostgreSQL's own. A type that is unknown and
// has no name is "oid 4711". Pure; never throws: a meaningless typmod is printed as the server
// would print it.
std::string PostgresTypeName(uint32_t oid, int32_t typmod, std::string_view user_type_name = {});

// Whether pg_type says what the type is. OIDs below 10000 (FirstGenbkiObjectId) are the same in
// every installation, and pgoutput sends no Type message for them.
bool IsUserTypeOid(uint32_t oid);

// The type of the elements of a built-in array; 0 for everything else. int2vector and oidvector,
// which are printed without braces, are no arrays here.
uint32_t BuiltinElementType(uint32_t oid);

// What stands between two elements of this type in an array's text (pg_type.typdelim).
char BuiltinDelimiter(uint32_t element_oid);

// numeric(precision,scale) as it was declared; the scale may be negative, or above the precision.
struct NumericDigits {
  int32_t precision = 0;
  int32_t scale = 0;
};
// Nothing for a numeric without a modifier, which holds any number of digits.
std::optional<NumericDigits> NumericDigitsOf(int32_t typmod);

}  // namespace bw
