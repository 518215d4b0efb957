#include "tail/tail_line.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tail/bytes_json.h"
#include "tail/tail_options.h"

namespace bw {
namespace {

using std::string_literals::operator""s;

const MessageHeader kRelaysHeaders[] = {
    {"lsn", "2/44DAB970:17"}, {"op", "c"}, {"ts", "1795400000123"}};

TailLine MakeLine() {
  return {.topic = "shop.orders",
          .partition = 3,
          .offset = 120,
          .timestamp_ms = 1'795'400'000'500,
          .key = R"({"id":1})",
          .value = R"({"id":1,"t":"a\tb\"c"})",
          .headers = kRelaysHeaders};
}

std::string Json(const TailLine& line) {
  std::string out;
  AppendJsonLine(line, &out);
  EXPECT_TRUE(out.ends_with('\n') && nlohmann::json::accept(out)) << out;
  return out;
}

std::string Csv(const TailLine& line, std::string_view columns) {
  std::string out;
  AppendCsvLine(line, ParseColumns("", columns), &out);
  return out;
}

std::string Copy(const TailLine& line, std::string_view columns) {
  std::string out;
  AppendCopyLine(line, ParseColumns("", columns), &out);
  return out;
}

TEST(TailLine, JsonHasItsMembersInOrder) {
  EXPECT_EQ(Json(MakeLine()), R"({"topic":"shop.orders","partition":3,"offset":120,)"
                              R"("timestamp":"2026-11-23T02:13:20.500Z","key":{"id":1},)"
                              R"("value":{"id":1,"t":"a\tb\"c"},)"
                              R"("headers":{"lsn":"2/44DAB970:17","op":"c","ts":"1795400000123"}})"
                              "\n");
  EXPECT_EQ(Json({.topic = "t"}),
            R"({"topic":"t","partition":0,"offset":0,"timestamp":null,"key":null,"value":null,)"
            R"("headers":{}})"
            "\n");
}

TEST(TailLine, HeadersKeepWhatIsRepeatedAndWhatIsNoText) {
  const MessageHeader headers[] = {{"a", "1"}, {"b", "\xFF"}, {"a", "2"}};
  const TailLine line{.topic = "t", .headers = headers};
  EXPECT_EQ(nlohmann::json::parse(Json(line))["headers"].dump(),
            R"({"a":["1","2"],"b":{"base64":"/w=="}})");
}

TEST(TailLine, CsvQuotesWhatNeedsItAndTellsNullFromEmpty) {
  TailLine line = MakeLine();
  EXPECT_EQ(Csv(line, "topic,partition,offset,timestamp,key"),
            "shop.orders,3,120,2026-11-23T02:13:20.500Z,\"{\"\"id\"\":1}\"\r\n");
  line.value.reset();
  line.key = "";
  EXPECT_EQ(Csv(line, "key,value,op"), "\"\",,c\r\n");
  std::string names;
  AppendCsvNames(ColumnsOf({}), &names);
  EXPECT_EQ(names, "topic,partition,offset,timestamp,key,value,headers\r\n");
}

TEST(TailLine, CopyEscapesWhatPostgresReads) {
  TailLine line = MakeLine();
  EXPECT_EQ(Copy(line, "partition,offset,op,lsn,index,commit_time"),
            "3\t120\tc\t2/44DAB970\t17\t2026-11-23T02:13:20.123Z\n");
  EXPECT_EQ(Copy(line, "key,value"), R"({"id":1})"
                                     "\t"
                                     R"({"id":1,"t":"a\\tb\\"c"})"
                                     "\n");
  line.value = "\t\n\r\b\f\v\\.";
  EXPECT_EQ(Copy(line, "value"), R"(\t\n\r\b\f\v\\.)"
                                 "\n");
  line.value.reset();
  EXPECT_EQ(Copy(line, "value"), "\\N\n");
  line.value = "null";
  EXPECT_EQ(Copy(line, "value"), "null\n");
}

TEST(TailLine, HeadersOfOtherProducersGiveNoColumns) {
  const MessageHeader headers[] = {{"lsn", "seven"}, {"op", "\x00"s}, {"ts", "99999999999999999"}};
  EXPECT_EQ(Copy({.topic = "t", .headers = headers}, "op,lsn,index,commit_time"),
            "\\N\t\\N\t\\N\t\\N\n");
}

std::string AsJson(std::string_view bytes) {
  std::string out;
  AppendBytesAsJson(bytes, &out);
  EXPECT_TRUE(out.find('\n') == std::string::npos) << out;
  return out;
}

TEST(BytesJson, TellsJsonTextAndBytesApart) {
  EXPECT_EQ(AsJson(R"({"a": [1, null]})"), R"({"a": [1, null]})");
  EXPECT_EQ(AsJson("{\"a\":\r\n1}\n"), "{\"a\":  1} ");
  EXPECT_EQ(AsJson("hello \"world\"\n"), R"("hello \"world\"\n")");
  EXPECT_EQ(AsJson(""), R"("")");
  EXPECT_EQ(AsJson("{\"a\":1"), R"("{\"a\":1")");
  EXPECT_EQ(AsJson("\xFF\x00\x01"s), R"({"base64":"/wAB"})");
  EXPECT_EQ(AsJson("a\0b"s), R"({"base64":"YQBi"})");  // jsonb has no NUL.
  EXPECT_EQ(AsJson("\xC3\xBC"), "\"\xC3\xBC\"");
}

TEST(BytesJson, EscapesWhatCouldControlATerminal) {
  const std::string json = "{\t\"a\": \"\x7F\xC2\x9B\xE2\x80\xAE \xC3\xBC \xF3\xA0\x80\x81\"}";
  const std::string shown = ForTerminal(json);
  EXPECT_EQ(shown, "{\t\"a\": \"\\u007f\\u009b\\u202e \xC3\xBC \\udb40\\udc01\"}");
  EXPECT_EQ(nlohmann::json::parse(shown), nlohmann::json::parse(json));
}

TEST(BytesJson, TakesNumbersOfAnySize) {
  const std::string digits(400, '7');
  for (const std::string& json :
       {digits, "-" + digits, "[1e999,\"\\\"9e999\"]"s, "{\"a\":0." + digits + "e+400}"}) {
    EXPECT_EQ(AsJson(json), json);
  }
  EXPECT_EQ(AsJson("01e999"), "\"01e999\"");
  EXPECT_EQ(AsJson("1e999x"), "\"1e999x\"");
}

TEST(BytesJson, TakesAnyDepth) {
  const std::string deep = std::string(100'000, '[') + std::string(100'000, ']');
  EXPECT_EQ(AsJson(deep), deep);
}

}  // namespace
}  // namespace bw
