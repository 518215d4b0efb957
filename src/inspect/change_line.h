#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "inspect/table_forms.h"
#include "spool/change.h"

namespace bw {

// The key, as plain JSON. Nothing when the change has none of this kind. Throws a row Error when it
// holds a text that is not UTF-8.
std::optional<std::string> KeyJson(const TableForm& form,
                                   const std::optional<std::string_view>& key);

// One JSON object in one line, without the line's end (docs/inspect.md). What cannot be JSON is
// null, and the member "error" says why. Throws a halt Error when a body does not fit its schema.
// `of_old_key` is TableForms::OfOldKey().
std::string ChangeLine(const TableForm& form, const TableForm& of_old_key, const Change& change);

}  // namespace bw
