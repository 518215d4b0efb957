#include "base/shown_json.h"

#include <gtest/gtest.h>

namespace bw {
namespace {

TEST(ShownJson, KeepsTheValue) {
  EXPECT_EQ(ShownJson("{\t\"a\":\n \"\x7F\xC2\x9B\xE2\x80\xAE \xC3\xBC \xF3\xA0\x80\x81\"}"),
            "{\t\"a\":\n \"\\u007f\\u009b\\u202e \xC3\xBC \\udb40\\udc01\"}");
  EXPECT_EQ(ShownJson(""), "");
}

}  // namespace
}  // namespace bw
