// What is decided without a registry. tests/integration/tail_test.py has the rest.

#include "tail/message_decoder.h"

#include <gtest/gtest.h>

#include <string>

#include "base/stop.h"

namespace bw {
namespace {

using std::string_literals::operator""s;

std::string Decoded(const RawParts& raw, bool is_key, const std::string& bytes) {
  const Stop stop;
  std::string json;
  MessageDecoder({}, raw, stop).Append(bytes, {.topic = "t", .is_key = is_key}, &json);
  return json;
}

TEST(MessageDecoder, LeavesRawPartsAsTheyAre) {
  const std::string wire = "\0\0\0\0\x01\x02"s;
  EXPECT_EQ(Decoded({.keys = true, .values = false}, true, wire), R"({"base64":"AAAAAAEC"})");
  EXPECT_EQ(Decoded({.keys = true, .values = true}, false, wire), R"({"base64":"AAAAAAEC"})");
  EXPECT_EQ(Decoded({.keys = true, .values = false}, true, "text"), R"("text")");
}

TEST(MessageDecoder, AsksNobodyForBytesWithoutAnId) {
  EXPECT_EQ(Decoded({}, true, "\0\0\0\0\0\xFF\xFF\xFF"s), R"({"base64":"AAAAAAD///8="})");
  EXPECT_EQ(Decoded({}, true, "\0\x01"s), R"({"base64":"AAE="})");
  EXPECT_EQ(Decoded({}, false, R"({"a":1})"), R"({"a":1})");
}

}  // namespace
}  // namespace bw
