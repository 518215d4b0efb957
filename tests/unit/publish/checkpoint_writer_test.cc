#include "publish/checkpoint_writer.h"

#include <gtest/gtest.h>

#include "base/byte_size.h"
#include "base/error.h"
#include "publish/checkpoint_reader.h"
#include "unit/publish/fake_kafka.h"

namespace bw {
namespace {

constexpr char kTopic[] = "checkpoint";
constexpr size_t kRecordBytesMax = 256 * kKiB;

Checkpoint Head(uint64_t lsn) {
  Checkpoint head;
  head.lineage = std::string(32, 'a');
  head.instance = std::string(32, 'b');
  head.source = {"7412345678901234567", "shop", "bottledwater", 3};
  head.progress = {Position::EndOf(Lsn{lsn}), Lsn{lsn + 1}};
  return head;
}

NextOffsets ManyOffsets(int topics, int partitions) {
  NextOffsets offsets;
  for (int topic = 0; topic < topics; ++topic) {
    for (int32_t partition = 0; partition < partitions; ++partition) {
      offsets[{"shop.sales.table_" + std::to_string(topic), partition}] = 1'000'000 + partition;
    }
  }
  return offsets;
}

// A checkpoint topic, with the writer of one session after the other.
class CheckpointWriterTest : public ::testing::Test {
 protected:
  CheckpointWriterTest() {
    kafka_.CreateTopic({kTopic, 1, 1, {{"cleanup.policy", "compact"}}});
    producer_ = kafka_.CreateProducer({});
    BeginSession();
  }

  void BeginSession() {
    producer_->InitTransactions();
    const NewestCheckpoint newest = Read();
    topic_ = producer_->OpenTopic(kTopic);
    writer_ = std::make_unique<CheckpointWriter>(
        record_bytes_max_,
        newest.checkpoint ? newest.checkpoint->parts : std::vector<CheckpointPart>());
    if (newest.checkpoint) SetAll(newest.checkpoint->next_offsets);
  }
  void SetAll(const NextOffsets& offsets) {
    for (const auto& [partition, offset] : offsets) writer_->Set(partition, offset);
  }
  // Returns the bytes that were written.
  size_t Produce(uint64_t lsn, size_t records_max = SIZE_MAX) {
    producer_->Begin();
    size_t bytes = 0;
    for (const auto& [key, value] : writer_->Encode(Head(lsn))) {
      if (records_max-- == 0) break;
      EXPECT_LE(value.size(), record_bytes_max_);
      bytes += value.size();
      producer_->Produce({topic_.handle, 0, key, value, {}});
    }
    return bytes;
  }
  size_t Write(uint64_t lsn) {
    const size_t bytes = Produce(lsn);
    producer_->Commit();
    return bytes;
  }
  // As Kafka may at any time: only the newest committed record of each key stays.
  void Compact() {
    std::set<std::string> newer;
    auto& log = kafka_.topics.at(kTopic)[0];
    for (auto entry = log.rbegin(); entry != log.rend(); ++entry) {
      if (entry->is_control || entry->fate != FakeKafka::Fate::kCommitted) continue;
      if (!newer.insert(*entry->key).second) entry->is_control = true;
    }
  }
  NewestCheckpoint Read() { return ReadNewestCheckpoint(&kafka_, kTopic); }
  void ExpectNewest(uint64_t lsn, const NextOffsets& offsets) {
    const auto newest = Read().checkpoint;
    ASSERT_TRUE(newest);
    EXPECT_EQ(newest->progress, Head(lsn).progress);
    EXPECT_EQ(newest->next_offsets, offsets);
  }

