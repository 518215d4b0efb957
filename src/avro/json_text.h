#pragma once

#include <cstdint>
#include <string>
#include <string_view>

// Pieces of JSON text, appended to `*out`. Pure.

namespace bw {

// A string in quotes, with control characters, '"' and '\' escaped. The caller must have checked
// that it is UTF-8.
void AppendJsonString(std::string_view utf8, std::string* out);

// Bytes in Avro's JSON encoding: each one as a code point U+0000 to U+00FF, written \u00XX.
void AppendJsonBytes(std::string_view bytes, std::string* out);

// Bytes as PostgreSQL's hex text in a JSON string: "\\x6869".
void AppendJsonHex(std::string_view bytes, std::string* out);

// A document that is known to be valid, on one line: its line breaks, which can only be white space
// between tokens, become spaces.
void AppendJsonDocument(std::string_view json, std::string* out);

// The shortest text that reads back as the same number, always with a point or an exponent; or one
// of the strings "NaN", "Infinity" and "-Infinity", which JSON cannot write as numbers.
void AppendJsonFloat(float value, std::string* out);
void AppendJsonFloat(double value, std::string* out);

void AppendJsonInteger(int64_t value, std::string* out);

}  // namespace bw
