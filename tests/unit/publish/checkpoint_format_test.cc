#include "publish/checkpoint_format.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/error.h"

namespace bw {
namespace {

Checkpoint Example() {
  Checkpoint checkpoint;
  checkpoint.lineage = std::string(32, 'a');
  checkpoint.instance = std::string(32, 'b');
  checkpoint.source = {"7412345678901234567", "shop", "bottledwater", 3};
  checkpoint.progress = {{*Lsn::Parse("2/44DAB970"), 17}, *Lsn::Parse("2/44DAB9A8")};
  checkpoint.next_offsets = {{{"test", 0}, 12}, {{"test", 2}, 0}, {{"other", 0}, 7}};
  return checkpoint;
}

// Format 1. If this fails, the format has changed: it needs a new number, and code that reads both.
constexpr char kGolden[] =
    R"({"crc32c":"3f0f40d5","end_lsn":"2/44DAB9A8","format":1,)"
    R"("instance":"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb","lineage":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",)"
    R"("offsets":{"other":[7],"test":[12,null,0]},"position":"2/44DAB970:17","remedy":"",)"
    R"("source":{"database":"shop","slot":"bottledwater",)"
    R"("system_identifier":"7412345678901234567","timeline":3}})";

void ExpectHalt(std::string_view value) {
  try {
    DecodeCheckpoint(value, "topic t, offset 7");
    ADD_FAILURE() << "accepted: " << value;
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kHalt);
    EXPECT_EQ(error.exit_code(), ExitCode::kHaltKafka);
    EXPECT_NE(std::string(error.what()).find("topic t, offset 7"), std::string::npos);
  }
}

TEST(CheckpointFormat, WritesTheseBytes) { EXPECT_EQ(EncodeCheckpoint(Example()), kGolden); }

TEST(CheckpointFormat, ReadsWhatItWrote) {
  EXPECT_EQ(DecodeCheckpoint(kGolden, "here"), Example());
  Checkpoint other = Example();
  other.progress.position = Position::EndOf(Lsn::Max());
  other.next_offsets.clear();
  other.remedy = "republish: \"because\" \\ ü";
  EXPECT_EQ(DecodeCheckpoint(EncodeCheckpoint(other), "here"), other);
}

TEST(CheckpointFormat, ChecksumIgnoresWhiteSpaceAndOrder) {
  const auto json = nlohmann::ordered_json::parse(kGolden);
  nlohmann::ordered_json reversed;
  for (auto member = json.rbegin(); member != json.rend(); ++member) {
    reversed[member.key()] = member.value();
  }
  EXPECT_EQ(DecodeCheckpoint(reversed.dump(2), "here"), Example());
}

TEST(CheckpointFormat, HaltsOnEveryTruncation) {
  const std::string golden = kGolden;
  for (size_t size = 0; size < golden.size(); ++size) ExpectHalt(golden.substr(0, size));
}

TEST(CheckpointFormat, HaltsOnEveryChangedByte) {
  const std::string golden = kGolden;
  for (size_t i = 0; i < golden.size(); ++i) {
    std::string changed = golden;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    ExpectHalt(changed);
  }
}

TEST(CheckpointFormat, HaltsOnNewerFormatAndSaysSo) {
  std::string newer = kGolden;
  newer.replace(newer.find("\"format\":1"), 10, "\"format\":4");
  try {
    DecodeCheckpoint(newer, "here");
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("format is 4"), std::string::npos) << error.what();
  }
}

// Format 2.
TEST(CheckpointFormat, WritesTheBytesOfPartsAndWhoNamesThem) {
  Checkpoint head = Example();
  const EncodedPart part =
      EncodeCheckpointPart(head, 1, 2, {{{"test", 32}, 12}, {{"test", 34}, 0}});
  EXPECT_EQ(part.value, R"({"crc32c":")" + part.crc32c +
                            R"(","format":2,"instance":"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",)"
                            R"("offsets":{"test":[[32,[12,null,0]]]},"part":1,"parts":2,)"
                            R"("position":"2/44DAB970:17"})");
  EXPECT_EQ(CheckpointPartKey(1, 'b'), "offsets/1/b");
  head.parts = {{'a', "00000000"}, {'b', part.crc32c}};
  const std::string value = EncodeCheckpoint(head);
  EXPECT_NE(value.find("\"format\":2"), std::string::npos);
  EXPECT_NE(value.find("\"parts\":[\"a00000000\",\"b" + part.crc32c + "\"]"), std::string::npos);

  Checkpoint read = DecodeCheckpoint(value, "here");
  EXPECT_EQ(read.parts, head.parts);
  EXPECT_TRUE(read.next_offsets.empty());
  AddCheckpointPart(part.value, 1, "here", &read);
  EXPECT_EQ(read.next_offsets, (NextOffsets{{{"test", 32}, 12}, {{"test", 34}, 0}}));
  EXPECT_THROW(AddCheckpointPart(part.value, 0, "here", &read), Error);
}

TEST(CheckpointFormat, APartReadsBackWithPartitionsFarApart) {
  Checkpoint head = Example();
  const NextOffsets offsets = {{{"t", 0}, 1}, {{"t", 9}, 2}, {{"t", 19}, 3}, {{"t", 90'000}, 4}};
  const EncodedPart part = EncodeCheckpointPart(head, 0, 1, offsets);
  head.parts = {{'a', part.crc32c}};
  head.next_offsets.clear();
  AddCheckpointPart(part.value, 0, "here", &head);
  EXPECT_EQ(head.next_offsets, offsets);
}

TEST(CheckpointFormat, HaltsOnNestingWithoutEnd) {
  ExpectHalt(std::string(1'000'000, '['));
  ExpectHalt(std::string(1'000'000, '{'));
}

// Closing brackets in a text do not make up for those that open.
TEST(CheckpointFormat, HaltsOnNestingThatHidesBehindTexts) {
  std::string nested = R"({"format":1,"crc32c":"0","x":)";
  for (int i = 0; i < 1'000'000; ++i) nested += R"(["]",)";
  nested += "1" + std::string(1'000'000, ']') + "}";
  ASSERT_TRUE(nlohmann::json::accept(nested));
  ExpectHalt(nested);
}

TEST(CheckpointFormat, BracketsInTextsAreNoNesting) {
  Checkpoint checkpoint = Example();
  checkpoint.source.database = std::string(63, '[');
  checkpoint.remedy = std::string(1000, '{');
  EXPECT_EQ(DecodeCheckpoint(EncodeCheckpoint(checkpoint), "here"), checkpoint);
}

TEST(CheckpointFormat, DatabaseThatIsNotUtf8ReadsBack) {
  Checkpoint checkpoint = Example();
  checkpoint.source.database = "caf\xE9";
  EXPECT_EQ(DecodeCheckpoint(EncodeCheckpoint(checkpoint), "here"), checkpoint);
}

}  // namespace
}  // namespace bw
