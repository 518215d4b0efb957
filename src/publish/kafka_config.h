#pragma once

#include <string>
#include <string_view>

namespace bw {

// Throws a usage Error, with the reason alone, for a property of --kafka-config that librdkafka
// does not know or whose value it refuses, and for properties that users must not set: those that
// exactly-once depends on (transactional.id, enable.idempotence, isolation.level, ...), those that
// another option sets, and those that could leak secrets or load code.
void CheckKafkaProperty(const std::string& property, const std::string& value);

// Whether a property of librdkafka holds a secret: its value is never shown.
bool IsSecretKafkaKey(std::string_view property);

// Checks "host:port,host:port", each with an optional "PROTOCOL://" and an optional port. Throws a
// usage Error naming --broker.
void CheckBrokers(std::string_view brokers);

// librdkafka's own list of properties, for --config-help.
std::string KafkaPropertyHelp();

}  // namespace bw
