#include "capture/relation_cache.h"

#include <gtest/gtest.h>

#include "capture/pgoutput_decoder.h"
#include "support/pgoutput_builder.h"

namespace bw {
namespace {

class RelationCacheTest : public testing::Test {
 protected:
  RelationCacheTest()
      : cache_(
            TableFilter({}, {"excluded"}),
            [this](RelationId id, const Table& table, ReplicaIdentity identity) {
              ++lookups_;
              if (identity == ReplicaIdentity::kFull) return FullKey{primary_key_, certainty_};
              return FullKey{is_part_ ? std::vector<std::string>()
                                      : KeyFormOf(id.value, table).key};
            },
            {},
            [this](const std::vector<uint32_t>& oids, uint32_t) {
              asked_.push_back(oids);
              return types_;
            }) {}
  static UserType Domain(uint32_t base_oid, int32_t typmod) {
    UserType type;
    type.base_oid = base_oid;
    type.base_typmod = typmod;
    return type;
  }
  static UserType Enum(std::vector<std::string> labels) {
    UserType type;
    type.labels = std::move(labels);
    return type;
  }
  bool Add(const std::string& bytes) {
    return cache_.AddRelation(std::get<RelationMessage>(decoder_.Decode(bytes)));
  }
  void AddType(const std::string& bytes) {
    cache_.AddType(std::get<TypeMessage>(decoder_.Decode(bytes)));
  }
  const CachedRelation& At(uint32_t id) { return *cache_.Find(RelationId{id}); }

