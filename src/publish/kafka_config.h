#pragma once

#include <string>
#include <string_view>

namespace bw {

// Throws a usage Error, with the reason alone, for a property of --kafka-config that librdkafka
// does not know or whose value it refuses, and for those that are not the user's to set: those that
// exactly-once rests on (transactional.id, enable.idempotence, isolation.level, ...), those that
// another option sets, and those that could leak secrets or load code.
void CheckKafkaProperty(const std::string& property, const std::string& value);

// "host:port,host:port", each with an optional "PROTOCOL://" before and an optional port after it.
// Throws a usage Error naming --broker.
void CheckBrokers(std::string_view brokers);

}  // namespace bw
