// Reading a spool without changing it, and verifying all of it.

#include "spool/spool_reader.h"

#include <gtest/gtest.h>
#include <rocksdb/env.h>
#include <rocksdb/write_batch.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <thread>

#include "base/byte_size.h"
#include "base/error.h"
#include "spool/corruption.h"
#include "spool/meta_format.h"
#include "spool/spool.h"
#include "spool/spool_store.h"
#include "spool/spool_verify.h"

namespace bw {
namespace {

namespace fs = std::filesystem;
using Family = SpoolStore::Family;

constexpr Lsn kBegin{100};

// Files that cannot be read any more, until somebody looks at the directory again: as if another
// process had deleted them.
class VanishingFiles : public rocksdb::EnvWrapper {
 public:
  VanishingFiles() : rocksdb::EnvWrapper(rocksdb::Env::Default()) {}
  void Vanish() { vanished_ = true; }

  rocksdb::Status NewRandomAccessFile(const std::string& name,
                                      std::unique_ptr<rocksdb::RandomAccessFile>* result,
                                      const rocksdb::EnvOptions& options) override {
    std::unique_ptr<rocksdb::RandomAccessFile> file;
    const rocksdb::Status status = target()->NewRandomAccessFile(name, &file, options);
    if (status.ok()) *result = std::make_unique<File>(std::move(file), &vanished_);
    return status;
  }
  rocksdb::Status GetChildren(const std::string& folder,
                              std::vector<std::string>* result) override {
    vanished_ = false;
    return target()->GetChildren(folder, result);
  }

 private:
  class File : public rocksdb::RandomAccessFile {
   public:
    File(std::unique_ptr<rocksdb::RandomAccessFile> file, const bool* vanished)
        : file_(std::move(file)), vanished_(vanished) {}
    rocksdb::Status Read(uint64_t offset, size_t bytes, rocksdb::Slice* result,
                         char* scratch) const override {
      if (*vanished_) return rocksdb::Status::PathNotFound("vanished");
      return file_->Read(offset, bytes, result, scratch);
    }

   private:
    const std::unique_ptr<rocksdb::RandomAccessFile> file_;
    const bool* const vanished_;
  };

  bool vanished_ = false;
};

class SpoolReaderTest : public testing::Test {
 protected:
  SpoolReaderTest() {
    char path[] = "/tmp/bottledwater-reader-test-XXXXXX";
    root_ = mkdtemp(path);
    options_.directory = root_ + "/spool";
  }
  ~SpoolReaderTest() override {
    spool_.reset();
    fs::remove_all(root_);
  }

  void OpenStreaming() {
    spool_ = Spool::Open(options_);
    spool_->BeginStreamingAt(kSource, {Position::EndOf(kBegin), Lsn{110}}, "");
    spool_->log().DropUncaptured();
  }
  void Append(uint64_t commit_lsn, uint64_t index, const std::string& value) {
    Change change;
    change.position = {Lsn{commit_lsn}, index};
    change.schema_id = spool_->log().AddSchema({"public", "test", "{\"key\":1}", "{\"value\":1}"});
    change.xid = static_cast<uint32_t>(commit_lsn);
    change.key = "k";
    change.value = value;
    spool_->log().Append(change);
  }
  void Commit(uint64_t commit_lsn, uint64_t changes, const std::string& value = "v") {
    for (uint64_t i = 0; i < changes; ++i) Append(commit_lsn, i, value);
    TransactionEnd end{Lsn{commit_lsn}, Lsn{commit_lsn + 10}};
    end.xid = static_cast<uint32_t>(commit_lsn);
    spool_->log().EndTransaction(end);
    ASSERT_TRUE(spool_->log().WaitUntilDurable(stop_));
  }
  void Publish(uint64_t commit_lsn) {
    spool_->ledger().SetPublished({Position::EndOf(Lsn{commit_lsn}), Lsn{commit_lsn + 10}});
    spool_->log().Trim(Position::EndOf(Lsn{commit_lsn}));
  }
  // What nobody of ours would write.
  void WriteRaw(Family family, std::string_view key, std::string_view value) {
    spool_.reset();
    SpoolStore store(options_, options_.directory + "/db");
    rocksdb::WriteBatch batch;
    store.Put(&batch, family, key, value);
    store.Write(&batch, /*sync=*/true);
  }
  void EraseRaw(Family family, std::string_view key) {
    spool_.reset();
    SpoolStore store(options_, options_.directory + "/db");
    rocksdb::WriteBatch batch;
    store.Delete(&batch, family, key);
    store.Write(&batch, /*sync=*/true);
  }
  std::vector<Position> Positions(SpoolReader* reader, Position after = Position::Zero()) {
    std::vector<Position> positions;
    SpoolRecords records = reader->Read(after, Position::EndOf(Lsn::Max()));
    while (const SpoolRecord* record = records.Next()) positions.push_back(record->position);
    return positions;
  }
  // What is found, one sentence a line.
  std::string Findings() {
    std::string findings;
    counts_ = VerifySpool(options_, [&](const std::string& found) { findings += found + "\n"; });
    return findings;
  }
  std::map<std::string, std::string> Files() {
    std::map<std::string, std::string> files;
    for (const auto& entry : fs::recursive_directory_iterator(options_.directory)) {
      std::ostringstream content;
      if (entry.is_regular_file()) content << std::ifstream(entry.path()).rdbuf();
      files[entry.path()] = content.str();
    }
    return files;
  }

