#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "admin/observation.h"
#include "admin/process_figures.h"
#include "admin/refused_requests.h"

namespace bw {

// Of the admin endpoint itself.
struct EndpointFigures {
  RefusedRequests::Counts refused = {};
  // When the certificate of --admin expires, in seconds since 1970. Absent without one.
  std::optional<int64_t> certificate_expiration = std::nullopt;
};

// The body of /metrics, in Prometheus's text format; docs/metrics.md lists the metrics. Their names
// and labels are an interface that stays compatible.
std::string MetricsText(const Observation& observation, const ProcessFigures& process = {},
                        const EndpointFigures& endpoint = {});

}  // namespace bw
