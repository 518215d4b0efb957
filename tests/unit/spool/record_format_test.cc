#include "spool/record_format.h"

#include <gtest/gtest.h>

#include "base/bytes.h"
#include "base/crc32c.h"
#include "base/error.h"

namespace bw {
namespace {

std::string Hex(std::string_view bytes) {
  std::string out;
  for (const char byte : bytes) {
    static constexpr char kDigits[] = "0123456789abcdef";
    out.push_back(kDigits[(byte >> 4) & 0xF]);
    out.push_back(kDigits[byte & 0xF]);
  }
  return out;
}

Change FullChange() {
  Change change;
  change.position = {Lsn{0x244DAB970}, 17};
  change.operation = Operation::kUpdate;
  change.schema_id = SchemaId{3};
  change.xid = 741;
  change.commit_time_us = 1'700'000'000'000'000;
  change.old_key = "old";
  change.key = "key";
  change.value = "value";
  return change;
}

TEST(RecordFormat, KeyBytesAreGolden) {
  EXPECT_EQ(Hex(EncodePositionKey({Lsn{0x244DAB970}, 17})), "0000000244dab9700000000000000011");
}

TEST(RecordFormat, KeyOrderIsReplayOrder) {
  const Position ordered[] = {
      {Lsn{1}, 0}, {Lsn{1}, 1},     {Lsn{1}, 256},        Position::EndOf(Lsn{1}),
      {Lsn{2}, 0}, {Lsn{0x100}, 0}, {Lsn{1ull << 32}, 3}, {Lsn::Max(), 0}};
  for (size_t i = 0; i + 1 < std::size(ordered); ++i) {
    EXPECT_LT(std::string_view(EncodePositionKey(ordered[i])),
              std::string_view(EncodePositionKey(ordered[i + 1])));
    EXPECT_LT(ordered[i], ordered[i + 1]);
  }
}

TEST(RecordFormat, ChangeBytesAreGolden) {
  const Change change = FullChange();
  std::string value;
  EncodeChange(EncodePositionKey(change.position), change, &value);
  EXPECT_EQ(Hex(value).substr(8),
            "43"
            "75"
            "07"
            "00000003"
            "000002e5"
            "00060a24181e4000"
            "00000003"
            "6f6c64"
            "00000003"
            "6b6579"
            "00000005"
            "76616c7565");
}

TEST(RecordFormat, TransactionEndBytesAreGolden) {
  std::string value;
  EncodeTransactionEnd(EncodePositionKey(Position::EndOf(Lsn{0x10})), Lsn{0x20}, nullptr, &value);
  EXPECT_EQ(Hex(value).substr(8),
            "45"
            "0000000000000020");
}

TEST(RecordFormat, AnEndMaySayWhatItsTransactionConsistsOf) {
  const std::string key(EncodePositionKey(Position::EndOf(Lsn{0x10})));
  const TransactionTally tally{741, 1'700'000, {{SchemaId{3}, 12}, {SchemaId{9}, 1}}};
  std::string value;
  EncodeTransactionEnd(key, Lsn{0x20}, &tally, &value);
  EXPECT_EQ(Hex(value).substr(8),
            "45"
            "0000000000000020"
            "000002e5"
            "000000000019f0a0"
            "00000003"
            "000000000000000c"
            "00000009"
            "0000000000000001");
  EXPECT_EQ(std::get<TransactionEnd>(DecodeRecord(key, value)).end_lsn, Lsn{0x20});
  const auto read = TallyOfEnd(value);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->xid, 741u);
  EXPECT_EQ(read->changes, tally.changes);
  EXPECT_THROW(DecodeRecord(key, value.substr(0, value.size() - 1)), Error);
  value.clear();
  EncodeTransactionEnd(key, Lsn{0x20}, nullptr, &value);
  EXPECT_FALSE(TallyOfEnd(value));
}

TEST(RecordFormat, ReadsBackWhatItWrote) {
  const Change change = FullChange();
  const std::string key(EncodePositionKey(change.position));
  std::string value;
  EncodeChange(key, change, &value);
  const Change read = std::get<Change>(DecodeRecord(key, value));
  EXPECT_EQ(read.position, change.position);
  EXPECT_EQ(read.operation, change.operation);
  EXPECT_EQ(read.schema_id, change.schema_id);
  EXPECT_EQ(read.xid, change.xid);
  EXPECT_EQ(read.commit_time_us, change.commit_time_us);
  EXPECT_EQ(read.old_key, change.old_key);
  EXPECT_EQ(read.key, change.key);
  EXPECT_EQ(read.value, change.value);
}

TEST(RecordFormat, KeepsTheSchemaOfAnOldKey) {
  Change change = FullChange();
  const std::string key(EncodePositionKey(change.position));
  std::string without;
  EncodeChange(key, change, &without);
  EXPECT_EQ(std::get<Change>(DecodeRecord(key, without)).old_key_schema(), SchemaId{3});

  change.old_key_schema_id = SchemaId{4};
  std::string value;
  EncodeChange(key, change, &value);
  EXPECT_EQ(value.size(), without.size() + 4);
  const Change read = std::get<Change>(DecodeRecord(key, value));
  EXPECT_EQ(read.old_key_schema_id, SchemaId{4});
  EXPECT_EQ(read.old_key, change.old_key);
  EXPECT_EQ(read.value, change.value);

  change.old_key.reset();
  value.clear();
  EncodeChange(key, change, &value);
  EXPECT_THROW(DecodeRecord(key, value), Error);
}

TEST(RecordFormat, KeepsWhichFieldsAreUnavailableOrReadAgain) {
  Change change = FullChange();
  const std::string key(EncodePositionKey(change.position));
  std::string without;
  EncodeChange(key, change, &without);
  EXPECT_EQ(std::get<Change>(DecodeRecord(key, without)).unavailable, std::nullopt);
  change.unavailable = "doc,tags";
  change.refetched = "raw";
  std::string value;
  EncodeChange(key, change, &value);
  const Change read = std::get<Change>(DecodeRecord(key, value));
  EXPECT_EQ(read.unavailable, "doc,tags");
  EXPECT_EQ(read.refetched, "raw");
  EXPECT_EQ(read.value, change.value);
}

TEST(RecordFormat, AnEmptyFieldIsNotAMissingOne) {
  Change change = FullChange();
  change.old_key.reset();
  change.key = "";
  change.value.reset();
  const std::string key(EncodePositionKey(change.position));
  std::string value;
  EncodeChange(key, change, &value);
  const Change read = std::get<Change>(DecodeRecord(key, value));
  EXPECT_FALSE(read.old_key.has_value());
  EXPECT_EQ(read.key, std::string_view(""));
  EXPECT_FALSE(read.value.has_value());
}

TEST(RecordFormat, EveryFlippedBitIsFound) {
  const Change change = FullChange();
  const std::string key(EncodePositionKey(change.position));
  std::string value;
  EncodeChange(key, change, &value);
  for (size_t bit = 0; bit < value.size() * 8; ++bit) {
    std::string damaged = value;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_THROW(DecodeRecord(key, damaged), Error) << "bit " << bit;
  }
}

TEST(RecordFormat, ARecordUnderAnotherKeyIsFound) {
  const Change change = FullChange();
  std::string value;
  EncodeChange(EncodePositionKey(change.position), change, &value);
  EXPECT_THROW(DecodeRecord(EncodePositionKey({change.position.commit_lsn, 18}), value), Error);
}

TEST(RecordFormat, EveryTruncationIsFound) {
  const Change change = FullChange();
  const std::string key(EncodePositionKey(change.position));
  std::string value;
  EncodeChange(key, change, &value);
  for (size_t size = 0; size < value.size(); ++size) {
    EXPECT_THROW(DecodeRecord(key, value.substr(0, size)), Error) << size;
  }
}

// A right checksum over what this version does not write: another version did.
std::string WithChecksum(std::string_view key, const std::string& body) {
  std::string value;
  AppendU32(&value, Crc32c(body, Crc32c(key)));
  return value + body;
}

TEST(RecordFormat, UnknownFieldsAreFound) {
  const Change change = FullChange();
  const std::string key(EncodePositionKey(change.position));
  std::string value;
  EncodeChange(key, change, &value);
  std::string body = value.substr(4);
  EXPECT_EQ(WithChecksum(key, body), value);
  body[2] = static_cast<char>(body[2] | 8);
  EXPECT_THROW(DecodeRecord(key, WithChecksum(key, body)), Error);
}

TEST(RecordFormat, OnlyAnEndIsKeptAtATransactionsEnd) {
  const std::string end_key(EncodePositionKey(Position::EndOf(Lsn{0x10})));
  std::string value;
  EncodeChange(end_key, FullChange(), &value);
  EXPECT_THROW(DecodeRecord(end_key, value), Error);
  const std::string key(EncodePositionKey({Lsn{0x10}, 3}));
  value.clear();
  EncodeTransactionEnd(key, Lsn{0x20}, nullptr, &value);
  EXPECT_THROW(DecodeRecord(key, value), Error);
}

TEST(RecordFormat, ErrorNamesThePositionAndIsAHalt) {
  try {
    DecodeRecord(EncodePositionKey({Lsn{0x244DAB970}, 17}), "garbage");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kHalt);
    EXPECT_EQ(error.exit_code(), ExitCode::kSpoolUnusable);
    EXPECT_NE(std::string(error.what()).find("2/44DAB970:17"), std::string::npos);
  }
}

}  // namespace
}  // namespace bw
