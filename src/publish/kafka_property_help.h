#pragma once

#include <string>

namespace bw {

// librdkafka's own list of properties, for --config-help.
std::string KafkaPropertyHelp();

}  // namespace bw
