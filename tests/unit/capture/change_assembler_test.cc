#include "capture/change_assembler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "avro/value_kind.h"
#include "capture/pgoutput_decoder.h"
#include "support/pgoutput_builder.h"

namespace bw {
namespace {

using pgoutput::Cell;
using testing::HasSubstr;

constexpr uint32_t kKeyed = 5;
constexpr uint32_t kUnkeyed = 6;
constexpr uint32_t kFiltered = 7;
constexpr uint32_t kFull = 8;

// What came out, as text: "10:0 c [key] -> value".
struct Out {
  Position position;
  Operation operation;
  std::optional<std::string> old_key;
  std::optional<std::string> key;
  std::optional<std::string> value;
};

class ChangeAssemblerTest : public testing::Test {
 protected:
  void Start(Progress captured = {}) {
    cache_.emplace(TableFilter({}, {"filtered"}),
                   [this](RelationId id, const Table& table, ReplicaIdentity identity) {
                     const bool is_full = identity == ReplicaIdentity::kFull;
                     return FullKey{is_full ? full_key_ : KeyFormOf(id.value, table).key};
                   });
    ChangeAssembler::Hooks hooks;
    hooks.add_schema = [this](const TableSchema& schema) {
      schemas_.push_back(schema);
      return SchemaId{static_cast<uint32_t>(schemas_.size())};
    };
    hooks.row_refused = [this](const Error& error, Position position) {
      refused_.push_back(position);
      if (exit_on_error_) throw Error(error);
      return dead_letters_;
    };
    hooks.keyless = [this](const CachedRelation& relation, const KeylessChange& change) {
      keyless_.push_back(relation.table.name + " " + static_cast<char>(change.operation) + " " +
                         change.position.ToString() + " " + change.column);
    };
    hooks.relation_used = [this](const CachedRelation& relation, Position position) {
      used_.push_back(relation.table.name + " " + position.ToString());
    };
    hooks.truncated = [this](const std::string& tables, Lsn) {
      truncated_.push_back(tables);
      return tombstones_;
    };
    assembler_.emplace(captured, &*cache_, hooks);
    Handle(pgoutput::Relation(kKeyed, "public", "t", {{"id", 23, true}, {"v", 25}}));
    Handle(pgoutput::Relation(kUnkeyed, "public", "log", {{"a", 25}}));
    Handle(pgoutput::Relation(kFiltered, "public", "filtered", {{"a", 23, true}}));
    Handle(pgoutput::Relation(kFull, "public", "full", {{"a", 23, true}, {"b", 25, true}}, 'f'));
  }
  Assembled Handle(const std::string& bytes) {
    const Assembled result = assembler_->Handle(decoder_.Decode(bytes));
    if (result == Assembled::kChange) {
      const Change& change = assembler_->change();
      const auto text = [](std::optional<std::string_view> view) {
        return view ? std::optional<std::string>(*view) : std::nullopt;
      };
      out_.push_back({change.position, change.operation, text(change.old_key), text(change.key),
                      text(change.value)});
    }
    return result;
  }
  std::string ErrorOf(const std::string& bytes) {
    try {
      Handle(bytes);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kHalt);
      return error.what();
    }
    return "";
  }

  // An Avro int and a string, each behind the union's branch 1; the int is doubled by zigzag.
  static std::string Id(int id) { return std::string("\x02") + static_cast<char>(id * 2); }
  static std::string Text(const std::string& text) {
    return std::string("\x02") + static_cast<char>(text.size() * 2) + text;
  }