  PgoutputDecoder decoder_;
  std::vector<std::string> primary_key_;
  KeyCertainty certainty_ = KeyCertainty::kKnown;
  bool is_part_ = false;  // What the stream marks is not the whole key.
  int lookups_ = 0;
  UserTypes types_;
  std::vector<std::vector<uint32_t>> asked_;
  RelationCache cache_;
};

TEST_F(RelationCacheTest, KnowsOnlyWhatWasAnnounced) {
  EXPECT_EQ(cache_.Find(RelationId{5}), nullptr);
  EXPECT_TRUE(Add(pgoutput::Relation(5, "public", "t", {{"id", 23, true}, {"v", 25}})));
  EXPECT_TRUE(At(5).encoder.has_key());
  EXPECT_TRUE(At(5).table.columns[0].key);
  EXPECT_FALSE(At(5).table.columns[1].key);
  EXPECT_EQ(At(5).table.columns[0].type_name, "integer");
}

TEST_F(RelationCacheTest, KeepsTheSchemaIdWhenNothingChanged) {
  const std::string relation = pgoutput::Relation(5, "public", "t", {{"id", 23, true}});
  EXPECT_TRUE(Add(relation));
  cache_.Find(RelationId{5})->schema_ids[0] = SchemaId{3};
  EXPECT_FALSE(Add(relation));
  EXPECT_EQ(At(5).schema_ids[0], SchemaId{3});
  EXPECT_TRUE(Add(pgoutput::Relation(5, "public", "t", {{"id", 20, true}})));
  EXPECT_FALSE(At(5).schema_ids[0].has_value());
}

TEST_F(RelationCacheTest, NamesTypesOfUsers) {
  AddType(pgoutput::Type(20000, "public", "mood"));
  Add(pgoutput::Relation(5, "public", "t", {{"m", 20000}}));
  EXPECT_EQ(At(5).table.columns[0].type_name, "mood");
}

TEST_F(RelationCacheTest, LooksUpThePrimaryKeyForFullIdentity) {
  primary_key_ = {"b"};
  Add(pgoutput::Relation(5, "public", "t", {{"a", 23, true}, {"b", 23, true}}, 'f'));
  EXPECT_EQ(lookups_, 1);
  EXPECT_FALSE(At(5).table.columns[0].key);
  EXPECT_TRUE(At(5).table.columns[1].key);
}

TEST_F(RelationCacheTest, TakesFullIdentityWithoutPrimaryKeyAsUnkeyed) {
  Add(pgoutput::Relation(5, "public", "t", {{"a", 23, true}}, 'f'));
  EXPECT_FALSE(At(5).encoder.has_key());
}

TEST_F(RelationCacheTest, NeverTakesAPartOfAKeyForAKey) {
  primary_key_ = {"a", "gone"};
  Add(pgoutput::Relation(5, "public", "t", {{"a", 23, true}, {"b", 23, true}}, 'f'));
  EXPECT_FALSE(At(5).encoder.has_key());
  EXPECT_EQ(At(5).key_certainty, KeyCertainty::kUnknown);
}

TEST_F(RelationCacheTest, NeverTakesAMarkedPartOfAKeyForAKey) {
  const std::string relation = pgoutput::Relation(5, "public", "t", {{"id", 23, true}, {"v", 25}});
  is_part_ = true;
  EXPECT_TRUE(Add(relation));
  EXPECT_FALSE(At(5).encoder.has_key());
  EXPECT_EQ(At(5).key_certainty, KeyCertainty::kKnown);
  EXPECT_FALSE(Add(relation));
  is_part_ = false;
  EXPECT_TRUE(Add(relation));
  EXPECT_TRUE(At(5).encoder.has_key());
}

TEST_F(RelationCacheTest, AsksForNoKeyWhereNothingIsMarked) {
  Add(pgoutput::Relation(5, "public", "t", {{"a", 23}}));
  EXPECT_EQ(lookups_, 0);
}

TEST_F(RelationCacheTest, KeepsHowSureAKeyIs) {
  primary_key_ = {"a"};
  certainty_ = KeyCertainty::kGuessed;
  EXPECT_TRUE(Add(pgoutput::Relation(5, "public", "t", {{"a", 23, true}}, 'f')));
  EXPECT_EQ(At(5).key_certainty, KeyCertainty::kGuessed);
  certainty_ = KeyCertainty::kKnown;
  EXPECT_TRUE(Add(pgoutput::Relation(5, "public", "t", {{"a", 23, true}}, 'f')));
  EXPECT_EQ(At(5).key_certainty, KeyCertainty::kKnown);
}

TEST_F(RelationCacheTest, MarksWhatTheFilterLeavesOut) {
  Add(pgoutput::Relation(5, "public", "excluded", {{"a", 23, true}}, 'f'));
  EXPECT_FALSE(At(5).selected);
  EXPECT_EQ(lookups_, 0);
}

TEST_F(RelationCacheTest, GivesColumnsTheFormOfTheirTypes) {
  types_ = {{20000, Domain(1700, (10 << 16) | 6)}, {20001, Enum({"a", "b"})}};
  Add(pgoutput::Relation(5, "public", "t", {{"d", 20000}, {"e", 20001}, {"i", 23}}));
  EXPECT_EQ(At(5).table.columns[0].type.kind, ValueKind::kDecimal);
  EXPECT_EQ(At(5).table.columns[0].type.scale, 2);
  EXPECT_EQ(At(5).table.columns[1].enum_labels, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(At(5).table.columns[2].type.kind, ValueKind::kInt);
  EXPECT_EQ(At(5).user_types, types_);
  EXPECT_EQ(asked_, (std::vector<std::vector<uint32_t>>{{20000, 20001}}));
}

TEST_F(RelationCacheTest, AsksForTypesOnlyWhereSelectedTablesHaveSome) {
  Add(pgoutput::Relation(5, "public", "t", {{"i", 23}}));
  Add(pgoutput::Relation(6, "public", "excluded", {{"d", 20000}}));
  EXPECT_TRUE(asked_.empty());
}

TEST_F(RelationCacheTest, AnEnumWithMoreLabelsIsAnotherForm) {
  const std::string relation = pgoutput::Relation(5, "public", "t", {{"e", 20001}});
  types_ = {{20001, Enum({"a"})}};
  EXPECT_TRUE(Add(relation));
  EXPECT_FALSE(Add(relation));
  types_ = {{20001, Enum({"a", "b"})}};
  EXPECT_TRUE(Add(relation));
  EXPECT_EQ(At(5).table.columns[0].enum_labels.size(), 2u);
}

TEST_F(RelationCacheTest, KnowsTheBaseOfADroppedDomainFromTheStream) {
  AddType(pgoutput::Type(20000, "", "int8"));
  AddType(pgoutput::Type(20001, "public", "int8"));
  AddType(pgoutput::Type(20002, "", "numeric"));
  AddType(pgoutput::Type(20003, "", "_int4"));
  Add(pgoutput::Relation(5, "public", "t",
                         {{"a", 20000}, {"b", 20001}, {"c", 20002}, {"d", 20003}, {"e", 20004}}));
  const auto kind = [&](size_t i) { return At(5).table.columns[i].type.kind; };
  EXPECT_EQ(kind(0), ValueKind::kLong);
  EXPECT_EQ(kind(1), ValueKind::kString);   // A type of the user's own that has this name.
  EXPECT_EQ(kind(2), ValueKind::kNumeric);  // Its modifier is not known.
  EXPECT_EQ(kind(3), ValueKind::kArray);
  EXPECT_EQ(kind(4), ValueKind::kString);
  EXPECT_TRUE(At(5).user_types.empty()) << "what is guessed is not noted";
}

}  // namespace
}  // namespace bw
