#pragma once

#include <cstdint>
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

}  // namespace bw
