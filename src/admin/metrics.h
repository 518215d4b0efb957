#pragma once

#include <string>

#include "admin/observation.h"

namespace bw {

// The body of /metrics, in Prometheus's text format; docs/metrics.md lists the metrics. Their names
// and labels are an interface that stays compatible.
std::string MetricsText(const Observation& observation);

}  // namespace bw
