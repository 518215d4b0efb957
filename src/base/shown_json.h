#pragma once

#include <string>
#include <string_view>

namespace bw {

// JSON for a terminal: hidden characters (base/shown_text.h) are \u escapes, so its value is the
// same. They can only be in strings; white space between tokens stays.
std::string ShownJson(std::string_view json);

}  // namespace bw
