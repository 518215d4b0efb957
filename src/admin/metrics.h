#pragma once

#include <string>

#include "admin/observation.h"
#include "admin/process_figures.h"

namespace bw {

// The body of /metrics, in Prometheus's text format; docs/metrics.md lists the metrics. Their names
// and labels are an interface that stays compatible.
std::string MetricsText(const Observation& observation, const ProcessFigures& process = {});

}  // namespace bw
