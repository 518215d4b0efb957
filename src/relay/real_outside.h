#pragma once

#include "relay/outside.h"

namespace bw {

// libpq, librdkafka, libcurl and the machine's clock.
Outside RealOutside(const Options& options);

}  // namespace bw
