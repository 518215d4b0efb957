#include "capture/key_watch.h"

#include <gtest/gtest.h>

#include "support/empty_catalog.h"
#include "support/streaming_spool.h"

namespace bw {
namespace {

constexpr uint32_t kRelation = 7;

// A catalog that knows one key, for every relation.
class OneKeyCatalog : public EmptyCatalog {
 public:
  std::optional<TableKey> key;

  std::optional<TableKey> ReadPrimaryKey(RelationId) override { return key; }
};

class KeyWatchTest : public testing::Test {
 protected:
  KeyWatchTest() { watch_.emplace(spool_.get(), &figures_, &catalog_); }
  static Table MakeTable(const std::string& name, const std::vector<std::string>& key) {
    Table table;
    table.schema = "public";
    table.name = name;
    for (const std::string column_name : {"a", "b"}) {
      Column column;
      column.name = column_name;
      column.type_oid = 23;
      column.type_name = "integer";
      column.key = std::find(key.begin(), key.end(), column_name) != key.end();
      table.columns.push_back(column);
    }
    return table;
  }
  static TableKey Key(const std::vector<std::string>& key, const std::string& name = "t") {
    return TableKeyOf(kRelation, MakeTable(name, key));
  }
  CachedRelation Relation(const Table& table, KeyCertainty certainty = KeyCertainty::kKnown) {
    return CachedRelation(RelationId{kRelation}, table, {}, ReplicaIdentity::kFull, certainty, true,
                          {});
  }
  void Use(const Table& table, KeyCertainty certainty = KeyCertainty::kKnown) {
    watch_->OnUsed(Relation(table, certainty), {Lsn{16}, 0});
  }
  void Check(const std::vector<std::string>& key, const TableFilter& filter = {},
             ReplicaIdentity identity = ReplicaIdentity::kFull, const std::string& name = "t") {
    CapturedTable table;
    table.oid = kRelation;
    table.table = MakeTable(name, key);
    table.identity = identity;
    const auto is_captured = [&](const CapturedTable& it) {
      return filter.Selects(it.table.schema, it.table.name);
    };
    CheckKeys({table}, is_captured, spool_.get());
  }
  std::vector<std::string> Noted() {
    std::vector<std::string> names;
    for (const Reread& note : spool_->ledger().rereads()) names.push_back(note.table.table);
    return names;
  }

