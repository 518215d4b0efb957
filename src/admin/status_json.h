#pragma once

#include <string>

#include "admin/observation.h"

namespace bw {

// The body of /status; docs/status.md documents each member. What is unknown is null.
std::string StatusJson(const Observation& observation);

// The body of /readyz: {"ready": false, "reasons": [...], "troubles": [...], ...}.
std::string ReadinessJson(const Observation& observation);

}  // namespace bw
