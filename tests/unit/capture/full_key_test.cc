#include "capture/full_key.h"

#include <gtest/gtest.h>

namespace bw {
namespace {

using Columns = std::vector<TableKey::Column>;
using Names = std::vector<std::string>;

constexpr uint32_t kInt = 23, kText = 25;
const Columns kForm = {{"id", kInt}, {"v", kText}};

TableKey Keyed(Columns columns, Names key) {
  return {7, {"public", "t"}, std::move(columns), std::move(key), std::nullopt, true};
}

class FullKeyTest : public testing::Test {
 protected:
  Names Choose(const Columns& relation) {
    key_ = ChooseFullKey(relation, kept_, [this] {
      ++looks_;
      return current_;
    });
    return key_.columns;
  }

  std::optional<TableKey> kept_;
  std::optional<TableKey> current_;
  int looks_ = 0;
  FullKey key_;
};

TEST_F(FullKeyTest, StaysWhatIsKeptWhateverTheCatalogSays) {
  kept_ = Keyed(kForm, {"id"});
  current_ = Keyed(kForm, {"v"});
  EXPECT_EQ(Choose(kForm), Names{"id"});
  EXPECT_EQ(key_.certainty, KeyCertainty::kKnown);
  EXPECT_EQ(looks_, 0);
}

TEST_F(FullKeyTest, IsNotThatOfTheIdentityThatItHadBefore) {
  kept_ = Keyed(kForm, {});
  kept_->is_primary = false;
  current_ = Keyed(kForm, {"id"});
  EXPECT_EQ(Choose(kForm), Names{"id"});
  EXPECT_EQ(key_.certainty, KeyCertainty::kKnown);
  current_ = std::nullopt;
  EXPECT_EQ(Choose(kForm), Names{});
  EXPECT_EQ(key_.certainty, KeyCertainty::kUnknown);
}

TEST_F(FullKeyTest, OfANewTableIsTheCatalogs) {
  current_ = Keyed(kForm, {"id"});
  EXPECT_EQ(Choose(kForm), Names{"id"});
  EXPECT_EQ(key_.certainty, KeyCertainty::kKnown);
}

TEST_F(FullKeyTest, OfADroppedTableIsWhatIsKept) {
  kept_ = Keyed(kForm, {"id"});
  EXPECT_EQ(Choose({{"id", kInt}, {"v", kText}, {"added", kInt}}), Names{"id"});
  EXPECT_EQ(key_.certainty, KeyCertainty::kKnown);
}

TEST_F(FullKeyTest, IsGuessedFromThePlacesOfRenamedColumns) {
  kept_ = Keyed(kForm, {"id"});
  EXPECT_EQ(Choose({{"number", kInt}, {"v", kText}}), Names{"number"});
  EXPECT_EQ(key_.certainty, KeyCertainty::kGuessed);
  // Swapped, or dropped and added: the places say one thing, the names another.
  kept_ = Keyed({{"a", kInt}, {"b", kInt}}, {"a"});
  EXPECT_EQ(Choose({{"b", kInt}, {"a", kInt}}), Names{"b"});
  EXPECT_EQ(key_.certainty, KeyCertainty::kGuessed);
}

TEST_F(FullKeyTest, OfATableThatIsAsInTheCatalogNeedsNoGuess) {
  kept_ = Keyed(kForm, {"id"});
  current_ = Keyed({{"number", kInt}, {"v", kText}}, {"number"});
  EXPECT_EQ(Choose(current_->columns), Names{"number"});
  EXPECT_EQ(key_.certainty, KeyCertainty::kKnown);
}

TEST_F(FullKeyTest, IsUnknownWhenNothingFits) {
  EXPECT_EQ(Choose(kForm), Names{});
  EXPECT_EQ(key_.certainty, KeyCertainty::kUnknown);
  current_ = Keyed({{"other", kInt}}, {"other"});
  EXPECT_EQ(Choose(kForm), Names{});
  EXPECT_EQ(key_.certainty, KeyCertainty::kUnknown);
}

TEST_F(FullKeyTest, IsAnotherWhenItsColumnsAreOthersThatWereThereBefore) {
  const TableKey kept = Keyed(kForm, {"id"});
  EXPECT_FALSE(IsOtherKey(kept, Keyed(kForm, {"id"})));
  EXPECT_TRUE(IsOtherKey(kept, Keyed(kForm, {"v"})));
  EXPECT_TRUE(IsOtherKey(kept, Keyed(kForm, {})));
  EXPECT_FALSE(IsOtherKey(kept, Keyed({{"id", kInt}, {"w", kInt}, {"x", kInt}}, {"id"})));
  EXPECT_FALSE(IsOtherKey(kept, Keyed({{"number", kInt}, {"v", kText}}, {"number"})));
  EXPECT_TRUE(IsOtherKey(kept, Keyed({{"v", kText}}, {"v"})));
}

class MarkedKeyTest : public testing::Test {
 protected:
  // Of a relation with these columns, of which the stream marks some.
  Names Choose(const Columns& relation, const Names& marked) {
    return ChooseMarkedKey(Keyed(relation, marked), kept_, current_);
  }

