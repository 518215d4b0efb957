#include "capture/toast_values.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "capture/change_assembler.h"
#include "capture/pgoutput_decoder.h"
#include "spool/spool.h"
#include "support/pgoutput_builder.h"

namespace bw {
namespace {

namespace fs = std::filesystem;
using pgoutput::Cell;

constexpr uint32_t kTable = 16'384;

// The real assembler and cache; only PostgreSQL is played.
class ToastValuesTest : public testing::Test {
 protected:
  ToastValuesTest() {
    char path[] = "/tmp/bottledwater-toast-values-XXXXXX";
    root_ = mkdtemp(path);
    options_.directory = root_ + "/spool";
    spool_ = Spool::Open(options_);
    spool_->BeginStreamingAt({"7300000000000000001", "shop", "bottledwater", 1},
                             {Position::EndOf(Lsn{0x8}), Lsn{0x8}}, "");
    spool_->log().DropUncaptured();
    Connect();
  }
  ~ToastValuesTest() override {
    assembler_.reset();
    spool_.reset();
    fs::remove_all(root_);
  }

  void Connect() {
    cache_.emplace(TableFilter({}, {}), [this](RelationId id, const Table& table, ReplicaIdentity) {
      FullKey key{KeyFormOf(id.value, table).key};
      if (!key_.empty()) key.columns = key_;
      return key;
    });
    spool_->log().toast().RequireSource({publication_});
    toast_.emplace(
        &spool_->log().toast(),
        [this](RelationId, uint32_t, bool) {
          ++looks_;
          return fingerprint_;
        },
        [this](const RowQuestion& question) {
          asked_ = question;
          return row_now_;
        });
    ChangeAssembler::Hooks hooks;
    hooks.add_schema = [](const TableSchema&) { return SchemaId{1}; };
    hooks.row_refused = [](const Error&, Position) { return false; };
    assembler_.emplace(spool_->ledger().captured(), &*cache_, hooks, &*toast_);
    Announce();
  }
  void Announce() {
    Handle(pgoutput::Relation(kTable, "public", "t", {{"id", 25, true}, {"v", 25}, {"doc", 25}}));
  }
  // The field names without a value, "" when the row is whole, "-" when nothing came out.
  std::string Handle(const std::string& bytes) {
    const Assembled result = assembler_->Handle(decoder_.Decode(bytes));
    if (result == Assembled::kTransaction) spool_->log().EndTransaction(assembler_->end());
    if (result != Assembled::kChange) return "-";
    const Change& change = assembler_->change();
    spool_->log().Append(change);
    value_ = change.value ? std::string(*change.value) : "";
    refetched_ = change.refetched.value_or("");
    return std::string(change.unavailable.value_or(""));
  }
  void Begin() { Handle(pgoutput::Begin(lsn_, 77, 3)); }
  void Commit() {
    Handle(pgoutput::Commit(lsn_, lsn_ + 8));
    lsn_ += 0x10;
  }
  bool Has(const Cell& doc) const { return value_.find(doc.text.value()) != std::string::npos; }
  static Cell Kept() { return Cell::Toast(); }
  static Cell Doc(char letter, size_t size = 3'000) { return {std::string(size, letter), false}; }

  std::string root_;
  SpoolOptions options_{.toast_cache_max_bytes = kGiB};
  std::unique_ptr<Spool> spool_;
  PgoutputDecoder decoder_;
  std::optional<RelationCache> cache_;
  std::optional<ToastValues> toast_;
  std::optional<ChangeAssembler> assembler_;
  std::optional<TableFingerprint> fingerprint_ = TableFingerprint{
      kTable, "file", {{"id", {25, "1/7"}}, {"v", {25, "2/7"}}, {"doc", {25, "3/7"}}}, Lsn{0x50}};
  std::vector<std::string> key_;
  std::string publication_ = "shop";
  int looks_ = 0;
  uint64_t lsn_ = 0x100;
  std::string value_;
  ReadRow row_now_;  // What is found when it is read again.
  std::optional<RowQuestion> asked_;
  std::string refetched_;
};

TEST_F(ToastValuesTest, AnUpdateHasWhatTheInsertSent) {
  Begin();
  Handle(pgoutput::Insert(kTable, {"1", "a", Doc('x')}));
  EXPECT_EQ(Handle(pgoutput::Update(kTable, {"1", "b", Kept()})), "");
  EXPECT_TRUE(Has(Doc('x')));
  Handle(pgoutput::Update(kTable, {"1", "c", Doc('y')}));
  EXPECT_EQ(Handle(pgoutput::Update(kTable, {"1", "d", Kept()})), "");
  EXPECT_TRUE(Has(Doc('y')));
  EXPECT_EQ(toast_->counts().cache, 2u);
  EXPECT_EQ(Handle(pgoutput::Update(kTable, {"2", "d", Kept()})), "doc");
  EXPECT_EQ(toast_->counts().unavailable, 1u);
  Commit();
}

TEST_F(ToastValuesTest, WhatNothingHasIsReadAgainAndNotKept) {
  Begin();
  row_now_ = {ReadValue{false, Doc('n').text.value()}};
  EXPECT_EQ(Handle(pgoutput::Update(kTable, {"1", "b", Kept()})), "");
  EXPECT_EQ(refetched_, "doc");
  EXPECT_TRUE(Has(Doc('n')));
  ASSERT_TRUE(asked_);
  EXPECT_EQ(asked_->key.at(0).text, "1");
  EXPECT_EQ(asked_->columns.at(0).name, "doc");
  EXPECT_EQ(asked_->xid, 77u);
  row_now_.clear();
  EXPECT_EQ(Handle(pgoutput::Update(kTable, {"1", "b", Kept()})), "doc");
  EXPECT_EQ(refetched_, "");
  row_now_ = {std::nullopt};
  EXPECT_EQ(Handle(pgoutput::Update(kTable, {"1", "b", Kept()})), "doc");
  EXPECT_EQ(toast_->counts().refetched, 1u);
  EXPECT_EQ(toast_->counts().unavailable, 2u);
  asked_.reset();
  Handle(pgoutput::Update(kTable, {"1", "b", Doc('x')}));
  EXPECT_EQ(Handle(pgoutput::Update(kTable, {"1", "b", Kept()})), "");
  EXPECT_FALSE(asked_);
  EXPECT_TRUE(Has(Doc('x')));
  Commit();
}

TEST_F(ToastValuesTest, AValueOfNowThatDoesNotFitIsNoReasonToRefuseTheRow) {
  Handle(pgoutput::Relation(kTable, "public", "t", {{"id", 25, true}, {"v", 25}, {"doc", 17}}));
  Begin();
  row_now_ = {ReadValue{false, "\\xzz"}};
  EXPECT_EQ(Handle(pgoutput::Update(kTable, {"1", "b", Kept()})), "doc");
  EXPECT_EQ(refetched_, "");
  EXPECT_EQ(toast_->counts().refetched, 0u);
  EXPECT_EQ(toast_->counts().unavailable, 1u);
  Commit();
}

TEST_F(ToastValuesTest, NoValueSurvivesWhatReplacesIt) {
  Begin();
  Handle(pgoutput::Insert(kTable, {"1", "a", Doc('x')}));
  Handle(pgoutput::Update(kTable, {"1", "b", "short"}));
  EXPECT_EQ(Handle(pgoutput::Update(kTable, {"1", "b", Kept()})), "doc");
  Handle(pgoutput::Update(kTable, {"1", "b", Doc('y')}));
  Handle(pgoutput::Update(kTable, {"1", "b", Cell::Null()}));
  EXPECT_EQ(Handle(pgoutput::Update(kTable, {"1", "b", Kept()})), "doc");
  Handle(pgoutput::Update(kTable, {"1", "b", Doc('y')}));
  Handle(pgoutput::Delete(kTable, 'K', {"1", Cell::Null(), Cell::Null()}));
  EXPECT_EQ(Handle(pgoutput::Update(kTable, {"1", "b", Kept()})), "doc");
  Handle(pgoutput::Insert(kTable, {"1", "b", Doc('y')}));
  Handle(pgoutput::Truncate({kTable}));
  EXPECT_EQ(Handle(pgoutput::Update(kTable, {"1", "b", Kept()})), "doc");
  Commit();
}

TEST_F(ToastValuesTest, ValuesGoWithTheKey) {
  Begin();
  Handle(pgoutput::Insert(kTable, {"1", "a", Doc('x')}));
  Handle(pgoutput::Insert(kTable, {"2", "a", Doc('y')}));
  Handle(pgoutput::Delete(kTable, 'K', {"2", Cell::Null(), Cell::Null()}));
  EXPECT_EQ(Handle(pgoutput::UpdateFrom(kTable, 'K', {"1", Cell::Null(), Cell::Null()},
                                        {"2", "a", Kept()})),
            "");
  EXPECT_TRUE(Has(Doc('x')));
  EXPECT_EQ(Handle(pgoutput::Update(kTable, {"2", "b", Kept()})), "");
  EXPECT_TRUE(Has(Doc('x')));
  EXPECT_EQ(Handle(pgoutput::Update(kTable, {"1", "b", Kept()})), "doc");
  Commit();
}

TEST_F(ToastValuesTest, AnAnnouncementAsksTheCatalogOnce) {
  Begin();
  Handle(pgoutput::Insert(kTable, {"1", "a", Doc('x')}));
  EXPECT_EQ(looks_, 1);  // The table has its first entry.
  Commit();
  fingerprint_->lsn = Lsn{0x10000};
  Announce();
  Begin();
  EXPECT_EQ(Handle(pgoutput::Update(kTable, {"1", "b", Kept()})), "");
  EXPECT_EQ(Handle(pgoutput::Update(kTable, {"1", "c", Kept()})), "");
  EXPECT_EQ(looks_, 2);
  Commit();
  fingerprint_->table = "another file";
  Announce();
  Begin();
  EXPECT_EQ(Handle(pgoutput::Update(kTable, {"1", "b", Kept()})), "doc");
  Handle(pgoutput::Update(kTable, {"1", "b", Doc('y')}));
  EXPECT_EQ(Handle(pgoutput::Update(kTable, {"1", "b", Kept()})), "");
  Commit();
  // It was sent below the LSN at which the new file was first seen.
  Announce();
  Begin();
  EXPECT_EQ(Handle(pgoutput::Update(kTable, {"1", "b", Kept()})), "doc");
  Commit();
}

TEST_F(ToastValuesTest, ATransactionThatCannotBeSeenYetIsNotTrusted) {
  Begin();
  Handle(pgoutput::Insert(kTable, {"1", "a", Doc('x')}));
  Commit();
  fingerprint_.reset();
  Announce();
  Begin();
  EXPECT_EQ(Handle(pgoutput::Update(kTable, {"1", "b", Kept()})), "doc");
  Commit();
}

TEST_F(ToastValuesTest, AColumnThatHasChangedPlacesIsNotTrusted) {
  Begin();
  Handle(pgoutput::Insert(kTable, {"1", "a", Doc('x')}));
  Commit();
  fingerprint_->columns["doc"].signature = "4/9";
  fingerprint_->lsn = Lsn{0x10000};
  Announce();
  Begin();
  EXPECT_EQ(Handle(pgoutput::Update(kTable, {"1", "b", Kept()})), "doc");
  Commit();
}

TEST_F(ToastValuesTest, AnotherKeyAndAnotherIdentityForgetTheTable) {
  const auto columns = [](bool by_id) {
    return pgoutput::Relation(kTable, "public", "t",
                              {{"id", 25, by_id}, {"v", 25, !by_id}, {"doc", 25}});
  };
  Begin();
  Handle(pgoutput::Insert(kTable, {"1", "1", Doc('x')}));
  Handle(columns(false));
  EXPECT_EQ(Handle(pgoutput::Update(kTable, {"1", "1", Kept()})), "doc");
  Handle(columns(true));
  EXPECT_EQ(Handle(pgoutput::Update(kTable, {"1", "1", Kept()})), "doc");
  Handle(pgoutput::Update(kTable, {"1", "1", Doc('y')}));
  key_ = {"id"};
  Handle(pgoutput::Relation(kTable, "public", "t",
                            {{"id", 25, true}, {"v", 25, true}, {"doc", 25, true}}, 'f'));
  Handle(pgoutput::UpdateFrom(kTable, 'O', {"1", "1", Doc('y')}, {"1", "1", Doc('z')}));
  Handle(columns(true));
  EXPECT_EQ(Handle(pgoutput::Update(kTable, {"1", "1", Kept()})), "doc");
  Commit();
}

TEST_F(ToastValuesTest, WhatCannotBeReliedOnIsNotKept) {
  fingerprint_->columns.erase("doc");
  Begin();
  Handle(pgoutput::Insert(kTable, {"1", "a", Doc('x')}));
  EXPECT_EQ(Handle(pgoutput::Update(kTable, {"1", "b", Kept()})), "doc");
  EXPECT_EQ(Handle(pgoutput::Update(kTable, {"1", Doc('v'), Kept()})), "doc");
  EXPECT_EQ(Handle(pgoutput::Update(kTable, {"1", Kept(), Kept()})), "doc");
  EXPECT_TRUE(Has(Doc('v')));
  fingerprint_->columns = {{"v", {25, "2/7"}}, {"doc", {25, "3/7"}}};  // Without the key.
  Announce();
  Handle(pgoutput::Update(kTable, {"1", "b", Doc('x')}));
  EXPECT_EQ(Handle(pgoutput::Update(kTable, {"1", "b", Kept()})), "doc");
  fingerprint_->columns["id"] = {3'500, "1/8"};  // It has become an enum since.
  Announce();
  Handle(pgoutput::Update(kTable, {"1", "b", Doc('x')}));
  EXPECT_EQ(Handle(pgoutput::Update(kTable, {"1", "b", Kept()})), "doc");
  fingerprint_->columns.clear();  // Published as the root of its partitions.
  Announce();
  Handle(pgoutput::Update(kTable, {"1", "b", Doc('x')}));
  EXPECT_EQ(Handle(pgoutput::Update(kTable, {"1", "b", Kept()})), "doc");
  Commit();
  EXPECT_EQ(spool_->log().toast().EntriesOf(kTable), std::nullopt);
}

TEST_F(ToastValuesTest, AnOldTupleWithoutTheKeyForgetsTheTable) {
  Begin();
  Handle(pgoutput::Insert(kTable, {"1", "a", Doc('x')}));
  Handle(pgoutput::UpdateFrom(kTable, 'K', {Cell::Null(), "a", Cell::Null()}, {"2", "a", Kept()}));
  EXPECT_EQ(Handle(pgoutput::Update(kTable, {"1", "b", Kept()})), "doc");
  Commit();
}

// A transaction all of whose rows are refused is sent again after a restart.
TEST_F(ToastValuesTest, ARowThatIsLeftOutForgetsTheTable) {
  Handle(pgoutput::Relation(kTable, "public", "t", {{"id", 25, true}, {"v", 1114}, {"doc", 25}}));
  Begin();
  Handle(pgoutput::Insert(kTable, {"1", "2026-11-23 00:00:00", Doc('x')}));
  EXPECT_EQ(Handle(pgoutput::Update(kTable, {"1", "2026-11-24 00:00:00", Kept()})), "");
  EXPECT_EQ(Handle(pgoutput::Insert(kTable, {"2", "294277-01-01 00:00:00", Doc('y')})), "-");
  EXPECT_EQ(Handle(pgoutput::Update(kTable, {"1", "2026-11-25 00:00:00", Kept()})), "doc");
  Commit();
}

TEST_F(ToastValuesTest, OtherPublicationsForgetEverything) {
  Begin();
  Handle(pgoutput::Insert(kTable, {"1", "a", Doc('x')}));
  Commit();
  const auto restart = [this](const char* publication) {
    EXPECT_TRUE(spool_->log().WaitUntilDurable(Stop()));
    publication_ = publication;
    spool_->log().DropUncaptured();
    Connect();
  };
  restart("another");  // Which captures nothing: nothing is forgotten.
  restart("shop");
  Begin();
  EXPECT_EQ(Handle(pgoutput::Update(kTable, {"1", "b", Kept()})), "");
  Commit();
  restart("another");
  spool_->log().AdvanceIdle(Lsn{lsn_});
  restart("shop");
  Begin();
  EXPECT_EQ(Handle(pgoutput::Update(kTable, {"1", "b", Kept()})), "doc");
  Commit();
}

TEST_F(ToastValuesTest, SmallRowsKeepNothing) {
  Begin();
  Handle(pgoutput::Insert(kTable, {"1", Doc('a', 900), Doc('x', 1'000)}));
  Commit();
  EXPECT_EQ(spool_->log().toast().EntriesOf(kTable), std::nullopt);
}

TEST(ToastPlan, EstimatesFromAbove) {
  Table table;
  const std::pair<const char*, uint32_t> columns[] = {
      {"id", 23}, {"n", 1700}, {"a", 1007}, {"names", 1003}};
  for (const auto& [name, type_oid] : columns) {
    Column column;
    column.name = name;
    column.type_oid = type_oid;
    column.key = column.name == "id";
    table.columns.push_back(column);
  }
  const ToastPlan plan(table, {}, ReplicaIdentity::kDefault);
  EXPECT_TRUE(plan.keeps());
  EXPECT_EQ(plan.columns().size(), 3u);
  const auto is_wide = [&](const char* n, const std::string& a, const std::string& names) {
    const std::vector<TextValue> values = {TextValue::Text("1"), TextValue::Text(n),
                                           TextValue::Text(a), TextValue::Text(names)};
    return plan.IsWide(values, false);
  };
  EXPECT_FALSE(is_wide("1.5", "{1,2}", "{a}"));
  std::string ints = "{1";
  for (int i = 0; i < 500; ++i) ints += ",1";  // 2,024 bytes when stored.
  EXPECT_TRUE(is_wide("1.5", ints + "}", "{}"));
  std::string names = "{a";
  for (int i = 0; i < 32; ++i) names += ",a";
  EXPECT_TRUE(is_wide("1.5", "{}", names + "}"));
  EXPECT_FALSE(ToastPlan(table, {}, ReplicaIdentity::kFull).keeps());
}

}  // namespace
}  // namespace bw
