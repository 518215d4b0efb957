#include "capture/pgoutput_decoder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "support/pgoutput_builder.h"

namespace bw {
namespace {

using pgoutput::Cell;
using testing::HasSubstr;

template <typename T>
T Decoded(PgoutputDecoder* decoder, const std::string& bytes) {
  return std::get<T>(decoder->Decode(bytes));
}

std::string ErrorOf(const std::string& bytes) {
  PgoutputDecoder decoder;
  try {
    decoder.Decode(bytes);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kHalt);
    return error.what();
  }
  return "";
}

std::vector<std::string> OneOfEach() {
  return {
      pgoutput::Begin(0x10, 7),
      pgoutput::Commit(0x10, 0x20),
      pgoutput::Origin(0x10, "elsewhere"),
      pgoutput::Relation(5, "public", "t", {{"id", 23, true}, {"v", 25}}),
      pgoutput::Type(20000, "public", "mood"),
      pgoutput::Insert(5, {"1", Cell::Null()}),
      pgoutput::Update(5, {"1", Cell::Toast()}),
      pgoutput::UpdateFrom(5, 'K', {"1", Cell::Null()}, {"2", "x"}),
      pgoutput::UpdateFrom(5, 'O', {"1", "y"}, {"2", "x"}),
      pgoutput::Delete(5, 'K', {"1", Cell::Null()}),
      pgoutput::Truncate({5, 6}),
      pgoutput::Message("prefix", "content"),
  };
}

// The bytes of the protocol's documentation, written out by hand: the builder could err as the
// decoder does.
TEST(PgoutputDecoder, DecodesGoldenBytes) {
  PgoutputDecoder decoder;
  const std::string begin(
      "B\x00\x00\x00\x02\x44\xDA\xB9\x70\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x02\xE1", 21);
  const auto begun = Decoded<BeginMessage>(&decoder, begin);
  EXPECT_EQ(begun.commit_lsn.ToString(), "2/44DAB970");
  EXPECT_EQ(begun.commit_time_us, 946'684'800'000'001);
  EXPECT_EQ(begun.xid, 0x2E1u);

  const std::string insert("I\x00\x00\x40\x05N\x00\x03t\x00\x00\x00\x02\x34\x32nu", 17);
  const auto inserted = Decoded<InsertMessage>(&decoder, insert);
  EXPECT_EQ(inserted.relation.value, 0x4005u);
  ASSERT_EQ(inserted.values.size(), 3u);
  EXPECT_EQ(inserted.values[0].text, "42");
  EXPECT_EQ(inserted.values[1].kind, TextValue::Kind::kNull);
  EXPECT_EQ(inserted.values[2].kind, TextValue::Kind::kUnchangedToast);

  const std::string relation(
      "R\x00\x00\x40\x05public\0t\0d\x00\x01\x01id\0\x00\x00\x00\x17\xFF\xFF\xFF\xFF", 29);
  const auto described = Decoded<RelationMessage>(&decoder, relation);
  EXPECT_EQ(described.schema, "public");
  EXPECT_EQ(described.name, "t");
  EXPECT_EQ(described.identity, ReplicaIdentity::kDefault);
  ASSERT_EQ(described.columns.size(), 1u);
  EXPECT_TRUE(described.columns[0].key);
  EXPECT_EQ(described.columns[0].name, "id");
  EXPECT_EQ(described.columns[0].type_oid, 23u);
  EXPECT_EQ(described.columns[0].typmod, -1);
}

TEST(PgoutputDecoder, DecodesCommitOriginTypeAndMessage) {
  PgoutputDecoder decoder;
  const auto commit = Decoded<CommitMessage>(&decoder, pgoutput::Commit(0x10, 0x20, 5));
  EXPECT_EQ(commit.commit_lsn, Lsn{0x10});
  EXPECT_EQ(commit.end_lsn, Lsn{0x20});
  EXPECT_EQ(commit.commit_time_us, 946'684'800'000'005);
  EXPECT_EQ(Decoded<OriginMessage>(&decoder, pgoutput::Origin(1, "there")).name, "there");
  const std::string type_bytes = pgoutput::Type(20000, "s", "mood");
  const auto type = Decoded<TypeMessage>(&decoder, type_bytes);
  EXPECT_EQ(type.oid, 20000u);
  EXPECT_EQ(type.name, "mood");
  const std::string message_bytes = pgoutput::Message("p", "content");
  const auto message = Decoded<LogicalMessage>(&decoder, message_bytes);
  EXPECT_TRUE(message.transactional);
  EXPECT_EQ(message.prefix, "p");
  EXPECT_EQ(message.content, "content");
}

TEST(PgoutputDecoder, TellsOldTuplesApart) {
  PgoutputDecoder decoder;
  const std::string in_place = pgoutput::Update(5, {"1"});
  const auto plain = Decoded<UpdateMessage>(&decoder, in_place);
  EXPECT_EQ(plain.old_tuple, OldTuple::kNone);
  EXPECT_TRUE(plain.old_values.empty());
  const std::string by_key = pgoutput::UpdateFrom(5, 'K', {"1"}, {"2"});
  const auto keyed = Decoded<UpdateMessage>(&decoder, by_key);
  EXPECT_EQ(keyed.old_tuple, OldTuple::kKey);
  EXPECT_EQ(keyed.old_values[0].text, "1");
  EXPECT_EQ(keyed.values[0].text, "2");
  const std::string deleted = pgoutput::Delete(5, 'O', {"1", "x"});
  EXPECT_EQ(Decoded<DeleteMessage>(&decoder, deleted).old_tuple, OldTuple::kFull);
}

TEST(PgoutputDecoder, SpellsOutTheSystemSchema) {
  PgoutputDecoder decoder;
  const std::string bytes = pgoutput::Relation(5, "", "pg_class", {});
  EXPECT_EQ(Decoded<RelationMessage>(&decoder, bytes).schema, "pg_catalog");
}

TEST(PgoutputDecoder, KeepsAnyBytesInNames) {
  PgoutputDecoder decoder;
  const std::string name = "cr\xC3\xAApes \"x\".\n\x01";
  const std::string bytes = pgoutput::Relation(5, "s.p", name, {{name, 25}});
  const auto relation = Decoded<RelationMessage>(&decoder, bytes);
  EXPECT_EQ(relation.name, name);
  EXPECT_EQ(relation.columns[0].name, name);
}

TEST(PgoutputDecoder, RefusesEveryMessageCutAtEveryByte) {
  for (const std::string& whole : OneOfEach()) {
    for (size_t length = 0; length < whole.size(); ++length) {
      // A copy of its own size, so that the address sanitizer sees a read behind it.
      const std::string cut(whole.data(), length);
      EXPECT_NE(ErrorOf(cut), "") << "type " << whole[0] << " cut at " << length;
    }
  }
}

TEST(PgoutputDecoder, RefusesEveryMessageWithAByteTooMany) {
  for (const std::string& whole : OneOfEach()) {
    EXPECT_THAT(ErrorOf(whole + '\0'), HasSubstr("Malformed pgoutput")) << "type " << whole[0];
  }
}

TEST(PgoutputDecoder, RefusesLengthsThatLie) {
  for (const uint32_t length : {2u, 100u, 0x7FFFFFFFu, 0xFFFFFFFFu, 0xFFFFFFFBu}) {
    std::string bytes = "I";
    AppendU32(&bytes, 5);
    bytes += "N";
    AppendU16(&bytes, 1);
    bytes += "t";
    AppendU32(&bytes, length);
    bytes += "x";
    EXPECT_THAT(ErrorOf(bytes), HasSubstr("a length of")) << length;
  }
}

TEST(PgoutputDecoder, RefusesCountsThatLie) {
  std::string insert = "I";
  AppendU32(&insert, 5);
  insert += "N";
  AppendU16(&insert, 65535);
  insert += "nnn";
  EXPECT_THAT(ErrorOf(insert), HasSubstr("65535 columns in 3 bytes"));

  std::string truncate = "T";
  AppendU32(&truncate, 0xFFFFFFFF);
  AppendU8(&truncate, 0);
  AppendU32(&truncate, 5);
  EXPECT_THAT(ErrorOf(truncate), HasSubstr("4294967295 relations in 4 bytes"));
}

TEST(PgoutputDecoder, RefusesUnknownKindsAndMarks) {
  EXPECT_THAT(ErrorOf(pgoutput::UpdateFrom(5, 'X', {"1"}, {"2"})), HasSubstr("0x58"));
  EXPECT_THAT(ErrorOf(pgoutput::Delete(5, 'N', {"1"})), HasSubstr("0x4e"));
  std::string binary = pgoutput::Insert(5, {"1"});
  binary[8] = 'b';
  EXPECT_THAT(ErrorOf(binary), HasSubstr("column 1 has the unknown kind 0x62"));
  EXPECT_THAT(ErrorOf(pgoutput::Relation(5, "s", "t", {}, 'x')), HasSubstr("replica identity"));
  EXPECT_THAT(ErrorOf(pgoutput::Relation(5, "s", "", {})), HasSubstr("without a name"));
  EXPECT_THAT(ErrorOf(pgoutput::Relation(5, "s", "t", {{"", 25}})), HasSubstr("has no name"));
}

TEST(PgoutputDecoder, ShowsAnUnknownMessageInHex) {
  EXPECT_THAT(ErrorOf("z\x01\xFF"),
              testing::AllOf(HasSubstr("unknown type 0x7a"), HasSubstr("7a01ff")));
  EXPECT_THAT(ErrorOf(""), HasSubstr("empty"));
}

TEST(PgoutputDecoder, NamesMessagesOfLaterProtocols) {
  for (const char type : {'S', 'E', 'c', 'A', 'b', 'P', 'K', 'r', 'p'}) {
    EXPECT_THAT(ErrorOf(std::string(1, type)), HasSubstr("a later protocol's type")) << type;
  }
}

TEST(PgoutputDecoder, SurvivesEverySingleByteChange) {
  PgoutputDecoder decoder;
  for (const std::string& whole : OneOfEach()) {
    for (size_t at = 0; at < whole.size(); ++at) {
      for (const int value : {0x00, 0x01, 0x7F, 0x80, 0xFF}) {
        std::string changed = whole;
        changed[at] = static_cast<char>(value);
        try {
          decoder.Decode(changed);
        } catch (const Error& error) {
          EXPECT_EQ(error.kind(), ErrorKind::kHalt);
        }
      }
    }
  }
}

}  // namespace
}  // namespace bw
