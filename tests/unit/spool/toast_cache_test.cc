#include "spool/toast_cache.h"

#include <gtest/gtest.h>
#include <rocksdb/db.h>

#include <filesystem>
#include <map>
#include <random>

#include "base/error.h"
#include "spool/spool.h"
#include "spool/spool_directory.h"
#include "spool/spool_verify.h"

namespace bw {
namespace {

namespace fs = std::filesystem;

constexpr uint32_t kTable = 16'384;
constexpr uint32_t kOther = 16'385;

class ToastCacheTest : public testing::Test {
 protected:
  ToastCacheTest() {
    char path[] = "/tmp/bottledwater-toast-test-XXXXXX";
    root_ = mkdtemp(path);
    options_.directory = root_ + "/spool";
    options_.memtable_bytes = 2 * kMiB;
    Open();
    spool_->BeginStreamingAt({"7300000000000000001", "shop", "bottledwater", 1},
                             {Position::EndOf(Lsn{100}), Lsn{110}}, "");
    spool_->log().DropUncaptured();
  }
  ~ToastCacheTest() override {
    spool_.reset();
    fs::remove_all(root_);
  }

  void Open() {
    spool_ = Spool::Open(options_);
    if (spool_->ledger().state().phase == SpoolPhase::kStreaming) spool_->log().DropUncaptured();
  }
  // As after kill -9: what was not captured is gone, though it may be on the disk.
  void Crash() {
    spool_.reset();
    Open();
  }
  ToastCache& toast() { return spool_->log().toast(); }
  static ToastRow Row(uint32_t relation, const std::string& key) { return {relation, 1, key}; }

