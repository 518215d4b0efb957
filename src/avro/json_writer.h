#pragma once

#include <string>
#include <string_view>

#include "avro/compiled_schema.h"

namespace bw {

enum class JsonStyle {
  // Avro's JSON encoding, as the original wrote it: {"id": {"int": 1}, "value": {"string": "hi"}}.
  // Field names are the Avro names, dates and times are numbers, each byte of bytes is \u00XX.
  kAvroJson,
  // For people and for tools without Avro: {"id":1,"value":"hi"}. Field names are the columns' own,
  // dates and times are ISO 8601 text ("infinity" and "-infinity" included), numeric is a string
  // with its exact digits, bytes are "\\x6869". json and jsonb columns are embedded as they are, on
  // one line; kUnavailableValue in one of them, which is not JSON, is a string.
  kPlain,
};

// Appends the body, which was encoded under `schema`, as one line of JSON. In both styles floats
// that JSON has no numbers for are "NaN", "Infinity" and "-Infinity".
//
// Throws a halt Error when the body does not fit the schema, a row Error naming the field when a
// string is not UTF-8; `*out` is then as it was. Pure and thread-safe.
void AppendJson(const CompiledSchema& schema, JsonStyle style, std::string_view body,
                std::string* out);

}  // namespace bw
