#include "registry/registry_answer.h"

#include <limits>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/json_depth.h"
#include "base/log.h"
#include "base/utf8.h"

namespace bw {
namespace {

constexpr int kJsonDepthMax = 64;
constexpr size_t kReasonBytesMax = 400;

nlohmann::json Parse(std::string_view body) {
  if (IsNestedDeeperThan(body, kJsonDepthMax)) return nlohmann::json::value_t::discarded;
  return nlohmann::json::parse(body, nullptr, /*allow_exceptions=*/false);
}

// The Confluent API's own code of a failure, "error_code"; 0 when the answer has none.
int64_t ErrorCode(const nlohmann::json& answer) {
  if (!answer.is_object()) return 0;
  const auto code = answer.find("error_code");
  return code != answer.end() && code->is_number_integer() ? code->get<int64_t>() : 0;
}

// Whether a status of 409, 413 or 422 is the registry's verdict on this schema. Only then a retry
// cannot succeed; a proxy's page, or a registry that accepts no schemas now, is an outage.
bool RefusesTheSchema(long status, std::string_view body) {
  if (status == 413) return true;  // Also from a proxy: it is the schema that is too large.
  const nlohmann::json answer = Parse(body);
  if (!answer.is_object()) return false;
  const int64_t code = ErrorCode(answer);
  if (status == 409) return code == 0 || code == 409 || code == 40901;
  // 42201 invalid schema, 42208 invalid subject, 42209 too large, 42210 refused by rules.
  // Registries without their own codes repeat the status.
  return code == 0 || code == 422 || code == 42201 || code == 42208 || code == 42209 ||
         code == 42210;
}

int32_t IdOf(std::string_view body, const std::string& where) {
  const nlohmann::json answer = Parse(body);
  if (!answer.is_object()) throw TransientError(where + ": the answer is not a JSON object");
  const auto id = answer.find("id");
  if (id == answer.end() || !id->is_number_integer()) {
    throw TransientError(where + ": the answer has no integer \"id\"");
  }
  // Compared as unsigned where it is: an id beyond int64 must not wrap into the range.
  const bool in_range = id->is_number_unsigned() && id->get<uint64_t>() >= 1 &&
                        id->get<uint64_t>() <= std::numeric_limits<int32_t>::max();
  if (!in_range) throw TransientError(where + ": the answer's id is not in 1 to 2147483647");
  return static_cast<int32_t>(id->get<uint64_t>());
}

// Only by the registry's own error codes: a proxy's 404 says nothing about schemas.
bool SaysNotFound(long status, std::string_view body) {
  const int64_t code = status == 404 ? ErrorCode(Parse(body)) : 0;
  return code >= 40401 && code <= 40407;
}

// Of an answer that is no result: an outage, with what to change where that helps.
Error Unusable(long status, std::string_view body, const std::string& where) {
  std::string what;
  if (status == 401 || status == 403) {
    what = "the registry does not let us in, check user and password: ";
  } else if (status == 404) {
    what =
        "the registry does not know this path, check the address (Apicurio needs "
        "/apis/ccompat/v7 after it): ";
  } else if (status >= 300 && status < 400) {
    what = "redirects are not followed, use the final address: ";
  }
  return TransientError(where + ": " + what + ReasonOf(status, body));
}

}  // namespace

// What the registry says about it: its `message` where there is one, else the body's start.
std::string ReasonOf(long status, std::string_view body) {
  std::string reason;
  if (const nlohmann::json answer = Parse(body); answer.is_object()) {
    const auto message = answer.find("message");
    if (message != answer.end() && message->is_string()) reason = message->get<std::string>();
  } else {
    reason = std::string(body);
  }
  return "HTTP status " + std::to_string(status) +
         (reason.empty() ? "" : ", \"" + Printable(Utf8Prefix(reason, kReasonBytesMax)) + "\"");
}

int32_t ParseRegisterAnswer(long status, std::string_view body, const std::string& where) {
  switch (status) {
    case 200:
    case 201:
      break;
    case 409:
    case 413:
    case 422:
      if (RefusesTheSchema(status, body)) {
        throw RowError(where + ": the registry refuses the schema: " + ReasonOf(status, body));
      }
      if (ErrorCode(Parse(body)) == 42205) {
        throw TransientError(where +
                             ": the registry accepts no schemas now; check its mode, which "
                             "must be READWRITE for this subject: " +
                             ReasonOf(status, body));
      }
      throw Unusable(status, body, where);
    default:
      throw Unusable(status, body, where);
  }
  return IdOf(body, where);
}

std::optional<StoredSchema> ParseStoredSchema(long status, std::string_view body,
                                              const std::string& where) {
  if (SaysNotFound(status, body)) return std::nullopt;
  if (status != 200) throw Unusable(status, body, where);
  const nlohmann::json answer = Parse(body);
  if (!answer.is_object() || !answer.contains("schema") || !answer["schema"].is_string()) {
    throw TransientError(where + ": the answer has no \"schema\"");
  }
  StoredSchema schema{.type = "AVRO", .text = answer["schema"].get<std::string>()};
  const auto type = answer.find("schemaType");
  if (type != answer.end() && type->is_string()) schema.type = type->get<std::string>();
  const auto references = answer.find("references");
  schema.has_references =
      references != answer.end() && references->is_array() && !references->empty();
  return schema;
}

void RequireOurRegistry(long status, std::string_view body, const std::string& url) {
  if (status == 401 || status == 403) {
    throw UsageError("--schema-registry-user: the registry " + url +
                     " does not let us in, check user and password: " + ReasonOf(status, body));
  }
  if ((status == 404 && !SaysNotFound(status, body)) || (status >= 300 && status < 400)) {
    throw UsageError("--schema-registry: " + url +
                     " is not the address of a registry's API (Apicurio needs /apis/ccompat/v7 "
                     "after it; redirects are not followed): " +
                     ReasonOf(status, body));
  }
}

std::optional<IdState> ParseSchemaAnswer(long status, std::string_view body,
                                         const std::string& schema_json, const std::string& where) {
  const auto stored = ParseStoredSchema(status, body, where);
  if (!stored) return IdState::kUnknown;
  const nlohmann::json theirs = Parse(stored->text);
  if (!theirs.is_discarded() && theirs == Parse(schema_json)) return IdState::kSame;
  return std::nullopt;
}

std::optional<int32_t> ParseLookUpAnswer(long status, std::string_view body,
                                         const std::string& where) {
  if (SaysNotFound(status, body)) return std::nullopt;
  if (status != 200) throw Unusable(status, body, where);
  return IdOf(body, where);
}

}  // namespace bw