  size_t record_bytes_max_ = kRecordBytesMax;
  FakeKafka kafka_;
  std::unique_ptr<TransactionalProducer> producer_;
  OpenedTopic topic_;
  std::unique_ptr<CheckpointWriter> writer_;
};

TEST_F(CheckpointWriterTest, WhatFitsIsOneRecordOfTheFirstFormat) {
  const NextOffsets offsets = ManyOffsets(20, 3);
  SetAll(offsets);
  const auto records = writer_->Encode(Head(10));
  ASSERT_EQ(records.size(), 1U);
  Checkpoint whole = Head(10);
  whole.next_offsets = offsets;
  EXPECT_EQ(records[0].value, EncodeCheckpoint(whole));
  EXPECT_NE(records[0].value.find("\"format\":1"), std::string::npos);
}

TEST_F(CheckpointWriterTest, TwoHundredThousandPartitionsAreReadBack) {
  const NextOffsets offsets = ManyOffsets(20'000, 10);
  SetAll(offsets);
  Write(10);
  ExpectNewest(10, offsets);
}

TEST_F(CheckpointWriterTest, OneTopicOfTwoHundredThousandPartitionsIsReadBack) {
  const NextOffsets offsets = ManyOffsets(1, 200'000);
  SetAll(offsets);
  Write(10);
  ExpectNewest(10, offsets);
}

TEST_F(CheckpointWriterTest, ATransactionsCostFollowsWhatItTouches) {
  NextOffsets offsets = ManyOffsets(20'000, 10);
  SetAll(offsets);
  const size_t all = Write(10);
  EXPECT_GT(all, 2 * kMiB);
  const TopicPartition touched = offsets.begin()->first;
  writer_->Set(touched, offsets[touched] = 7);
  EXPECT_LT(Write(20), 64 * kKiB);
  ExpectNewest(20, offsets);
  EXPECT_LT(Write(30), 16 * kKiB);  // Of which nothing has changed.
  ExpectNewest(30, offsets);
}

TEST_F(CheckpointWriterTest, CompactionAtAnyTimeKeepsTheNewestCheckpoint) {
  record_bytes_max_ = 2000;
  BeginSession();
  NextOffsets offsets = ManyOffsets(40, 10);
  SetAll(offsets);
  for (uint64_t lsn = 10; lsn < 60; ++lsn) {
    const TopicPartition touched{"shop.sales.table_" + std::to_string(lsn % 7), 3};
    writer_->Set(touched, offsets[touched] = static_cast<int64_t>(lsn));
    Write(lsn);
    if (lsn % 3 == 0) Compact();
    ExpectNewest(lsn, offsets);
    if (lsn % 10 == 0) BeginSession();
  }
}

// What a late EndTxn leaves: parts without the checkpoint that names them.
TEST_F(CheckpointWriterTest, PartsOfATornTransactionNeitherCountNorHideThoseThatDo) {
  record_bytes_max_ = 2000;
  BeginSession();
  NextOffsets offsets = ManyOffsets(40, 10);
  SetAll(offsets);
  Write(10);
  for (size_t records = 1; records < 6; ++records) {
    for (const auto& [partition, offset] : offsets) writer_->Set(partition, 5'000'000);
    Produce(20, records);
    kafka_.TearOpenTransaction();
    Compact();
    ExpectNewest(10, offsets);
    BeginSession();
  }
  const TopicPartition touched = offsets.begin()->first;
  writer_->Set(touched, offsets[touched] = 7);
  Write(30);
  Compact();
  ExpectNewest(30, offsets);
}

TEST_F(CheckpointWriterTest, PartsOfAnAbortedTransactionDoNotCount) {
  record_bytes_max_ = 2000;
  BeginSession();
  const NextOffsets offsets = ManyOffsets(40, 10);
  SetAll(offsets);
  Write(10);
  for (const auto& [partition, offset] : offsets) writer_->Set(partition, 5'000'000);
  Produce(20);
  BeginSession();  // Aborts it.
  ExpectNewest(10, offsets);
}

TEST_F(CheckpointWriterTest, TheNumberOfPartsGrowsAndShrinks) {
  record_bytes_max_ = 2000;
  BeginSession();
  const auto write = [&](uint64_t lsn, const NextOffsets& offsets) {
    SetAll(offsets);
    Write(lsn);
    Compact();
    ExpectNewest(lsn, offsets);
    return Read().checkpoint->parts.size();
  };
  EXPECT_EQ(write(10, ManyOffsets(2, 3)), 0U);
  const size_t some = write(20, ManyOffsets(20, 10));
  EXPECT_GT(some, 1U);
  EXPECT_GT(write(30, ManyOffsets(300, 10)), some);
  // Topics were deleted: what later sessions have to say is less, and then more again.
  for (const auto& [lsn, topics] : {std::pair(50U, 20), std::pair(60U, 1), std::pair(70U, 25)}) {
    const auto newest = Read().checkpoint;
    writer_ = std::make_unique<CheckpointWriter>(record_bytes_max_, newest->parts);
    write(lsn, ManyOffsets(topics, 10));
  }
}

TEST_F(CheckpointWriterTest, AMissingPartIsAHaltThatNamesIt) {
  record_bytes_max_ = 2000;
  BeginSession();
  SetAll(ManyOffsets(40, 10));
  Write(10);
  auto& log = kafka_.topics.at(kTopic)[0];
  for (auto& entry : log) {
    if (entry.key == CheckpointPartKey(1, 'a')) entry.is_control = true;
  }
  try {
    Read();
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_EQ(error.exit_code(), ExitCode::kHaltKafka);
    EXPECT_NE(std::string(error.what()).find("offsets/1/a"), std::string::npos) << error.what();
  }
}

TEST_F(CheckpointWriterTest, AnotherCheckpointsPartIsAHalt) {
  record_bytes_max_ = 2000;
  BeginSession();
  SetAll(ManyOffsets(40, 10));
  Write(10);
  auto& log = kafka_.topics.at(kTopic)[0];
  const auto part =
      std::ranges::find(log, std::optional(CheckpointPartKey(1, 'a')), &FakeKafka::Entry::key);
  NextOffsets others = {{{"other", 0}, 1}};
  part->value = EncodeCheckpointPart(Head(9), 1, Read().checkpoint->parts.size(), others).value;
  EXPECT_THROW(Read(), Error);
}

}  // namespace
}  // namespace bw