  // More than may wait: when there is room again, the first piece of the transaction was taken to
  // be written, although it has not ended.
  void AppendChunks() {
    value_ = Noise(2 * kMiB);
    for (uint64_t bytes = 0; bytes <= options_.pending_bytes_max; bytes += value_.size()) Append();
    value_ = "v";
    ASSERT_TRUE(spool_->log().WaitForRoom(stop_, Clock::Real().Now() + Duration(60'000)));
  }
  void Append() {
    Change change;
    change.position = {Lsn{next_lsn_}, index_++};
    change.schema_id = spool_->log().AddSchema({"public", "test", std::nullopt, "{}"});
    change.value = value_;
    spool_->log().Append(change);
  }
  void End() {
    Append();
    spool_->log().EndTransaction({Lsn{next_lsn_}, Lsn{next_lsn_ + 10}});
    next_lsn_ += 20;
    index_ = 0;
  }
  void WaitDurable() {
    ASSERT_TRUE(spool_->log().WaitUntilDurable(stop_, Clock::Real().Now() + Duration(60'000)));
  }
  void Commit() {
    End();
    WaitDurable();
  }
  void Put(const std::string& key, const std::string& text, uint32_t relation = kTable) {
    toast().Put(Row(relation, key), "doc", {{Lsn{next_lsn_}, index_}, text});
  }
  void Erase(const std::string& key) { toast().Erase(Row(kTable, key), "doc"); }
  std::string Find(const std::string& key, uint32_t relation = kTable) {
    const auto found = toast().Find(Row(relation, key), "doc");
    return found ? found->text : "-";
  }
  // More than stays in memory: 9 values of a megabyte that does not compress.
  void PutMuch(const std::string& prefix) {
    for (int i = 0; i < 9; ++i) Put(prefix + std::to_string(i), Noise(kMiB));
  }
  std::string Noise(size_t size) {
    std::string noise(size, '\0');
    for (size_t i = 0; i + 8 <= size; i += 8) {
      const uint64_t random = random_();
      std::copy_n(reinterpret_cast<const char*>(&random), 8, noise.data() + i);
    }
    return noise;
  }

  std::string root_;
  SpoolOptions options_{.toast_cache_max_bytes = kGiB};
  std::unique_ptr<Spool> spool_;
  Stop stop_;
  uint64_t next_lsn_ = 200;
  uint64_t index_ = 0;
  std::string value_ = "v";
  std::mt19937_64 random_{7};
};

TEST_F(ToastCacheTest, FindsTheNewestValueAlsoAfterARestart) {
  EXPECT_EQ(Find("a"), "-");
  Put("a", "first");
  EXPECT_EQ(Find("a"), "first");
  Commit();
  Put("a", "second");
  Put("b", "other", kOther);
  Commit();
  EXPECT_EQ(Find("a"), "second");
  Crash();
  EXPECT_EQ(Find("a"), "second");
  EXPECT_EQ(toast().Find(Row(kTable, "a"), "doc")->position, (Position{Lsn{220}, 0}));
  EXPECT_EQ(Find("b", kOther), "other");
  EXPECT_EQ(Find("b"), "-");
  EXPECT_EQ(toast().Find(Row(kTable, "a"), "other_column"), std::nullopt);
}

TEST_F(ToastCacheTest, IsAsOfCapturedAfterACrash) {
  Put("a", "old");
  Put("b", "kept");
  Put("c", "of the other", kOther);
  Commit();
  Put("a", "new");
  Erase("b");
  toast().EraseRelation(kOther);
  EXPECT_EQ(Find("a"), "new");
  EXPECT_EQ(Find("b"), "-");
  EXPECT_EQ(Find("c", kOther), "-");
  AppendChunks();
  Crash();
  EXPECT_EQ(Find("a"), "old");
  EXPECT_EQ(Find("b"), "kept");
  EXPECT_EQ(Find("c", kOther), "of the other");
}

TEST_F(ToastCacheTest, ASpillThatWasNotCapturedIsForgotten) {
  Put("a", "old");
  Put("b", "kept");
  Commit();
  Erase("b");
  Put("a", "new");
  PutMuch("x");
  EXPECT_EQ(Find("a"), "new");
  EXPECT_EQ(Find("b"), "-");
  EXPECT_EQ(Find("x0").size(), kMiB);
  Crash();
  EXPECT_EQ(Find("a"), "old");
  EXPECT_EQ(Find("b"), "kept");
  EXPECT_EQ(Find("x0"), "-");
  // Its generation's number is used again.
  PutMuch("y");
  Commit();
  Crash();
  EXPECT_EQ(Find("x0"), "-");
  EXPECT_EQ(Find("y0").size(), kMiB);
}

// The writer's thread sleeps, and no change follows that would wake it.
TEST_F(ToastCacheTest, ASpillThatFillsTheBatchIsWritten) {
  Commit();
  PutMuch("x");
  EXPECT_TRUE(spool_->log().WaitForRoom(stop_, Clock::Real().Now() + Duration(20'000)));
}

TEST_F(ToastCacheTest, ASpillCountsWithTheTransaction) {
  Put("a", "old");
  Put("b", "kept");
  Put("c", "of the other", kOther);
  Commit();
  Put("a", "new");
  Erase("b");
  PutMuch("x");
  toast().EraseRelation(kOther);
  Put("d", "after", kOther);
  PutMuch("y");
  Commit();
  Crash();
  EXPECT_EQ(Find("a"), "new");
  EXPECT_EQ(Find("b"), "-");
  EXPECT_EQ(Find("c", kOther), "-");
  EXPECT_EQ(Find("d", kOther), "after");
  EXPECT_EQ(Find("x8").size(), kMiB);
}

TEST_F(ToastCacheTest, ASpillOfATableThatIsThenErasedIsErased) {
  PutMuch("x");
  toast().EraseRelation(kTable);
  EXPECT_EQ(Find("x0"), "-");
  Put("x1", "again");
  EXPECT_EQ(Find("x1"), "again");
  Commit();
  EXPECT_EQ(Find("x0"), "-");
  EXPECT_EQ(Find("x1"), "again");
  Crash();
  EXPECT_EQ(Find("x0"), "-");
  EXPECT_EQ(Find("x1"), "again");
}

TEST_F(ToastCacheTest, ErasesEverythingWithTheNextEnd) {
  Put("a", "old");
  Commit();
  toast().EraseAll();
  EXPECT_EQ(Find("a"), "-");
  Put("b", "new");
  Commit();
  Crash();
  EXPECT_EQ(Find("a"), "-");
  EXPECT_EQ(Find("b"), "new");
}

TEST_F(ToastCacheTest, BeginsEmptyWithANewSpool) {
  Put("a", "old");
  toast().NoteProof(kTable, {"file", {{"doc", {"3/700", Lsn{5}}}}});
  Commit();
  spool_->BeginStreamingAt({"7300000000000000001", "shop", "bottledwater", 1},
                           {Position::EndOf(Lsn{900}), Lsn{910}}, "");
  EXPECT_EQ(Find("a"), "-");
  EXPECT_EQ(toast().FindProof(kTable), nullptr);
}

TEST_F(ToastCacheTest, KeepsProofs) {
  const ToastProof proof{"file", {{"doc", {"3/700", Lsn{5}}}, {"id", {"1/7", Lsn{6}}}}};
  toast().NoteProof(kTable, proof);
  Commit();
  Crash();
  ASSERT_NE(toast().FindProof(kTable), nullptr);
  EXPECT_EQ(*toast().FindProof(kTable), proof);
}

TEST_F(ToastCacheTest, ForgetsEverythingWhenItIsSwitchedOff) {
  Put("a", "old");
  Commit();
  options_.toast_cache_max_bytes = 0;
  Crash();
  EXPECT_EQ(Find("a"), "-");
  Put("b", "new");
  EXPECT_EQ(Find("b"), "-");
  Commit();
  options_.toast_cache_max_bytes = kGiB;
  Crash();
  EXPECT_EQ(Find("a"), "-");
}

TEST_F(ToastCacheTest, ForgetsTheOldestBeyondTheLimit) {
  options_.toast_cache_max_bytes = 4 * kMiB;
  Crash();
  for (int i = 0; i < 100; ++i) {
    Put(std::to_string(i), Noise(100 * kKiB));
    Commit();
  }
  EXPECT_EQ(Find("0"), "-");
  EXPECT_NE(Find("99"), "-");
  int kept = 0;
  for (int i = 0; i < 100; ++i) kept += Find(std::to_string(i)) == "-" ? 0 : 1;
  EXPECT_GE(kept, 20);
  EXPECT_LE(kept, 60);
  Crash();
  EXPECT_EQ(Find("0"), "-");
  EXPECT_NE(Find("99"), "-");
}

TEST_F(ToastCacheTest, GivesItsRoomAway) {
  Put("a", "value");
  Commit();
  EXPECT_TRUE(toast().GiveRoom());
  EXPECT_EQ(Find("a"), "-");
  EXPECT_FALSE(toast().GiveRoom());
  Put("a", "again");
  Commit();
  EXPECT_EQ(Find("a"), "again");
  Crash();
  EXPECT_EQ(Find("a"), "again");
}

// As 0.1.0 has left it.
TEST_F(ToastCacheTest, ASpoolWithoutTheFamilyCanBeReadAndGetsItWhenOpened) {
  Put("a", "value");
  Commit();
  spool_.reset();
  const std::string path = StorePath(options_);
  std::vector<rocksdb::ColumnFamilyDescriptor> families;
  for (const char* name : {"default", "changes", "schemas", "toast"}) {
    families.emplace_back(name, rocksdb::ColumnFamilyOptions());
  }
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* db = nullptr;
  ASSERT_TRUE(rocksdb::DB::Open({}, path, families, &handles, &db).ok());
  ASSERT_TRUE(db->DropColumnFamily(handles[3]).ok());
  for (rocksdb::ColumnFamilyHandle* handle : handles) db->DestroyColumnFamilyHandle(handle);
  delete db;
  EXPECT_EQ(
      VerifySpool(options_, [](const std::string& finding) { ADD_FAILURE() << finding; }).findings,
      0u);
  Open();
  EXPECT_EQ(Find("a"), "-");
  Put("a", "again");
  Commit();
  Crash();
  EXPECT_EQ(Find("a"), "again");
  spool_.reset();
  VerifySpool(options_, [](const std::string& finding) { ADD_FAILURE() << finding; });
}

// Against a map: with room for everything each value is found; with little, each is absent or
// right. Crashes at any time.
class ToastCacheModel : public ToastCacheTest, public testing::WithParamInterface<uint64_t> {};

TEST_P(ToastCacheModel, HoldsWhatWasCaptured) {
  options_.toast_cache_max_bytes = GetParam();
  const bool has_room = GetParam() >= kGiB;
  Crash();
  std::map<std::pair<uint32_t, std::string>, std::string> captured;
  auto now = captured;
  uint64_t found = 0;
  for (int step = 0; step < 6'000; ++step) {
    const uint32_t relation = kTable + static_cast<uint32_t>(random_() % 3);
    const std::string key = std::to_string(random_() % 40);
    const uint64_t dice = random_() % 1'000;
    if (dice < 600) {
      const size_t size = dice < 30 ? random_() % (3 * kMiB) : random_() % 3'000;
      const std::string text = std::to_string(step) + "/" + Noise(size);
      Put(key, text, relation);
      now[{relation, key}] = text;
    } else if (dice < 750) {
      toast().Erase(Row(relation, key), "doc");
      now.erase({relation, key});
    } else if (dice < 760) {
      toast().EraseRelation(relation);
      std::erase_if(now, [&](const auto& entry) { return entry.first.first == relation; });
    } else if (dice < 762) {
      toast().EraseAll();
      now.clear();
    } else if (dice < 780) {
      End();
      if (dice < 770) WaitDurable();
      captured = now;
    } else if (dice < 786) {
      WaitDurable();
      Crash();
      now = captured;
    } else {
      const auto expected = now.find({relation, key});
      const std::string actual = Find(key, relation);
      const std::string wanted = expected == now.end() ? "-" : expected->second;
      // EXPECT_EQ would print megabytes.
      ASSERT_TRUE(actual == wanted || (!has_room && actual == "-"))
          << "step " << step << ": " << actual.substr(0, 10) << " for " << wanted.substr(0, 10);
      found += actual == "-" ? 0 : 1;
    }
  }
  EXPECT_GT(found, 50u);
}

INSTANTIATE_TEST_SUITE_P(WithRoomAndWithout, ToastCacheModel,
                         testing::Values(kGiB, 6 * kMiB, 24 * kMiB));

}  // namespace
}  // namespace bw
