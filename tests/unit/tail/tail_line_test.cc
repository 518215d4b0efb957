#include "tail/tail_line.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/shown_text.h"
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

TEST(TailLine, CsvIsReadBackByPostgresAlsoWhereAFieldIsItsEndOfData) {
  const MessageHeader headers[] = {{"op", "\\."}};
  EXPECT_EQ(Csv({.topic = "t", .headers = headers}, "op"), "\"\\.\"\r\n");
}

// ESC, DEL, C1's CSI, a line break, and a mark that turns the direction of the text.
TEST(TailLine, OfATerminalControlsItInNoFormat) {
  const MessageHeader headers[] = {{"op", "\x1B[2J\n\xC2\x9B"}, {"\xC2\x9B", "\xE2\x80\xAE"}};
  TailLine line{.topic = "t",
                .key = "\"\x7F\"",
                .value = "[\"\xC2\x9B\",\"\xC3\xBC\"]",
                .headers = headers,
                .for_terminal = true};
  for (const std::string& text :
       {Csv(line, "key,value,headers,op"), Json(line), Copy(line, "key,value,headers,op")}) {
    for (std::string_view rest = text; !rest.empty(); rest.remove_prefix(1)) {
      const auto hidden = HiddenAt(rest);
      const bool is_ours = rest.front() == '\t' || rest == "\n" || rest == "\r\n";
      EXPECT_FALSE(hidden && hidden->code_point && !is_ours) << text;
    }
    EXPECT_NE(text.find("\xC3\xBC"), std::string::npos) << text;
  }
  EXPECT_EQ(Csv(line, "value"), "\"[\"\"\\u009b\"\",\"\"\xC3\xBC\"\"]\"\r\n");
  EXPECT_EQ(Copy(line, "value"), "[\"\\\\u009b\",\"\xC3\xBC\"]\n");
  EXPECT_EQ(Csv(line, "op"), "\\x1b[2J \\xc2\\x9b\r\n");
  line.for_terminal = false;  // As it is.
  EXPECT_NE(Csv(line, "value").find("\xC2\x9B"), std::string::npos);
  EXPECT_NE(Json(line).find("\xC2\x9B"), std::string::npos);
}

TEST(TailLine, ARelaysMessageIsKnownByItsHeaders) {
  EXPECT_TRUE(HasRelayHeaders(kRelaysHeaders));
  EXPECT_FALSE(HasRelayHeaders({}));
  const MessageHeader others[] = {{"lsn", "seven"}, {"op", "c"}};
  EXPECT_FALSE(HasRelayHeaders(others));
  const MessageHeader half[] = {{"lsn", "2/44DAB970:17"}};
  EXPECT_FALSE(HasRelayHeaders(half));
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