  inline static const Source kSource{"7300000000000000001", "shop", "bottledwater", 1};
  std::string root_;
  SpoolOptions options_;
  std::unique_ptr<Spool> spool_;
  Stop stop_;
  VerifiedSpool counts_;
};

TEST_F(SpoolReaderTest, SaysThatThereIsNoSpool) {
  for (int round = 0; round < 2; ++round) {
    try {
      SpoolReader reader(options_);
      FAIL();
    } catch (const Error& error) {
      EXPECT_EQ(error.exit_code(), ExitCode::kSpoolUnusable);
      EXPECT_NE(std::string(error.what()).find("--spool=DIR"), std::string::npos) << error.what();
    }
    EXPECT_FALSE(fs::exists(options_.directory + "/db"));
    fs::create_directory(options_.directory);
  }
}

TEST_F(SpoolReaderTest, ReadsBesideARelayWhatIsCaptured) {
  OpenStreaming();
  Commit(200, 2);
  Append(300, 0, "unfinished");
  SpoolReader reader(options_);
  EXPECT_EQ(Positions(&reader),
            (std::vector<Position>{{Lsn{200}, 0}, {Lsn{200}, 1}, Position::EndOf(Lsn{200})}));
  EXPECT_EQ(reader.picture().state.captured.position, Position::EndOf(Lsn{200}));
  EXPECT_EQ(reader.picture().state.source, kSource);
  EXPECT_EQ(reader.OldestTransaction(), Lsn{200});
  EXPECT_EQ(Positions(&reader, {Lsn{200}, 0}).size(), 2u);
  EXPECT_EQ(reader.Schema(SchemaId{1}).table, "test");
  EXPECT_THROW(reader.Schema(SchemaId{2}), CorruptSpool);
  EXPECT_GT(reader.bytes_on_disk(), 0u);
}

TEST_F(SpoolReaderTest, ShowsNothingBelowTheHead) {
  OpenStreaming();
  Commit(200, 2);
  Commit(300, 1);
  Publish(200);
  SpoolReader reader(options_);
  EXPECT_EQ(Positions(&reader), (std::vector<Position>{{Lsn{300}, 0}, Position::EndOf(Lsn{300})}));
  EXPECT_EQ(reader.OldestTransaction(), Lsn{300});
}

TEST_F(SpoolReaderTest, LeavesEveryFileAsItIs) {
  options_.memtable_bytes = 64 * kKiB;
  OpenStreaming();
  for (uint64_t lsn = 200; lsn < 2200; lsn += 100) Commit(lsn, 20, std::string(1000, 'x'));
  Publish(700);
  spool_.reset();
  const auto before = Files();
  const auto directory_time = fs::last_write_time(options_.directory + "/db");
  {
    SpoolReader reader(options_);
    EXPECT_EQ(Positions(&reader).size(), 14u * 21u);
    EXPECT_EQ(Findings(), "");
  }
  EXPECT_EQ(Files(), before);
  EXPECT_EQ(fs::last_write_time(options_.directory + "/db"), directory_time);
}

TEST_F(SpoolReaderTest, DoesNotKeepARelayFromStarting) {
  OpenStreaming();
  Commit(200, 2);
  spool_.reset();
  SpoolReader reader(options_);
  SpoolRecords records = reader.Read(Position::Zero(), Position::EndOf(Lsn::Max()));
  ASSERT_NE(records.Next(), nullptr);
  spool_ = Spool::Open(options_);
  Commit(300, 2);
  ASSERT_NE(records.Next(), nullptr);
  EXPECT_EQ(Positions(&reader).size(), 3u);  // As it was.
}

// Small memtables, so that logs and files come and go all the time. Every picture must be whole: no
// transaction is missing in the middle, none is cut.
TEST_F(SpoolReaderTest, IsExactBesideARelayThatWritesAndTrims) {
  options_.memtable_bytes = 64 * kKiB;
  OpenStreaming();
  std::atomic<bool> stopping{false};
  std::atomic<uint64_t> written{0};
  std::thread writer([&] {
    auto next = std::chrono::steady_clock::now();
    for (uint64_t number = 1; !stopping; ++number) {
      // A log that lasts for some 40 ms: with shorter ones, where a disk syncs at once, no reader
      // finds the same files twice.
      std::this_thread::sleep_until(next += std::chrono::milliseconds(4));
      Commit(100 + number * 100, 3, std::string(2000, static_cast<char>('a' + number % 26)));
      written = number;
      if (number % 50 == 0) Publish(100 + (number - 20) * 100);
    }
  });
  uint64_t reads = 0;
  uint64_t records_read = 0;
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(4);
  while (std::chrono::steady_clock::now() < end) {
    const uint64_t before = written;
    SpoolReader reader(options_);
    const SpoolState& state = reader.picture().state;
    EXPECT_GE(state.captured.position, Position::EndOf(Lsn{100 + before * 100}));
    SpoolRecords records = reader.Read(state.published.position, state.captured.position);
    Position expected{Lsn{std::max(state.published.position.commit_lsn, kBegin).value + 100}, 0};
    while (const SpoolRecord* record = records.Next()) {
      if (records.missed()) break;  // Trimmed beyond this picture's `published`.
      EXPECT_EQ(record->position.ToString(), expected.ToString());
      if (record->position != expected) break;
      ++records_read;
      if (expected.is_end()) {
        expected = {Lsn{expected.commit_lsn.value + 100}, 0};
      } else {
        expected.index = expected.index == 2 ? Position::kEndIndex : expected.index + 1;
      }
    }
    if (!records.missed()) {
      EXPECT_EQ(expected.commit_lsn.value, state.captured.position.commit_lsn.value + 100);
    }
    ++reads;
  }
  stopping = true;
  writer.join();
  EXPECT_GT(reads, 5u);
  EXPECT_GT(records_read, 100u);
  EXPECT_GT(written.load(), 500u);
  EXPECT_EQ(Findings(), "");
}

// In files, more than a cursor reads ahead.
TEST_F(SpoolReaderTest, GoesOnWhereItWasWhenAFileIsGone) {
  OpenStreaming();
  for (uint64_t lsn = 200; lsn < 10'200; lsn += 100) Commit(lsn, 100, std::string(1000, 'x'));
  spool_.reset();
  spool_ = Spool::Open(options_);
  for (const bool trims : {false, true}) {
    VanishingFiles files;
    SpoolOptions options;
    options.env = &files;
    options.directory = options_.directory + "/db";
    SpoolReader reader(options);
    SpoolRecords records = reader.Read(Position::Zero(), Position::EndOf(Lsn::Max()));
    Position newest;
    uint64_t read = 0;
    while (const SpoolRecord* record = records.Next()) {
      ASSERT_GT(record->position, newest);
      newest = record->position;
      if (++read != 1000) continue;
      if (trims) Publish(9000);
      files.Vanish();
    }
    EXPECT_EQ(newest, Position::EndOf(Lsn{10'100}));
    EXPECT_EQ(records.missed(), trims);
    if (trims) {
      EXPECT_LT(read, 100u * 101);
      continue;
    }
    EXPECT_EQ(read, 100u * 101);
  }
}

// --- VerifySpool -------------------------------------------------------------------------------

TEST_F(SpoolReaderTest, VerifyCountsWhatItHasRead) {
  OpenStreaming();
  Commit(200, 2);
  Commit(300, 1);
  EXPECT_EQ(Findings(), "");
  EXPECT_EQ(counts_.changes, 3u);
  EXPECT_EQ(counts_.transactions, 2u);
  EXPECT_EQ(counts_.schemas, 1u);
  EXPECT_GT(counts_.meta_entries, 5u);
  EXPECT_GT(counts_.bytes, 100u);
  EXPECT_EQ(counts_.findings, 0u);
}

TEST_F(SpoolReaderTest, VerifyNamesTheRecordWhoseChecksumIsWrongAndGoesOn) {
  OpenStreaming();
  for (uint64_t lsn = 200; lsn < 600; lsn += 100) Commit(lsn, 2);
  std::string record;
  Change change;
  change.position = {Lsn{300}, 1};
  change.schema_id = SchemaId{1};
  change.value = "v";
  const PositionKey key = EncodePositionKey(change.position);
  EncodeChange(key, change, &record);
  record.back() = '!';
  WriteRaw(Family::kChanges, key, record);
  const std::string findings = Findings();
  EXPECT_NE(findings.find("record at 0/12C:1"), std::string::npos) << findings;
  EXPECT_NE(findings.find("checksum"), std::string::npos) << findings;
  EXPECT_EQ(counts_.findings, 1u);
  EXPECT_EQ(counts_.changes, 7u);
}

TEST_F(SpoolReaderTest, VerifyNamesThePlaceOfADamagedFileAndReadsTheOthers) {
  options_.memtable_bytes = 64 * kKiB;
  OpenStreaming();
  for (uint64_t lsn = 200; lsn < 6200; lsn += 100) Commit(lsn, 20, std::string(1000, 'x'));
  spool_.reset();
  std::vector<fs::path> tables;
  for (const auto& entry : fs::directory_iterator(options_.directory + "/db")) {
    if (entry.path().extension() == ".sst" && entry.file_size() > 2000) tables.push_back(entry);
  }
  ASSERT_GT(tables.size(), 2u);
  std::ranges::sort(tables);
  std::fstream file(tables[1], std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(1000);
  file.put('!');
  file.close();
  const std::string findings = Findings();
  EXPECT_EQ(counts_.findings, 1u) << findings;
  EXPECT_NE(findings.find("After 0/"), std::string::npos) << findings;
  EXPECT_NE(findings.find(tables[1].filename()), std::string::npos) << findings;
  EXPECT_GT(counts_.transactions, 20u);
}

TEST_F(SpoolReaderTest, VerifyFindsWhatIsMissing) {
  OpenStreaming();
  for (uint64_t lsn = 200; lsn < 600; lsn += 100) Commit(lsn, 2);
  EraseRaw(Family::kChanges, EncodePositionKey(Position::EndOf(Lsn{300})));
  EXPECT_EQ(Findings(), "The transaction at 0/12C has no end, and what follows it is captured\n");
  EraseRaw(Family::kSchemas, EncodeSchemaKey(SchemaId{1}));
  EXPECT_NE(Findings().find("Its record at 0/C8:0 refers to schema 1"), std::string::npos);
  EraseRaw(Family::kChanges, EncodePositionKey(Position::EndOf(Lsn{500})));
  const std::string findings = Findings();
  EXPECT_NE(findings.find("The transaction at 0/1F4 has no end"), std::string::npos) << findings;
  EXPECT_NE(findings.find("The newest captured transaction, at 0/1F4, is not there"),
            std::string::npos)
      << findings;
}

TEST_F(SpoolReaderTest, VerifyChecksMetaEntries) {
  OpenStreaming();
  WriteRaw(Family::kMeta, kMetaMembers, WrapMeta(kMetaMembers, "[1"));
  WriteRaw(Family::kMeta, "held/x", "no checksum");
  const std::string findings = Findings();
  EXPECT_EQ(counts_.findings, 2u) << findings;
  EXPECT_NE(findings.find("Meta entry members: "), std::string::npos) << findings;
  EXPECT_NE(findings.find("Meta entry held/x: "), std::string::npos) << findings;
}

}  // namespace
}  // namespace bw
