#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "avro/schema_builder.h"
#include "base/bytes.h"
#include "publish/publish_session.h"
#include "publish/publisher.h"
#include "support/make_table.h"
#include "support/one_by_one_registry.h"
#include "unit/publish/fake_kafka.h"

namespace bw {

inline constexpr char kCheckpointTopic[] = "bottledwater.shop.bottledwater.checkpoint";

// Time stands still until a test moves it.
class FakeClock : public Clock {
 public:
  TimePoint Now() override { return now; }
  int64_t WallMicros() override { return 0; }
  bool WaitUntil(std::unique_lock<std::mutex>* lock, std::condition_variable* changed,
                 TimePoint deadline, const std::function<bool()>& done) override {
    return Clock::Real().WaitUntil(lock, changed, deadline, done);
  }
  void SleepUntil(TimePoint, const Stop&) override {}
  std::unique_ptr<Thread> Start(std::function<void()> run) override {
    return Clock::Real().Start(std::move(run));
  }
  TimePoint now = std::chrono::steady_clock::now();
};

class FakeRegistry : public OneByOneRegistry {
 public:
  int32_t Register(const std::string& subject, const std::string& schema_json) override {
    if (away) throw TransientError("registry is away");
    if (refused.contains(subject)) throw RowError("refused");
    return ids.try_emplace(subject + schema_json, static_cast<int32_t>(ids.size() + 1))
        .first->second;
  }
  bool away = false;
  std::set<std::string> refused;
  std::map<std::string, int32_t> ids;
};

// A spool in a folder of its own, a Kafka and a clock. Commits transactions as capture would.
class PublishSessionTest : public ::testing::Test {
 protected:
  PublishSessionTest() {
    folder_ = std::filesystem::temp_directory_path() /
              ("bw-publish-" + std::to_string(getpid()) + "-" +
               ::testing::UnitTest::GetInstance()->current_test_info()->name());
    std::filesystem::remove_all(folder_);
    OpenSpool();
    options_.output_format = OutputFormat::kAvro;
    options_.commit_pause = Duration(0);
    memory_ = std::make_unique<PublishMemory>(&registry_);
  }
  ~PublishSessionTest() override {
    spool_.reset();
    std::filesystem::remove_all(folder_);
  }

  void OpenSpool() {
    SpoolOptions options;
    options.directory = folder_;
    options.tally_transactions = true;
    spool_ = Spool::Open(options);
    spool_->BeginStreamingAt({"S1", "shop", "bottledwater", 1}, {{Lsn{1}, 0}, Lsn{1}}, "");
  }

