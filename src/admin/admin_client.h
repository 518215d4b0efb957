#pragma once

#include <map>
#include <optional>
#include <string>

namespace bw {

// What the relay on a spool has answered.
struct AdminAnswer {
  int status = 0;
  std::string body;
};

// Asks the relay that runs on this spool, by the socket in its directory; at most 10 s. Nothing
// when none runs there (there is no socket, or nobody listens). Throws a transient Error when there
// is one and it cannot be asked: no right to use the socket, or no answer in time; a usage Error
// when the parameters are longer than the relay accepts.
std::optional<AdminAnswer> AskRelay(const std::string& spool_directory, const std::string& method,
                                    const std::string& path,
                                    const std::multimap<std::string, std::string>& parameters = {});

}  // namespace bw
