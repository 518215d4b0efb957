#pragma once

#include <string_view>

namespace bw {

// Whether the arrays and objects of a JSON text are nested more than `depth_max` levels deep. To be
// checked before text from outside is parsed: what handles the document recurses once per level.
// Brackets inside strings do not count. Exact up to the first syntax error.
bool IsNestedDeeperThan(std::string_view json, int depth_max);

}  // namespace bw