  std::optional<TableKey> kept_;
  std::optional<IdentityKey> current_;
};

TEST_F(MarkedKeyTest, IsWhatIsMarkedWhenTheCatalogSaysTheSameOrNothing) {
  EXPECT_EQ(Choose(kForm, {"id"}), Names{"id"});
  current_ = IdentityKey{{"id"}};
  kept_ = Keyed(kForm, {});
  EXPECT_EQ(Choose(kForm, {"id"}), Names{"id"});
}

TEST_F(MarkedKeyTest, IsNoneWhenAColumnOfItIsGenerated) {
  current_ = IdentityKey{{"id", "kind"}, /*has_generated=*/true};
  EXPECT_EQ(Choose(kForm, {"id"}), Names{});
  kept_ = Keyed(kForm, {"id"});
  EXPECT_EQ(Choose(kForm, {"id"}), Names{});
}

TEST_F(MarkedKeyTest, IsNoneWhenAColumnListHidesAPartOfIt) {
  current_ = IdentityKey{{"id", "hidden"}};
  EXPECT_EQ(Choose(kForm, {"id"}), Names{});
  kept_ = Keyed(kForm, {});
  EXPECT_EQ(Choose(kForm, {"id"}), Names{});
}

TEST_F(MarkedKeyTest, OfRowsBeforeAChangeIsWhatIsKept) {
  current_ = IdentityKey{{"id", "added"}};
  kept_ = Keyed(kForm, {"id"});
  EXPECT_EQ(Choose(kForm, {"id"}), Names{"id"});
  current_ = IdentityKey{{"v"}, false, /*table_has_generated=*/true};
  kept_ = Keyed(kForm, {});  // Then it had a generated column.
  EXPECT_EQ(Choose(kForm, {"id"}), Names{});
}

// chaos/run drift-short --seed 2011725517: without a key, then with (id), then with (v).
TEST_F(MarkedKeyTest, IsWhatIsMarkedWhenNoneWasKeptForWantOfOne) {
  kept_ = Keyed(kForm, {});
  current_ = IdentityKey{{"v"}};
  EXPECT_EQ(Choose(kForm, {"id"}), Names{"id"});
  current_.reset();  // Dropped.
  EXPECT_EQ(Choose(kForm, {"id"}), Names{"id"});
}

TEST_F(MarkedKeyTest, IsWhatIsMarkedWhenTheKeyIsAnotherNow) {
  current_ = IdentityKey{{"v"}};
  EXPECT_EQ(Choose(kForm, {"id"}), Names{"id"});
  current_ = IdentityKey{{"id", "v"}};  // All of it is sent.
  EXPECT_EQ(Choose(kForm, {"id"}), Names{"id"});
  current_ = IdentityKey{{"renamed"}};
  EXPECT_EQ(Choose(kForm, {"id"}), Names{"id"});
}

}  // namespace
}  // namespace bw
