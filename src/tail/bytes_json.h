#pragma once

#include <string>
#include <string_view>

// Any bytes as one line of JSON that PostgreSQL's jsonb takes: none of these write \u0000, except
// where the bytes are JSON that has it already. Appended to `*out`. Pure.

namespace bw {

// Whether the bytes are UTF-8 and have no NUL.
bool IsPlainText(std::string_view bytes);

// JSON as it is, but on one line; other text as a string; all else as {"base64":"..."}.
void AppendBytesAsJson(std::string_view bytes, std::string* out);

// The same without the first case: text is a string, whatever it says.
void AppendTextAsJson(std::string_view bytes, std::string* out);

// {"base64":"..."}
void AppendBase64Object(std::string_view bytes, std::string* out);

// The name of a member: as a string where it is text, else its base64.
void AppendNameAsJson(std::string_view name, std::string* out);

}  // namespace bw
