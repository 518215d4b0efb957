// What a schema registry answers to a registration. Input := HTTP status: 2 bytes | body.

#include <nlohmann/json.hpp>

#include "base/utf8.h"
#include "fuzz/fuzz_input.h"
#include "registry/registry_answer.h"

namespace bw {
namespace {

constexpr char kWhere[] = "http://registry.example:8081, subject t-value";
constexpr size_t kMessageBytesMax = 2500;  // A quoted control character takes four bytes.

// A registry that refuses this schema; everything else may pass.
bool IsRefusal(long status) { return status == 409 || status == 413 || status == 422; }

void CheckAnswer(long status, std::string_view body) {
  int32_t id = 0;
  const ErrorKind kind = IsRefusal(status) ? ErrorKind::kRow : ErrorKind::kTransient;
  try {
    id = ParseRegisterAnswer(status, body, kWhere);
  } catch (const Error& error) {
    BW_CHECK(error.kind() == kind);
    fuzz::CheckMessage(error.what(), kWhere, kMessageBytesMax);
    // What was a text before it was cut is one afterwards.
    BW_CHECK(IsValidUtf8(error.what()) || !IsValidUtf8(body));
    return;
  }
  BW_CHECK(status == 200 || status == 201);
  BW_CHECK(id >= 1);
  // Another reader finds the same number there.
  const nlohmann::json answer = nlohmann::json::parse(body);
  BW_CHECK(answer.at("id") == id);
}

}  // namespace
}  // namespace bw

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  bw::fuzz::Input input(data, size);
  const uint16_t status = input.U16();
  const std::string_view body = input.Rest();
  bw::CheckAnswer(status, body);
  bw::CheckAnswer(200, body);
  return 0;
}