  PgoutputDecoder decoder_;
  std::optional<RelationCache> cache_;
  std::optional<ChangeAssembler> assembler_;
  std::vector<Out> out_;
  std::vector<TableSchema> schemas_;
  std::vector<Position> refused_;
  std::vector<std::string> truncated_;
  std::vector<std::string> keyless_;
  std::vector<std::string> used_;
  std::vector<std::string> full_key_;
  bool exit_on_error_ = false;
  bool dead_letters_ = false;
  bool tombstones_ = false;
};

TEST_F(ChangeAssemblerTest, GivesEachChangeItsPlaceInTheTransaction) {
  Start();
  EXPECT_EQ(Handle(pgoutput::Begin(0x10, 77, 3)), Assembled::kNothing);
  EXPECT_EQ(Handle(pgoutput::Insert(kKeyed, {"1", "x"})), Assembled::kChange);
  EXPECT_EQ(assembler_->change().xid, 77u);
  EXPECT_EQ(assembler_->change().commit_time_us, 946'684'800'000'003);
  EXPECT_EQ(Handle(pgoutput::Update(kKeyed, {"1", "y"})), Assembled::kChange);
  EXPECT_EQ(Handle(pgoutput::Delete(kKeyed, 'K', {"1", Cell::Null()})), Assembled::kChange);
  EXPECT_TRUE(assembler_->in_transaction());
  EXPECT_EQ(Handle(pgoutput::Commit(0x10, 0x20)), Assembled::kTransaction);
  EXPECT_FALSE(assembler_->in_transaction());
  EXPECT_EQ(assembler_->end(), (TransactionEnd{Lsn{0x10}, Lsn{0x20}, 77, 946'684'800'000'003}));

  ASSERT_EQ(out_.size(), 3u);
  EXPECT_EQ(out_[0].position, (Position{Lsn{0x10}, 0}));
  EXPECT_EQ(out_[0].operation, Operation::kInsert);
  EXPECT_EQ(out_[0].key, Id(1));
  EXPECT_EQ(out_[0].value, Id(1) + Text("x"));
  EXPECT_EQ(out_[1].position, (Position{Lsn{0x10}, 1}));
  EXPECT_EQ(out_[1].operation, Operation::kUpdate);
  EXPECT_EQ(out_[1].old_key, std::nullopt);
  EXPECT_EQ(out_[2].operation, Operation::kDelete);
  EXPECT_EQ(out_[2].key, Id(1));
  EXPECT_EQ(out_[2].value, std::nullopt);
  EXPECT_EQ(schemas_.size(), 1u);
}

TEST_F(ChangeAssemblerTest, CountsWhatItFilters) {
  Start();
  Handle(pgoutput::Begin(0x10));
  EXPECT_EQ(Handle(pgoutput::Insert(kFiltered, {"1"})), Assembled::kNothing);
  Handle(pgoutput::Truncate({kKeyed}));
  Handle(pgoutput::Message("p", "c"));
  Handle(pgoutput::Origin(1, "o"));
  EXPECT_EQ(Handle(pgoutput::Insert(kKeyed, {"1", "x"})), Assembled::kChange);
  EXPECT_EQ(out_[0].position.index, 2u);
  EXPECT_THAT(truncated_, testing::ElementsAre("public.t"));
}

TEST_F(ChangeAssemblerTest, ATruncateComesOutInItsPlaceWithItsTables) {
  Start();
  tombstones_ = true;
  Handle(pgoutput::Begin(0x10));
  Handle(pgoutput::Insert(kKeyed, {"1", "x"}));
  EXPECT_EQ(Handle(pgoutput::Truncate({kFiltered})), Assembled::kNothing);
  EXPECT_EQ(Handle(pgoutput::Truncate({kKeyed, kFiltered, kUnkeyed})), Assembled::kChange);
  EXPECT_EQ(assembler_->change().operation, Operation::kTruncate);
  EXPECT_EQ(out_[1].position.index, 2u);
  std::vector<std::string> tables;
  for (const SchemaId id : TruncatedTables(assembler_->change())) {
    tables.push_back(schemas_[id.value - 1].table);
  }
  EXPECT_THAT(tables, testing::ElementsAre("t", "log"));
  EXPECT_EQ(Handle(pgoutput::Insert(kKeyed, {"1", "x"})), Assembled::kChange);
  EXPECT_EQ(out_[2].position.index, 3u);
}

TEST_F(ChangeAssemblerTest, TurnsAKeyChangeIntoOneChangeWithTheOldKey) {
  Start();
  Handle(pgoutput::Begin(0x10));
  Handle(pgoutput::UpdateFrom(kKeyed, 'K', {"1", Cell::Null()}, {"2", "x"}));
  EXPECT_EQ(out_[0].old_key, Id(1));
  EXPECT_EQ(out_[0].key, Id(2));
  // An old tuple does not mean that the key changed.
  Handle(pgoutput::UpdateFrom(kKeyed, 'K', {"2", Cell::Null()}, {"2", "y"}));
  EXPECT_EQ(out_[1].old_key, std::nullopt);
}

TEST_F(ChangeAssemblerTest, EmitsNothingForDeletesWithoutKeyButCountsThem) {
  Start();
  Handle(pgoutput::Begin(0x10));
  EXPECT_EQ(Handle(pgoutput::Delete(kUnkeyed, 'O', {"x"})), Assembled::kNothing);
  EXPECT_EQ(Handle(pgoutput::Insert(kUnkeyed, {"y"})), Assembled::kChange);
  EXPECT_EQ(out_[0].position.index, 1u);
  EXPECT_EQ(out_[0].key, std::nullopt);
  EXPECT_EQ(schemas_[0].key_json, std::nullopt);
}

TEST_F(ChangeAssemblerTest, EmitsTheNewRowForUpdatesWithFullIdentity) {
  Start();
  Handle(pgoutput::Begin(0x10));
  EXPECT_EQ(Handle(pgoutput::UpdateFrom(kFull, 'O', {"1", "x"}, {"1", "y"})), Assembled::kChange);
  EXPECT_EQ(out_[0].key, std::nullopt);
  EXPECT_EQ(out_[0].value, Id(1) + Text("y"));
}

TEST_F(ChangeAssemblerTest, KeysFullIdentityByThePrimaryKey) {
  full_key_ = {"a"};
  Start();
  Handle(pgoutput::Begin(0x10));
  Handle(pgoutput::UpdateFrom(kFull, 'O', {"1", "x"}, {"2", "x"}));
  EXPECT_EQ(out_[0].old_key, Id(1));
  EXPECT_EQ(out_[0].key, Id(2));
  Handle(pgoutput::Delete(kFull, 'O', {"2", "x"}));
  EXPECT_EQ(out_[1].key, Id(2));
}

TEST_F(ChangeAssemblerTest, TakesUnchangedToastFromTheOldTuple) {
  Start();
  Handle(pgoutput::Begin(0x10));
  Handle(pgoutput::UpdateFrom(kFull, 'O', {"1", "long"}, {"1", Cell::Toast()}));
  EXPECT_EQ(out_[0].value, Id(1) + Text("long"));
  EXPECT_EQ(assembler_->unavailable_values(), 0u);
}

TEST_F(ChangeAssemblerTest, NeverMakesNullOfAnUnchangedToast) {
  Start();
  Handle(pgoutput::Begin(0x10));
  Handle(pgoutput::Update(kKeyed, {"1", Cell::Toast()}));
  EXPECT_EQ(out_[0].value, Id(1) + Text(std::string(kUnavailableValue)));
  EXPECT_EQ(assembler_->unavailable_values(), 1u);
}

TEST_F(ChangeAssemblerTest, TakesATransactionWithoutChangesForUsAsIdle) {
  Start();
  Handle(pgoutput::Begin(0x10));
  EXPECT_EQ(Handle(pgoutput::Commit(0x10, 0x20)), Assembled::kEmptyTransaction);
  Handle(pgoutput::Begin(0x20));
  Handle(pgoutput::Insert(kFiltered, {"1"}));
  EXPECT_EQ(Handle(pgoutput::Commit(0x20, 0x30)), Assembled::kEmptyTransaction);
  EXPECT_EQ(assembler_->end().end_lsn, Lsn{0x30});
}

TEST_F(ChangeAssemblerTest, DropsWhatWasCapturedBefore) {
  Start({Position::EndOf(Lsn{0x20}), Lsn{0x30}});
  Handle(pgoutput::Begin(0x20));
  EXPECT_EQ(Handle(pgoutput::Insert(kKeyed, {"1", "x"})), Assembled::kNothing);
  EXPECT_EQ(Handle(pgoutput::Commit(0x20, 0x30)), Assembled::kNothing);
  // The next one begins where the captured one ended: it is new.
  Handle(pgoutput::Begin(0x30));
  EXPECT_EQ(Handle(pgoutput::Insert(kKeyed, {"1", "x"})), Assembled::kChange);
  EXPECT_EQ(Handle(pgoutput::Commit(0x30, 0x40)), Assembled::kTransaction);
}

TEST_F(ChangeAssemblerTest, KeepsTheTransactionAtTheSnapshotsConsistentPoint) {
  Start({Position::EndOf(Lsn{0x2F}), Lsn{0x30}});
  Handle(pgoutput::Begin(0x30));
  EXPECT_EQ(Handle(pgoutput::Insert(kKeyed, {"1", "x"})), Assembled::kChange);
}

TEST_F(ChangeAssemblerTest, DropsOnlyTheCapturedPartOfATransaction) {
  Start({{Lsn{0x20}, 1}, Lsn{0x20}});
  Handle(pgoutput::Begin(0x20));
  for (const char* id : {"1", "2", "3"}) Handle(pgoutput::Insert(kKeyed, {id, "x"}));
  EXPECT_EQ(Handle(pgoutput::Commit(0x20, 0x30)), Assembled::kTransaction);
  ASSERT_EQ(out_.size(), 1u);
  EXPECT_EQ(out_[0].position, (Position{Lsn{0x20}, 2}));
}

TEST_F(ChangeAssemblerTest, UsesTheFormThatTheTableHadAtTheTime) {
  Start();
  Handle(pgoutput::Begin(0x10));
  Handle(pgoutput::Insert(kKeyed, {"1", "x"}));
  Handle(pgoutput::Relation(kKeyed, "public", "t", {{"id", 23, true}, {"v", 25}, {"w", 25}}));
  EXPECT_THAT(ErrorOf(pgoutput::Insert(kKeyed, {"2", "y"})), HasSubstr("with 2 columns"));
  EXPECT_EQ(Handle(pgoutput::Insert(kKeyed, {"2", "y", "z"})), Assembled::kChange);
  EXPECT_EQ(schemas_.size(), 2u);
}

TEST_F(ChangeAssemblerTest, SkipsARefusedRowAndCountsIt) {
  Start();
  Handle(pgoutput::Begin(0x10));
  EXPECT_EQ(Handle(pgoutput::Insert(kKeyed, {"not a number", "x"})), Assembled::kNothing);
  EXPECT_EQ(Handle(pgoutput::Insert(kKeyed, {"1", "x"})), Assembled::kChange);
  EXPECT_THAT(refused_, testing::ElementsAre(Position{Lsn{0x10}, 0}));
  EXPECT_EQ(out_[0].position.index, 1u);
}

TEST_F(ChangeAssemblerTest, ARefusedRowComesOutInItsPlaceAsADeadLetter) {
  Start();
  dead_letters_ = true;
  Handle(pgoutput::Relation(kKeyed, "public", "t", {{"id", 23, true}, {"v", 1114}}));
  Handle(pgoutput::Begin(0x10));
  EXPECT_EQ(Handle(pgoutput::Insert(kKeyed, {"7", "no time"})), Assembled::kChange);
  EXPECT_EQ(Handle(pgoutput::Insert(kKeyed, {"no number", pgoutput::Cell::Null()})),
            Assembled::kChange);
  ASSERT_EQ(out_.size(), 2u);
  const Change& change = assembler_->change();
  EXPECT_EQ(change.operation, Operation::kRefused);
  EXPECT_EQ(RowOperation(change), Operation::kInsert);
  EXPECT_EQ(out_[0].position.index, 0u);
  EXPECT_TRUE(out_[0].key);
  EXPECT_THAT(*out_[0].value, HasSubstr(R"(,"row":{"id":"7","v":"no time"}})"));
  EXPECT_FALSE(out_[1].key);  // Only its text is known.
  EXPECT_THAT(*out_[1].value, HasSubstr(R"(,"row":{"id":"no number","v":null}})"));
}

TEST_F(ChangeAssemblerTest, StopsBeforeARefusedRowWhenToldTo) {
  Start();
  exit_on_error_ = true;
  Handle(pgoutput::Begin(0x10));
  try {
    Handle(pgoutput::Insert(kKeyed, {"not a number", "x"}));
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kRow);
  }
}

