#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"

namespace bw {

// The parameters of all our connections, built from the one connection string.
struct ConnectParameters {
  std::vector<std::pair<std::string, std::string>> entries;
  Duration connect_timeout;
};

// Throws a usage Error naming --postgres when libpq cannot parse the text.
ConnectParameters BuildConnectParameters(const std::string& conninfo, bool replication,
                                         Duration default_connect_timeout);

}  // namespace bw