  StreamingSpool spool_;
  CaptureFigures figures_;
  OneKeyCatalog catalog_;
  std::optional<TableKey>& current_ = catalog_.key;
  std::optional<KeyWatch> watch_;
};

TEST_F(KeyWatchTest, KeepsAKeyFromItsFirstUse) {
  Use(MakeTable("t", {"a"}));
  EXPECT_EQ(spool_->ledger().FindTableKey(kRelation), Key({"a"}));
  EXPECT_TRUE(Noted().empty());
  EXPECT_EQ(
      watch_->Choose(RelationId{kRelation}, MakeTable("t", {}), ReplicaIdentity::kFull).columns,
      std::vector<std::string>{"a"});
}

TEST_F(KeyWatchTest, AChangedKeyIsNotedUnderTheNameThatTheTableHasNow) {
  current_ = Key({"b"}, "renamed");
  Use(MakeTable("t", {"a"}));
  Use(MakeTable("t", {"b"}));
  EXPECT_EQ(Noted(), std::vector<std::string>{"renamed"});
  EXPECT_EQ(spool_->ledger().FindTableKey(kRelation), Key({"b"}));
}

TEST_F(KeyWatchTest, ARenamedTableIsReadAgainUnderItsNewName) {
  current_ = Key({"a"}, "other");
  Use(MakeTable("t", {"a"}));
  EXPECT_TRUE(Noted().empty());
  Use(MakeTable("other", {"a"}));
  EXPECT_EQ(Noted(), std::vector<std::string>{"other"});
  EXPECT_EQ(spool_->ledger().FindTableKey(kRelation), Key({"a"}, "other"));
}

TEST_F(KeyWatchTest, ATableThatTheCatalogHasUnderAnotherNameIsReadAgain) {
  Use(MakeTable("t", {"a"}));
  Check({"a"}, {}, ReplicaIdentity::kDefault, "other");
  EXPECT_EQ(Noted(), std::vector<std::string>{"other"});
  EXPECT_EQ(spool_->ledger().FindTableKey(kRelation), Key({"a"}));  // Until it was read again.
}

TEST_F(KeyWatchTest, ATableOfWhichRowsWereDroppedIsReadAgainWhenItIsSelected) {
  current_ = Key({"a"});
  for (const bool is_kept : {true, false}) {
    if (is_kept) Use(MakeTable("t", {"a"}));
    const CachedRelation left_out(RelationId{kRelation}, MakeTable("t", {"a"}), {},
                                  ReplicaIdentity::kDefault, KeyCertainty::kKnown, false, {});
    watch_->OnUsed(left_out, {Lsn{16}, 0});
    EXPECT_EQ(spool_->ledger().FindTableKey(kRelation)->table, TableName{});
    Check({"a"}, TableFilter({}, {"t"}), ReplicaIdentity::kDefault);
    EXPECT_TRUE(Noted().empty());
    Check({"a"}, {}, ReplicaIdentity::kDefault);
    EXPECT_EQ(Noted(), std::vector<std::string>{"t"});
    spool_->ledger().ForgetReread(spool_->ledger().rereads().front());
    Use(MakeTable("t", {"a"}));  // Or the stream sees it first.
    EXPECT_EQ(Noted(), std::vector<std::string>{"t"});
    EXPECT_EQ(spool_->ledger().FindTableKey(kRelation), Key({"a"}));
    spool_->ledger().ForgetReread(spool_->ledger().rereads().front());
  }
}

TEST_F(KeyWatchTest, AGuessIsCountedAndHealedWhileTheTableIsThere) {
  Use(MakeTable("t", {"a"}), KeyCertainty::kGuessed);
  EXPECT_EQ(Noted(), std::vector<std::string>{"t"});  // Dropped: for its rows without a key.
  current_ = Key({"a"});
  Use(MakeTable("t", {}), KeyCertainty::kUnknown);
  EXPECT_EQ(Noted(), std::vector<std::string>{"t"});
  EXPECT_EQ(figures_.unsure_keys.load(), 2U);
  EXPECT_EQ(spool_->ledger().FindTableKey(kRelation), Key({"a"}));  // Not what is unknown.
}

TEST_F(KeyWatchTest, AChangeWithoutItsKeyIsCountedAndHealed) {
  current_ = Key({"a"});
  const CachedRelation relation = Relation(MakeTable("t", {"a"}));
  for (uint64_t i = 0; i < 3; ++i) {
    watch_->OnKeyless(relation, {Operation::kDelete, {Lsn{16}, i}, "a"});
  }
  EXPECT_EQ(figures_.keyless_changes.load(), 3U);
  EXPECT_EQ(Noted(), std::vector<std::string>{"t"});
}

TEST_F(KeyWatchTest, ATableThatHasNoKeyIsNotHealed) {
  current_ = Key({});
  watch_->OnKeyless(Relation(MakeTable("t", {})), {Operation::kDelete, {Lsn{16}, 0}, ""});
  EXPECT_EQ(figures_.keyless_changes.load(), 1U);
  EXPECT_TRUE(Noted().empty());
}

TEST_F(KeyWatchTest, TheCatalogsKeysOfFullTablesAreKeptOrFoundToHaveChanged) {
  Check({"a"});
  EXPECT_EQ(spool_->ledger().FindTableKey(kRelation), Key({"a"}));
  Check({"a"});
  EXPECT_TRUE(Noted().empty());
  Check({"b"}, TableFilter({}, {"t"}));
  EXPECT_TRUE(Noted().empty());
  Check({"b"});
  Check({"b"});
  EXPECT_EQ(Noted(), std::vector<std::string>{"t"});
  EXPECT_EQ(spool_->ledger().FindTableKey(kRelation), Key({"a"}));  // Until it was read again.
}

TEST_F(KeyWatchTest, TheCatalogsKeysOfOtherTablesAreKeptByTheirRowsAlone) {
  Check({"a"}, {}, ReplicaIdentity::kDefault);
  EXPECT_EQ(spool_->ledger().FindTableKey(kRelation), std::nullopt);
  Use(MakeTable("t", {"a"}));
  Check({"b"}, {}, ReplicaIdentity::kDefault);
  EXPECT_EQ(Noted(), std::vector<std::string>{"t"});
}

TEST_F(KeyWatchTest, AKeyOutsideOfWhatIsPublishedIsNotAChange) {
  Table listed = MakeTable("t", {});
  std::erase_if(listed.columns, [](const Column& column) { return column.name == "a"; });
  Use(listed);
  Check({"a"});
  EXPECT_TRUE(Noted().empty());
}

TEST_F(KeyWatchTest, APublishedRootWithUnfitLeavesIsNotedAndSaid) {
  CapturedTable root;
  root.oid = kRelation;
  root.partitioned = true;
  root.table = MakeTable("root", {"a"});
  root.unfit_leaves = {{"public", "leaf"}};
  Publication publication;
  publication.publishes_delete = true;
  std::vector<std::string> said;
  const auto check = [&](const TableFilter& filter) {
    CheckLeaves({root}, {publication}, filter, spool_.get(),
                [&](const std::string& table, const std::string&) { said.push_back(table); });
  };
  check(TableFilter());
  EXPECT_TRUE(Noted().empty());
  publication.tables = {{"public", "root", {}, {}}};
  check(TableFilter({}, {"root"}));
  EXPECT_TRUE(Noted().empty());
  check(TableFilter());
  EXPECT_EQ(Noted(), std::vector<std::string>{"root"});
  EXPECT_EQ(said, std::vector<std::string>{"public.root"});
}

}  // namespace
}  // namespace bw