TEST_F(ChangeAssemblerTest, RefusesMessagesOutOfPlace) {
  Start();
  EXPECT_THAT(ErrorOf(pgoutput::Commit(0x10, 0x20)), HasSubstr("Commit outside"));
  EXPECT_THAT(ErrorOf(pgoutput::Insert(kKeyed, {"1", "x"})), HasSubstr("Insert outside"));
  EXPECT_THAT(ErrorOf(pgoutput::Update(kKeyed, {"1", "x"})), HasSubstr("Update outside"));
  EXPECT_THAT(ErrorOf(pgoutput::Delete(kKeyed, 'K', {"1", "x"})), HasSubstr("Delete outside"));
  EXPECT_THAT(ErrorOf(pgoutput::Truncate({kKeyed})), HasSubstr("Truncate outside"));
  EXPECT_THAT(ErrorOf(pgoutput::Origin(1, "o")), HasSubstr("Origin outside"));
  Handle(pgoutput::Begin(0x10));
  EXPECT_THAT(ErrorOf(pgoutput::Begin(0x20)),
              testing::AllOf(HasSubstr("Begin"), HasSubstr("0/10"), HasSubstr("0/20")));
}

TEST_F(ChangeAssemblerTest, RefusesLsnsThatMakeNoSense) {
  Start();
  EXPECT_THAT(ErrorOf(pgoutput::Begin(0)), HasSubstr("0/0"));
  Handle(pgoutput::Begin(0x10));
  EXPECT_THAT(ErrorOf(pgoutput::Commit(0x11, 0x20)), HasSubstr("Commit of 0/11"));
  EXPECT_THAT(ErrorOf(pgoutput::Commit(0x10, 0x10)), HasSubstr("ends at 0/10"));
  Handle(pgoutput::Commit(0x10, 0x20));
  EXPECT_THAT(ErrorOf(pgoutput::Begin(0x10)), HasSubstr("0/10"));
  EXPECT_THAT(ErrorOf(pgoutput::Begin(0x1F)), HasSubstr("0/1F"));
  EXPECT_EQ(Handle(pgoutput::Begin(0x20)), Assembled::kNothing);
}

