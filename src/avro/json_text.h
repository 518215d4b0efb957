#pragma once

#include <cstdint>
#include <string>
#include <string_view>

// Pieces of JSON text, appended to `*out`. Pure.

namespace bw {

// A string in quotes. UTF-8 passes as it is, which the caller must have checked; control
// characters, '"' and '\' are escaped.
void AppendJsonString(std::string_view utf8, std::string* out);

// Bytes as Avro's JSON encoding has them: one code point U+0000 to U+00FF each, all as \u00XX.
void AppendJsonBytes(std::string_view bytes, std::string* out);

// Bytes as PostgreSQL's hex text in a JSON string: "\\x6869".
void AppendJsonHex(std::string_view bytes, std::string* out);

// A document that PostgreSQL has validated, as it is, on one line: its line breaks can only be
// white space between tokens, and become blanks.
void AppendJsonDocument(std::string_view json, std::string* out);

// The shortest text that reads back as the same number, always with a point or an exponent; the
// strings "NaN", "Infinity" and "-Infinity", for which JSON has no numbers.
void AppendJsonFloat(float value, std::string* out);
void AppendJsonFloat(double value, std::string* out);

void AppendJsonInteger(int64_t value, std::string* out);

}  // namespace bw
