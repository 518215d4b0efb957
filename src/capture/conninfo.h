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

// The connection string for the log, as keywords ("user=relay password=*** host=db"): values that
// libpq knows as secret become "***", and a string that it cannot parse, or that may hold a part of
// a password elsewhere, is left out as a whole.
std::string RedactedConninfo(const std::string& conninfo);

// Whether the connection string contains a secret. False for one that libpq cannot parse.
bool HasPassword(const std::string& conninfo);

}  // namespace bw