TEST_F(ChangeAssemblerTest, RefusesUnknownRelationsAndOtherColumnCounts) {
  Start();
  Handle(pgoutput::Begin(0x10));
  EXPECT_THAT(ErrorOf(pgoutput::Insert(99, {"1"})), HasSubstr("relation 99"));
  EXPECT_THAT(ErrorOf(pgoutput::Truncate({99})), HasSubstr("relation 99"));
  EXPECT_THAT(ErrorOf(pgoutput::Insert(kKeyed, {"1"})), HasSubstr("with 1 columns"));
  EXPECT_THAT(ErrorOf(pgoutput::UpdateFrom(kKeyed, 'K', {"1"}, {"1", "x"})),
              HasSubstr("1 old and 2 new"));
  EXPECT_THAT(ErrorOf(pgoutput::Insert(kFiltered, {"1", "2"})), HasSubstr("with 2 columns"));
}

TEST_F(ChangeAssemblerTest, NeverPutsANullIntoAKey) {
  Start();
  Handle(pgoutput::Begin(0x10));
  EXPECT_EQ(Handle(pgoutput::Delete(kKeyed, 'K', {Cell::Null(), "x"})), Assembled::kNothing);
  EXPECT_EQ(Handle(pgoutput::Insert(kKeyed, {Cell::Null(), "x"})), Assembled::kNothing);
  EXPECT_EQ(Handle(pgoutput::Update(kKeyed, {Cell::Null(), "x"})), Assembled::kNothing);
  // What the row is now is known.
  EXPECT_EQ(Handle(pgoutput::UpdateFrom(kKeyed, 'K', {Cell::Null(), "x"}, {"1", "y"})),
            Assembled::kChange);
  ASSERT_EQ(out_.size(), 1u);
  EXPECT_EQ(out_[0].key, Id(1));
  EXPECT_EQ(out_[0].old_key, std::nullopt);
  EXPECT_EQ(keyless_, (std::vector<std::string>{"t d 0/10:0 id", "t c 0/10:1 id", "t u 0/10:2 id",
                                                "t u 0/10:3 id"}));
  EXPECT_TRUE(refused_.empty());
}