  SchemaId SchemaOf(const std::string& table, bool keyed = true) {
    const Table columns{"public", table, {MakeColumn("id", 23, keyed)}};
    return spool_->log().AddSchema(
        {"public", table, BuildKeySchema(columns), BuildValueSchema(columns)});
  }
  // One transaction with `count` inserts; keys and values are made of the position.
  void Commit(uint64_t lsn, int count = 1, const std::string& table = "test") {
    const SchemaId schema = SchemaOf(table);
    for (int i = 0; i < count; ++i) {
      Change change;
      change.position = {Lsn{lsn}, static_cast<uint64_t>(i)};
      change.operation = Operation::kInsert;
      change.schema_id = schema;
      change.commit_time_us = static_cast<int64_t>(lsn) * 1000;
      const std::string body = change.position.ToString();
      change.key = body;
      change.value = body;
      spool_->log().Append(change);
    }
    End(lsn);
  }
  void CommitLarge(uint64_t lsn, size_t bytes) {
    Change change;
    change.position = {Lsn{lsn}, 0};
    change.operation = Operation::kInsert;
    change.schema_id = SchemaOf("test");
    change.key = "key";
    change.value = std::string(bytes, 'x');
    spool_->log().Append(change);
    End(lsn);
  }
  void CommitTruncate(uint64_t lsn) {
    Change change;
    change.position = {Lsn{lsn}, 0};
    change.operation = Operation::kTruncate;
    change.schema_id = SchemaOf("test");
    std::string tables;
    AppendU32(&tables, change.schema_id.value);
    change.value = tables;
    spool_->log().Append(change);
    End(lsn);
  }
  // An insert whose bodies can be decoded, of a transaction that has an xid.
  void CommitId(uint64_t lsn, const std::string& table) {
    Change change;
    change.position = {Lsn{lsn}, 0};
    change.operation = Operation::kInsert;
    change.schema_id = SchemaOf(table);
    change.xid = 7;
    change.key = change.value = "\x02\x0e";
    spool_->log().Append(change);
    End(lsn, change.xid);
  }
  // An update that could not be encoded.
  void CommitRefused(uint64_t lsn) {
    Change change;
    change.position = {Lsn{lsn}, 0};
    change.operation = Operation::kRefused;
    change.schema_id = SchemaOf("test");
    change.value = R"(u{"reason":"no time","row":{"id":"7"}})";
    spool_->log().Append(change);
    End(lsn);
  }
  void CommitKeyChange(uint64_t lsn) {
    Change change;
    change.position = {Lsn{lsn}, 0};
    change.operation = Operation::kUpdate;
    change.schema_id = SchemaOf("test");
    change.old_key = "old";
    change.key = "new";
    change.value = "row";
    spool_->log().Append(change);
    End(lsn);
  }
  void End(uint64_t lsn, uint32_t xid = 0) {
    spool_->log().EndTransaction({Lsn{lsn}, Lsn{lsn + 1}, xid});
    ASSERT_TRUE(spool_->log().WaitUntilDurable(stop_, Clock::Real().Now() + Duration(10'000)));
  }

  Overrides overrides_;
  const std::atomic<bool> paused_{false};
  PublishParts Parts() {
    PublishParts parts;
    parts.paused = &paused_;
    parts.cluster = &kafka_;
    parts.spool = spool_.get();
    parts.clock = &clock_;
    parts.overrides = overrides_;
    parts.places = {"spool", kCheckpointTopic};
    return parts;
  }
  std::unique_ptr<PublishSession> NewSession() {
    return std::make_unique<PublishSession>(options_, Parts(), memory_.get(), stop_);
  }
  std::unique_ptr<PublishSession> StartedSession() {
    auto session = NewSession();
    session->Start();
    return session;
  }
  static void Drain(PublishSession* session) {
    while (session->TakeStep() == PublishSession::Step::kPublished) {
    }
  }
  // As the relay does: sessions until one has nothing more to do.
  void PublishAll() {
    for (int attempt = 0; attempt < 10; ++attempt) {
      try {
        Drain(StartedSession().get());
        return;
      } catch (const Error& error) {
        ASSERT_EQ(error.kind(), ErrorKind::kTransient) << error.what();
      }
    }
    FAIL() << "no session succeeds";
  }

  std::vector<std::string> Positions(const std::string& topic = "test", size_t partition = 0) {
    std::vector<std::string> positions;
    for (const auto& record : kafka_.Committed(topic, partition)) {
      positions.push_back(record.Header("lsn") + record.Header("op"));
    }
    return positions;
  }
  std::vector<Checkpoint> Checkpoints() {
    std::vector<Checkpoint> checkpoints;
    for (const auto& record : kafka_.Committed(kCheckpointTopic)) {
      if (record.key != kCheckpointKey) continue;
      checkpoints.push_back(DecodeCheckpoint(*record.value, "test"));
    }
    return checkpoints;
  }
  Checkpoint NewestCheckpoint() { return Checkpoints().back(); }
  static Error ErrorOf(const std::function<void()>& act) {
    try {
      act();
    } catch (const Error& error) {
      return error;
    }
    ADD_FAILURE() << "no error";
    return TransientError("");
  }

  std::filesystem::path folder_;
  Stop stop_;
  FakeClock clock_;
  FakeKafka kafka_;
  FakeRegistry registry_;
  PublishOptions options_;
  std::unique_ptr<Spool> spool_;
  std::unique_ptr<PublishMemory> memory_;
};

}  // namespace bw
