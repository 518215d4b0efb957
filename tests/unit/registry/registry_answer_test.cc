#include "registry/registry_answer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace bw {
namespace {

ErrorKind KindOf(long status, std::string_view body) {
  try {
    ParseRegisterAnswer(status, body, "registry");
  } catch (const Error& error) {
    return error.kind();
  }
  ADD_FAILURE() << "accepted: " << body;
  return ErrorKind::kUsage;
}

std::string TextOf(long status, std::string_view body) {
  try {
    ParseRegisterAnswer(status, body, "registry");
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(RegistryAnswer, GivesTheId) {
  EXPECT_EQ(ParseRegisterAnswer(200, R"({"id":1})", "r"), 1);
  EXPECT_EQ(ParseRegisterAnswer(200, R"({"id":2147483647,"version":3})", "r"), 2147483647);
}

TEST(RegistryAnswer, RefusalIsAboutTheRow) {
  EXPECT_EQ(KindOf(409, R"({"error_code":409,"message":"incompatible"})"), ErrorKind::kRow);
  EXPECT_EQ(KindOf(422, R"({"error_code":42201,"message":"invalid"})"), ErrorKind::kRow);
  EXPECT_NE(TextOf(409, R"({"message":"incompatible"})").find("\"incompatible\""),
            std::string::npos);
}

TEST(RegistryAnswer, OnlyAVerdictOnTheSchemaIsARefusal) {
  for (const int code : {42201, 42208, 42209, 42210, 422}) {
    EXPECT_EQ(KindOf(422, R"({"error_code":)" + std::to_string(code) + "}"), ErrorKind::kRow)
        << code;
  }
  EXPECT_EQ(KindOf(409, R"({"error_code":40901,"message":"incompatible"})"), ErrorKind::kRow);
  EXPECT_EQ(KindOf(413, "<html>"), ErrorKind::kRow);
}

// The mode of a registry, or of one subject, is set to READONLY for backups and migrations.
TEST(RegistryAnswer, ReadOnlyModeIsAnOutage) {
  const char* body = R"({"error_code":42205,"message":"Subject x is in read-only mode"})";
  EXPECT_EQ(KindOf(422, body), ErrorKind::kTransient);
  EXPECT_NE(TextOf(422, body).find("READWRITE"), std::string::npos);
  // As newer Confluent registries do.
  EXPECT_EQ(KindOf(403, body), ErrorKind::kTransient);
}

TEST(RegistryAnswer, AProxysPageIsNoVerdictOnTheSchema) {
  for (const long status : {409L, 422L}) {
    EXPECT_EQ(KindOf(status, "<html><body>conflict</body></html>"), ErrorKind::kTransient)
        << status;
    EXPECT_EQ(KindOf(status, ""), ErrorKind::kTransient) << status;
  }
}

TEST(RegistryAnswer, OutageIsNeverAboutTheRow) {
  for (const long status : {100L, 204L, 301L, 302L, 400L, 401L, 403L, 404L, 408L, 429L, 500L, 502L,
                            503L, 504L, 599L, 0L}) {
    EXPECT_EQ(KindOf(status, ""), ErrorKind::kTransient) << status;
  }
}

TEST(RegistryAnswer, ToldBySchemaWhetherAnIdIsTheSame) {
  const auto parse = [](long status, std::string_view body) {
    return ParseSchemaAnswer(status, body, R"({"type": "int"})", "registry");
  };
  EXPECT_EQ(parse(200, R"({"schema":"{\"type\":\"int\"}"})"), IdState::kSame);
  EXPECT_EQ(parse(200, R"({"schema":"\"int\""})"), std::nullopt);
  EXPECT_EQ(parse(404, R"({"error_code":40403,"message":"Schema not found"})"), IdState::kUnknown);
  for (const auto& [status, body] : std::vector<std::pair<long, std::string>>{
           {404, "<html>"}, {404, "{}"}, {404, R"({"error_code":404})"}, {500, ""}, {200, "{}"}}) {
    EXPECT_THROW(parse(status, body), Error) << status << body;
  }
}

TEST(RegistryAnswer, StoredSchemaHasItsTypeAndWhetherItStandsAlone) {
  const auto avro = ParseStoredSchema(200, R"({"schema":"\"int\""})", "r");
  ASSERT_TRUE(avro);
  EXPECT_EQ(avro->type, "AVRO");
  EXPECT_EQ(avro->text, "\"int\"");
  EXPECT_FALSE(avro->has_references);
  const auto other = ParseStoredSchema(
      200, R"({"schema":"x","schemaType":"PROTOBUF","references":[{"name":"y"}]})", "r");
  ASSERT_TRUE(other);
  EXPECT_EQ(other->type, "PROTOBUF");
  EXPECT_TRUE(other->has_references);
  EXPECT_FALSE(ParseStoredSchema(404, R"({"error_code":40403})", "r"));
  EXPECT_THROW(ParseStoredSchema(404, "<html>", "r"), Error);
  EXPECT_THROW(ParseStoredSchema(200, R"({"schema":1})", "r"), Error);
}

TEST(RegistryAnswer, WrongAddressOrPasswordIsTheUsersToMend) {
  for (const long status : {301L, 401L, 403L, 404L}) {
    EXPECT_THROW(RequireOurRegistry(status, "<html>", "http://r"), Error) << status;
  }
  for (const long status : {200L, 429L, 500L, 503L}) {
    EXPECT_NO_THROW(RequireOurRegistry(status, "", "http://r")) << status;
  }
  EXPECT_NO_THROW(RequireOurRegistry(404, R"({"error_code":40403})", "http://r"));
}

TEST(RegistryAnswer, LookUpGivesTheIdOrNothing) {
  EXPECT_EQ(ParseLookUpAnswer(200, R"({"subject":"s","id":7,"version":1})", "r"), 7);
  EXPECT_EQ(ParseLookUpAnswer(404, R"({"error_code":40401})", "r"), std::nullopt);
  EXPECT_THROW(ParseLookUpAnswer(404, "<html>", "r"), Error);
}

TEST(RegistryAnswer, ALookUpThatIsNoneSaysWhatToChange) {
  for (const auto& [status, hint] :
       {std::pair(401, "user and password"), std::pair(403, "user and password"),
        std::pair(404, "/apis/ccompat/v7"), std::pair(302, "final address")}) {
    try {
      ParseLookUpAnswer(status, "<html>", "r");
      ADD_FAILURE() << status;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kTransient);
      EXPECT_THAT(error.what(), ::testing::HasSubstr(hint));
    }
  }
}

TEST(RegistryAnswer, MalformedAnswerIsTransient) {
  for (const char* body :
       {"", "x", "1", "[]", "{}", R"({"id":null})", R"({"id":"1"})", R"({"id":1.5})", R"({"id":0})",
        R"({"id":-1})", R"({"id":2147483648})", R"({"id":18446744073709551616})",
        R"({"id":4294967297})", R"({"id":18446744073709551615})", "{\"id\":1", "<html>"}) {
    EXPECT_EQ(KindOf(200, body), ErrorKind::kTransient) << body;
  }
}

TEST(RegistryAnswer, RefusesBottomlessNesting) {
  EXPECT_EQ(KindOf(200, std::string(1'000'000, '[')), ErrorKind::kTransient);
  EXPECT_EQ(KindOf(500, std::string(1'000'000, '{')), ErrorKind::kTransient);
}

TEST(RegistryAnswer, ReasonIsNotCutWithinACharacter) {
  const std::string text = TextOf(500, std::string(399, 'x') + "ü");
  EXPECT_NE(text.find("xx\""), std::string::npos);
  EXPECT_EQ(text.find('\xC3'), std::string::npos);
}

TEST(RegistryAnswer, ReasonIsOneBoundedLineWithoutControls) {
  const std::string text = TextOf(500, "a\nb\x1b[31m" + std::string(100'000, 'x'));
  EXPECT_LT(text.size(), 1000u);
  EXPECT_EQ(text.find('\n'), std::string::npos);
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
}

}  // namespace
}  // namespace bw