TEST_F(ChangeAssemblerTest, TellsOfADeleteWithoutAKey) {
  Start();
  Handle(pgoutput::Begin(0x10));
  EXPECT_EQ(Handle(pgoutput::Delete(kFull, 'O', {"1", "x"})), Assembled::kNothing);
  EXPECT_EQ(keyless_, std::vector<std::string>{"full d 0/10:0 "});
}

TEST_F(ChangeAssemblerTest, TellsOfEachRelationOnceWhenARowOfItIsNew) {
  Start({Position::EndOf(Lsn{0x10}), Lsn{0x18}});
  for (const uint64_t commit : {0x10U, 0x20U}) {
    Handle(pgoutput::Begin(commit));
    Handle(pgoutput::Insert(kKeyed, {"1", "x"}));
    Handle(pgoutput::Insert(kKeyed, {"2", "x"}));
    Handle(pgoutput::Commit(commit, commit + 8));
  }
  EXPECT_EQ(used_, std::vector<std::string>{"t 0/20:0"});
}

// --- Forms (docs/decisions/0018) -----------------------------------------------------------------

constexpr uint32_t kForms = 9;
constexpr uint32_t kNumeric = 1700;
constexpr uint32_t kInt4Array = 1007;
constexpr int32_t kTypmod = ((4 << 16) | 1) + 4;  // numeric(4,1)

class FormsTest : public ChangeAssemblerTest {
 protected:
  void Begin() {
    Start();
    Handle(pgoutput::Relation(kForms, "public", "forms",
                              {{"k", kNumeric, true, kTypmod}, {"a", kInt4Array}}));
    Handle(pgoutput::Begin(0x10));
  }
  const TableSchema& SchemaOf(SchemaId id) const { return schemas_.at(id.value - 1); }
  static bool HasText(const std::string& schema) {
    return schema.find("postgresql_text_of") != std::string::npos;
  }
};

