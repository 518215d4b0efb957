#pragma once

#include <string_view>

namespace bw {

// Whether arrays and objects of a JSON text lie deeper in each other than `depth_max`. Asked before
// a text from outside is parsed: what then handles the document calls itself level by level.
// Brackets inside of texts do not count. Exact up to the first place at which a parser gives up.
bool IsNestedDeeperThan(std::string_view json, int depth_max);

}  // namespace bw
