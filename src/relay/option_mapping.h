#pragma once

#include "capture/capture_options.h"
#include "publish/publish_options.h"
#include "registry/http_schema_registry.h"
#include "relay/options.h"
#include "spool/spool.h"

// Each folder has its own options; these take theirs out of the relay's.

namespace bw {

CaptureOptions CaptureOptionsOf(const Options& options);
PublishOptions PublishOptionsOf(const Options& options);
SpoolOptions SpoolOptionsOf(const Options& options);
HttpSchemaRegistryOptions RegistryOptionsOf(const Options& options);

}  // namespace bw
