#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "options/options.h"

namespace bw {

// What `status` shows when no relay runs on the spool: what PostgreSQL says of the slot, Kafka of
// the newest checkpoint, and the disk of the spool, as docs/status.md describes it. Asks the
// servers that the options name, and changes nothing; who does not answer is in "problems". The
// slot is the spool's own. The spool is only read: a relay may start meanwhile.
nlohmann::json StatusAtRest(const Options& options);

// The same for people; ends with a line break.
std::string StatusAtRestText(const nlohmann::json& status, bool colour);

}  // namespace bw
