#pragma once

#include <string>
#include <string_view>

#include "avro/compiled_schema.h"

namespace bw {

enum class JsonStyle {
  // Avro's JSON encoding, as in the original Bottled Water:
  // {"id": {"int": 1}, "value": {"string": "hi"}}.
  // Field names are the Avro names, dates and times are numbers, each byte of bytes and decimals is
  // \u00XX, an array is {"array": [{"int": 1}, null]}. Texts beside columns are fields like others.
  kAvroJson,
  // For people and for tools without Avro: {"id":1,"value":"hi"}. Field names are the columns' own,
  // dates and times are ISO 8601 text ("infinity" and "-infinity" included), numeric is a string
  // with its exact digits, a decimal or not, bytes are "\\x6869", an array is [1,null]. json and
  // jsonb values are embedded unchanged but on one line; kUnavailableValue, which is not JSON, is a
  // string there. A text beside a column is shown as the column's value: PostgreSQL's
  // json_populate_record() reads an array from a JSON array and from its text.
  kPlain,
};

// Appends the body, which was encoded with `schema`, as one line of JSON. In both styles floats
// that JSON cannot write as numbers are "NaN", "Infinity" and "-Infinity".
//
// Throws a halt Error when the body does not fit the schema, and a row Error naming the column when
// a string is not UTF-8; `*out` is then unchanged. Pure and thread-safe.
void AppendJson(const CompiledSchema& schema, JsonStyle style, std::string_view body,
                std::string* out);

}  // namespace bw
