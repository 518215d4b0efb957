#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace bw {

// The id out of the registry's answer to a registration. Source: the Confluent Schema Registry API,
// POST /subjects/(subject)/versions, and its error codes.
//
// `where` names the request in messages: the registry's address and the subject. Throws as
// SchemaRegistry::Register does. Pure; the answer comes from outside and may be anything.
int32_t ParseRegisterAnswer(long status, std::string_view body, const std::string& where);

}  // namespace bw
