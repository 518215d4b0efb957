#include "publish/torn_records.h"

#include <gtest/gtest.h>

namespace bw {
namespace {

const TopicPartition kWhere{"test", 0};

RecordIdentity Record(uint64_t lsn, char operation) { return {{Lsn{lsn}, 1}, operation, 1000}; }

TEST(TornRecords, ReadsTheIdentityFromOurHeaders) {
  const MessageHeader headers[] = {{"lsn", "2/44DAB970:17"}, {"op", "u"}, {"ts", "1700000000000"}};
  const auto identity = ParseRecordIdentity(headers);
  ASSERT_TRUE(identity);
  EXPECT_EQ(*identity, (RecordIdentity{{*Lsn::Parse("2/44DAB970"), 17}, 'u', 1700000000000}));
}

TEST(TornRecords, ForeignHeadersAreNobodys) {
  const MessageHeader missing[] = {{"lsn", "2/44DAB970:17"}, {"op", "u"}};
  const MessageHeader unreadable[] = {{"lsn", "17"}, {"op", "u"}, {"ts", "1"}};
  const MessageHeader text[] = {{"lsn", "0/1:1"}, {"op", "u"}, {"ts", "1x"}};
  EXPECT_FALSE(ParseRecordIdentity(missing));
  EXPECT_FALSE(ParseRecordIdentity(unreadable));
  EXPECT_FALSE(ParseRecordIdentity(text));
  EXPECT_FALSE(ParseRecordIdentity({}));
}

TEST(TornRecords, TellsTheTombstoneOfAKeyChangeFromItsRow) {
  TornRecords torn;
  torn.Add(Record(5, 'd'), kWhere, 0);
  EXPECT_TRUE(torn.Contains(Record(5, 'd')));
  EXPECT_FALSE(torn.Contains(Record(5, 'u')));
}

TEST(TornRecords, ARecordOfAnotherTimeIsNotOurs) {
  TornRecords torn;
  torn.Add(Record(5, 'c'), kWhere, 0);
  RecordIdentity other = Record(5, 'c');
  other.commit_time_ms = 1001;
  EXPECT_FALSE(torn.Contains(other));
}

TEST(TornRecords, ForgetsWhatIsBehindACheckpoint) {
  TornRecords torn;
  torn.Add(Record(5, 'c'), kWhere, 0);
  torn.Add(Record(6, 'c'), kWhere, 0);
  torn.ForgetThrough(Position::EndOf(Lsn{5}));
  EXPECT_FALSE(torn.Contains(Record(5, 'c')));
  EXPECT_TRUE(torn.Contains(Record(6, 'c')));
  torn.ForgetThrough(Position::EndOf(Lsn{6}));
  EXPECT_TRUE(torn.empty());
}

}  // namespace
}  // namespace bw
