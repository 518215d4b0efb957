#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "registry/schema_registry.h"

namespace bw {

// The id out of the registry's answer to a registration. Source: the Confluent Schema Registry API,
// POST /subjects/(subject)/versions, and its error codes.
//
// `where` names the request in messages: the registry's address and the subject. Throws as
// SchemaRegistry::RegisterAll gives them. Pure; the answer comes from outside and may be anything.
int32_t ParseRegisterAnswer(long status, std::string_view body, const std::string& where);

// What a registry holds under an id.
struct StoredSchema {
  std::string type;  // AVRO, JSON, PROTOBUF; what is not said is AVRO.
  std::string text;
  bool has_references = false;  // It needs schemas of other subjects.
};

// The schema in the answer to GET /schemas/ids/(id); nothing when the id is not known. Throws
// transient.
std::optional<StoredSchema> ParseStoredSchema(long status, std::string_view body,
                                              const std::string& where);

// Throws a usage Error naming the option when the answer shows that user, password or address are
// wrong, for callers that a person waits for; everything else waits for these to be mended.
void RequireOurRegistry(long status, std::string_view body, const std::string& url);

// A failure's status and message, in one line of limited length.
std::string ReasonOf(long status, std::string_view body);

// Whether the answer to GET /schemas/ids/(id) shows that the id still means this schema; nothing
// when it cannot tell, because a registry may reformat schemas. Throws transient.
std::optional<IdState> ParseSchemaAnswer(long status, std::string_view body,
                                         const std::string& schema_json, const std::string& where);

// The schema's id in the answer to POST /subjects/(subject); nothing when it is not registered
// there. Throws transient.
std::optional<int32_t> ParseLookUpAnswer(long status, std::string_view body,
                                         const std::string& where);

}  // namespace bw
