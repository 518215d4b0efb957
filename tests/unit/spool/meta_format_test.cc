#include "spool/meta_format.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace bw {
namespace {

TEST(MetaFormat, ProgressReadsBack) {
  const Progress progress{{Lsn{0x1234}, 7}, Lsn{0x2345}};
  EXPECT_EQ(DecodeProgress(EncodeProgress(progress)), progress);
  EXPECT_EQ(EncodeProgress(progress).size(), 24u);
}

TEST(MetaFormat, HistoryReadsBack) {
  const CapturedHistory history{Lsn{0x2345}, {Lsn{0x1234}, Lsn{0x1300}, 4711, -5, 0xFFFFFFFF}};
  EXPECT_EQ(DecodeHistory(EncodeHistory(history)), history);
  EXPECT_EQ(DecodeHistory(EncodeHistory({})), CapturedHistory());
  EXPECT_THROW(DecodeHistory("short"), Error);
}

TEST(MetaFormat, IdentityReadsBack) {
  SpoolState state;
  state.lineage = "abc";
  state.predecessor = "def";
  state.source = {"7311111111111111111", "böse\"db", "bottledwater", 3};
  state.phase = SpoolPhase::kFirstStart;
  SpoolState read;
  DecodeIdentity(EncodeIdentity(state), &read);
  EXPECT_EQ(read.lineage, state.lineage);
  EXPECT_EQ(read.predecessor, state.predecessor);
  EXPECT_EQ(read.source, state.source);
  EXPECT_EQ(read.phase, state.phase);
}

TEST(MetaFormat, SnapshotsRoundTrip) {
  const std::vector<SnapshotMark> snapshots = {
      {Lsn{0x2'44DA'B970}, true, {{"public", "a\xFF"}, {"s", "\\x61"}}}, {Lsn{2}, false, {}}};
  EXPECT_EQ(DecodeSnapshots(EncodeSnapshots(snapshots)), snapshots);
  EXPECT_TRUE(DecodeSnapshots(EncodeSnapshots({})).empty());
  for (const char* body :
       {"", "{", "7", "[7]", "[{}]", R"([{"commit_lsn":-1,"purges":true,"tables":[]}])",
        R"([{"commit_lsn":1,"purges":true,"tables":[]}])",
        R"([{"commit_lsn":9,"purges":1,"tables":[]}])",
        R"([{"commit_lsn":9,"purges":true,"tables":[["a"]]}])"}) {
    EXPECT_THROW(DecodeSnapshots(body), Error) << body;
  }
}

TEST(MetaFormat, RereadsRoundTrip) {
  const Reread note{{"public", "a\xFF"}, "created beside the relay", 17};
  const std::string key = RereadKey(note.number);
  EXPECT_EQ(DecodeReread(key, EncodeReread(note)), note);
  EXPECT_LT(RereadKey(9), RereadKey(10));
  EXPECT_THROW(DecodeReread("reread/x", EncodeReread(note)), Error);
  EXPECT_THROW(DecodeReread("reread/17", EncodeReread(note)), Error);
  EXPECT_THROW(DecodeReread(key, R"({"schema":"a","table":7,"reason":""})"), Error);
}

TEST(MetaFormat, MembersRoundTrip) {
  const std::vector<uint32_t> members = {16'384, 4'294'967'295};
  EXPECT_EQ(DecodeMembers(EncodeMembers(members)), members);
  for (const char* body : {"", "7", "{}", "[-1]", "[4294967296]", "[1.5]", "[\"1\"]"}) {
    EXPECT_THROW(DecodeMembers(body), Error) << body;
  }
}

TEST(MetaFormat, IdentityKeepsWhatAResnapshotSupersedes) {
  SpoolState state, read;
  for (const auto& supersedes :
       {std::optional<std::vector<std::string>>{}, std::optional(std::vector<std::string>{}),
        std::optional(std::vector<std::string>{"a", "b"})}) {
    state.supersedes = supersedes;
    read = {};
    DecodeIdentity(EncodeIdentity(state), &read);
    EXPECT_EQ(read.supersedes, supersedes);
  }
}

TEST(MetaFormat, UnknownPhaseOrBrokenIdentityHalts) {
  SpoolState read;
  EXPECT_THROW(DecodeIdentity("{", &read), Error);
  EXPECT_THROW(DecodeIdentity("{}", &read), Error);
  SpoolState state;
  std::string body = EncodeIdentity(state);
  body.replace(body.find("\"phase\":0"), 9, "\"phase\":9");
  EXPECT_THROW(DecodeIdentity(body, &read), Error);
}

TEST(MetaFormat, NumbersOutOfRangeAreNotTakenForOthers) {
  SpoolState state;
  state.source.timeline = 3;
  const std::string body = EncodeIdentity(state);
  for (const char* timeline : {"4294967299", "-1", "3.5", "\"3\"", "null"}) {
    std::string other = body;
    other.replace(other.find("\"timeline\":3"), 12, std::string("\"timeline\":") + timeline);
    SpoolState read;
    EXPECT_THROW(DecodeIdentity(other, &read), Error) << timeline;
  }
}

// A database in SQL_ASCII takes any bytes as a name; two of them must not become one.
TEST(MetaFormat, NamesThatAreNotUtf8ReadBack) {
  SpoolState state;
  state.source.database = "caf\xE9";
  SpoolState read;
  DecodeIdentity(EncodeIdentity(state), &read);
  EXPECT_EQ(read.source.database, "caf\xE9");
  const TableSchema acute{"s\xFF", "caf\xE9", "{}", "{}"};
  const TableSchema grave{"s\xFF", "caf\xE8", "{}", "{}"};
  EXPECT_EQ(DecodeTableSchema(EncodeTableSchema(acute)), acute);
  EXPECT_NE(EncodeTableSchema(acute), EncodeTableSchema(grave));
  EXPECT_THROW(DecodeTableSchema(R"({"schema":"s","table":"\\x4","value":"{}"})"), Error);
}

TEST(MetaFormat, MessageDoesNotRepeatWhatCannotBeRead) {
  try {
    DecodeTableSchema("{\"schema\":\"" + std::string(100'000, 'x'));
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_LT(std::string(error.what()).size(), 600u);
  }
}

TEST(MetaFormat, AnotherEntrysValueIsFound) {
  const std::string value = WrapMeta(kMetaCaptured, "body");
  EXPECT_EQ(UnwrapMeta(kMetaCaptured, value), "body");
  EXPECT_THROW(UnwrapMeta(kMetaPublished, value), Error);
  EXPECT_THROW(UnwrapMeta(kMetaCaptured, "abc"), Error);
}

TEST(MetaFormat, NewerFormatHalts) {
  EXPECT_NO_THROW(CheckFormatVersion(EncodeFormatVersion()));
  EXPECT_THROW(CheckFormatVersion(std::string("\0\0\0\2", 4)), Error);
  EXPECT_THROW(CheckFormatVersion(EncodeFormatVersion() + "x"), Error);
}

TEST(MetaFormat, TableSchemaReadsBack) {
  const TableSchema keyed{"public", "crêpes", "{\"type\":\"record\"}", "{}"};
  EXPECT_EQ(DecodeTableSchema(EncodeTableSchema(keyed)), keyed);
  const TableSchema unkeyed{"s", "t", std::nullopt, "{}"};
  EXPECT_EQ(DecodeTableSchema(EncodeTableSchema(unkeyed)), unkeyed);
}

TEST(MetaFormat, TableKeysRoundTrip) {
  TableKey key{70000, {"public", "a\xFF"}, {{"id", 23}, {"\xFE", 25}}, {"\xFE"}, "{}"};
  const std::string name = TableKeyName(key.relation);
  EXPECT_EQ(DecodeTableKey(name, EncodeTableKey(key)), key);
  EXPECT_THROW(DecodeTableKey(TableKeyName(7), EncodeTableKey(key)), Error);
  key.schema.reset();
  key.key.clear();
  EXPECT_EQ(DecodeTableKey(name, EncodeTableKey(key)), key);
  EXPECT_THROW(DecodeTableKey(name, R"({"relation":70000})"), Error);
  EXPECT_THROW(DecodeTableKey(name, "{"), Error);
}

TEST(MetaFormat, TypeNotesRoundTrip) {
  const std::string name = TypeNoteName(70000);
  for (const TypeNote& type :
       {TypeNote{70000, 1700, (10 << 16) | 6, 0, ',', {}}, TypeNote{70000, 0, -1, 603, ';', {}},
        TypeNote{70000, 0, -1, 0, ',', {"a", "\xFF", "\\x00"}},
        TypeNote{70000, 4'294'967'295, -1, 0, ',', {}}, TypeNote{70000, 0, -1, 0, ',', {}}}) {
    EXPECT_EQ(DecodeTypeNote(name, EncodeTypeNote(type)), type);
    EXPECT_THROW(DecodeTypeNote(TypeNoteName(7), EncodeTypeNote(type)), Error);
  }
  EXPECT_THROW(DecodeTypeNote(name, R"({"oid":70000,"base":-1,"modifier":-1})"), Error);
  EXPECT_THROW(DecodeTypeNote(name, R"({"oid":70000,"element":23,"delimiter":256})"), Error);
  EXPECT_THROW(DecodeTypeNote(name, "[]"), Error);
}

}  // namespace
}  // namespace bw
