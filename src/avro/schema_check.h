#pragma once

#include <string_view>

namespace bw {

// Throws a row Error naming `what` when avro-c does not accept the text as an Avro schema. The only
// use of avro-c at run time.
void CheckAvroSchema(std::string_view json, std::string_view what);

}  // namespace bw
