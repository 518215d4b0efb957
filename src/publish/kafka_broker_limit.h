#pragma once

#include <optional>

#include "base/error.h"
#include "base/stop.h"
#include "publish/publish_options.h"

namespace bw {

// Why the brokers would refuse our producers' transaction.timeout.ms, asked without making a
// producer: a transient Error, since publish retries for ever. Nothing when they would take it.
// Throws a transient Error when they do not tell, because we lack the right.
std::optional<Error> FindTimeoutRefusal(const PublishOptions& options, const Stop& stop);

}  // namespace bw
