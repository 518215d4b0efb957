#include "registry/registry_answer.h"

#include <algorithm>
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

// What the registry says about a failure: its `message` where there is one, else the body's start.
std::string Reason(long status, std::string_view body) {
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

}  // namespace

int32_t ParseRegisterAnswer(long status, std::string_view body, const std::string& where) {
  switch (status) {
    case 200:
    case 201:
      break;
    case 409:
    case 413:
    case 422:
      throw RowError(where + ": the registry refuses the schema: " + Reason(status, body));
    case 401:
    case 403:
      throw TransientError(where + ": the registry does not let us in, check user and password: " +
                           Reason(status, body));
    case 404:
      throw TransientError(where + ": the registry does not know this path, check the address " +
                           "(Apicurio needs /apis/ccompat/v7 behind it): " + Reason(status, body));
    default:
      if (status >= 300 && status < 400) {
        throw TransientError(
            where + ": redirects are not followed, use the final address: " + Reason(status, body));
      }
      throw TransientError(where + ": " + Reason(status, body));
  }
  const nlohmann::json answer = Parse(body);
  if (!answer.is_object()) throw TransientError(where + ": the answer is not a JSON object");
  const auto id = answer.find("id");
  if (id == answer.end() || !id->is_number_integer()) {
    throw TransientError(where + ": the answer has no integer \"id\"");
  }
  // Compared as unsigned where it is: an id beyond int64 must not wrap into the range.
  const bool in_range =
      id->is_number_unsigned()
          ? id->get<uint64_t>() >= 1 && id->get<uint64_t>() <= std::numeric_limits<int32_t>::max()
          : false;
  if (!in_range) throw TransientError(where + ": the answer's id is not in 1 to 2147483647");
  return static_cast<int32_t>(id->get<uint64_t>());
}

}  // namespace bw