TEST_F(FormsTest, HaveASchemaEachFromTheirFirstRowOn) {
  Begin();
  Handle(pgoutput::Insert(kForms, {"1.5", "{1}"}));
  EXPECT_EQ(schemas_.size(), 1u);
  Handle(pgoutput::Insert(kForms, {"1.5", "{{1}}"}));
  EXPECT_EQ(schemas_.size(), 2u);
  Handle(pgoutput::Insert(kForms, {"NaN", "{1}"}));
  EXPECT_EQ(schemas_.size(), 3u);
  for (const char* k : {"1.5", "NaN"}) {
    for (const char* a : {"{1}", "{{1}}"}) Handle(pgoutput::Insert(kForms, {k, a}));
  }
  ASSERT_EQ(schemas_.size(), 3u);
  EXPECT_FALSE(HasText(schemas_[0].value_json));
  EXPECT_TRUE(HasText(schemas_[1].value_json));
  EXPECT_EQ(schemas_[1].key_json, schemas_[0].key_json);
  EXPECT_TRUE(HasText(schemas_[2].value_json));
  EXPECT_TRUE(HasText(*schemas_[2].key_json));
  EXPECT_EQ(assembler_->change().schema_id, SchemaId{3});
}

TEST_F(FormsTest, OfADeleteIsItsKeys) {
  Begin();
  Handle(pgoutput::Delete(kForms, 'K', {"1.5", Cell::Null()}));
  EXPECT_FALSE(HasText(*SchemaOf(assembler_->change().schema_id).key_json));
  Handle(pgoutput::Delete(kForms, 'K', {"NaN", Cell::Null()}));
  EXPECT_TRUE(HasText(*SchemaOf(assembler_->change().schema_id).key_json));
  EXPECT_EQ(out_[1].key, std::string("\0", 1) + Text("NaN"));
}

TEST_F(FormsTest, OfAnOldKeyMayBeAnother) {
  Begin();
  struct Case {
    const char* old_key;
    const char* key;
    const char* array;
    bool is_other;
  };
  for (const Case& c : {Case{"1.5", "2.5", "{1}", false}, Case{"1.5", "2.5", "{{1}}", false},
                        Case{"1.5", "NaN", "{1}", true}, Case{"NaN", "1.5", "{1}", true},
                        Case{"NaN", "1.5", "{{1}}", true}, Case{"NaN", "Infinity", "{1}", false}}) {
    const size_t before = out_.size();
    Handle(pgoutput::UpdateFrom(kForms, 'K', {c.old_key, Cell::Null()}, {c.key, c.array}));
    // One change with one position, whatever the forms.
    ASSERT_EQ(out_.size(), before + 1);
    EXPECT_EQ(out_.back().position, (Position{Lsn{0x10}, before}));
    const Change& change = assembler_->change();
    EXPECT_TRUE(change.old_key.has_value());
    EXPECT_EQ(change.old_key_schema_id.has_value(), c.is_other) << c.old_key << " " << c.key;
    EXPECT_EQ(HasText(*SchemaOf(change.old_key_schema()).key_json),
              std::string(c.old_key) == "NaN");
    EXPECT_EQ(HasText(*SchemaOf(change.schema_id).key_json),
              std::string(c.key) != "1.5" && std::string(c.key) != "2.5");
  }
}

TEST_F(FormsTest, OfAnUnchangedKeyHasNoOldKey) {
  Begin();
  Handle(pgoutput::UpdateFrom(kForms, 'K', {"NaN", Cell::Null()}, {"NaN", "{1}"}));
  EXPECT_EQ(out_[0].old_key, std::nullopt);
  EXPECT_FALSE(assembler_->change().old_key_schema_id.has_value());
}

TEST_F(FormsTest, KeepThePlaceholderOfAnArrayBesideIt) {
  Begin();
  Handle(pgoutput::Update(kForms, {"1.5", Cell::Toast()}));
  EXPECT_EQ(assembler_->unavailable_values(), 1u);
  EXPECT_TRUE(HasText(SchemaOf(assembler_->change().schema_id).value_json));
  EXPECT_EQ(out_[0].value, std::string("\x02\x02\x0f\0", 4) + Text(std::string(kUnavailableValue)));
}

}  // namespace
}  // namespace bw
