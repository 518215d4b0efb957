#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace bw {

// The screen of `bottledwater status`, from the object that /status gives (docs/status.md).
// `colour`: with ANSI colours, for a terminal.
std::string StatusText(const nlohmann::json& status, bool colour);

}  // namespace bw
