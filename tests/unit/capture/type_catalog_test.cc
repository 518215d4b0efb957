#include "capture/type_catalog.h"

#include <gtest/gtest.h>

#include <tuple>

#include "avro/postgres_type_name.h"
#include "support/empty_catalog.h"
#include "support/make_table.h"
#include "support/streaming_spool.h"

namespace bw {
namespace {

constexpr uint32_t kXid = 9;

// A catalog whose types come and go. Those of `ending_types` appear once their transaction, which
// is asked about `ending` times in vain, has ended.
class TypesCatalog : public EmptyCatalog {
 public:
  UserTypes types;
  UserTypes ending_types;
  int ending = 0;
  int reads = 0;

  UserTypes ReadUserTypes(const std::vector<uint32_t>& oids) override {
    ++reads;
    UserTypes found;
    for (const uint32_t oid : oids) AddUsedTypes(oid, types, &found);
    return found;
  }
  bool IsEnding(uint32_t xid) override {
    EXPECT_EQ(xid, kXid);
    if (ending-- > 0) return true;
    types.insert(ending_types.begin(), ending_types.end());
    return false;
  }
};

class TypeWatchTest : public testing::Test {
 protected:
  TypeWatchTest() {
    Connect();
    UserType array, domain, label;
    array.element_oid = kDomain;
    domain.base_oid = 1700;
    domain.base_typmod = (10 << 16) | 6;
    label.labels = {"a"};
    all_ = {{kArray, array}, {kDomain, domain}, {kEnum, label}};
  }
  void Connect() { watch_.emplace(spool_.get(), &catalog_, &stop_); }
  void Use(const UserTypes& types) {
    watch_->OnUsed(CachedRelation(RelationId{7}, Table{"public", "t", {}, false}, types,
                                  ReplicaIdentity::kDefault, KeyCertainty::kKnown,
                                  /*is_selected=*/true, {}));
  }

  static constexpr uint32_t kArray = 20000, kDomain = 20001, kEnum = 20002;
  StreamingSpool spool_;
  const Stop stop_;
  TypesCatalog catalog_;
  std::optional<TypeWatch> watch_;
  UserTypes all_;
};

TEST_F(TypeWatchTest, FindsTypesWithThoseThatTheyConsistOf) {
  catalog_.types = all_;
  EXPECT_EQ(watch_->Find({kArray, kEnum}, kXid), all_);
}

TEST_F(TypeWatchTest, AsksAgainForEnumsOnly) {
  catalog_.types = all_;
  watch_->Find({kArray}, kXid);
  watch_->Find({kArray}, kXid);
  watch_->Find({kDomain}, kXid);
  EXPECT_EQ(catalog_.reads, 1);
  watch_->Find({kEnum}, kXid);
  catalog_.types[kEnum].labels.push_back("b");
  EXPECT_EQ(watch_->Find({kArray, kEnum}, kXid)[kEnum].labels.size(), 2u);
}

TEST_F(TypeWatchTest, RemembersWhatWasDroppedInThisSession) {
  catalog_.types = all_;
  watch_->Find({kArray, kEnum}, kXid);
  catalog_.types.clear();
  EXPECT_EQ(watch_->Find({kArray, kEnum}, kXid), all_);
}

TEST_F(TypeWatchTest, RemembersWhatAnEarlierSessionHasCapturedRowsOf) {
  catalog_.types = all_;
  Use(watch_->Find({kArray, kEnum}, kXid));
  catalog_.types.clear();
  Connect();
  EXPECT_EQ(watch_->Find({kArray, kEnum}, kXid), all_);
}

TEST_F(TypeWatchTest, TheCatalogOfNowIsNewerThanTheSpool) {
  Use(all_);
  catalog_.types = all_;
  catalog_.types[kEnum].labels = {"a", "b"};
  EXPECT_EQ(watch_->Find({kEnum}, kXid)[kEnum].labels.size(), 2u);
}

TEST_F(TypeWatchTest, DoesNotKnowWhatItHasNeverSeen) {
  EXPECT_TRUE(watch_->Find({kArray, kEnum}, kXid).empty());
}

TEST_F(TypeWatchTest, WaitsForATransactionThatTheCatalogDoesNotShowYet) {
  catalog_.ending_types = all_;
  catalog_.ending = 3;
  EXPECT_EQ(watch_->Find({kArray, kEnum}, kXid), all_);
}

// Two rows must not become one.
TEST(UserTypes, NoKeyIsRounded) {
  const TypeForms doubles{.numeric = NumericForm::kDouble};
  Column column = MakeColumn("price", 1700, /*key=*/false, NumericTypmod(20, 2));
  SetColumnType(doubles, NoUserType, &column);
  EXPECT_EQ(column.type.kind, ValueKind::kDouble);
  column.key = true;
  SetColumnType(doubles, NoUserType, &column);
  EXPECT_EQ(column.type.kind, ValueKind::kDecimal);
}

TEST(UserTypes, NoKeyIsCutOff) {
  const TypeForms millis{.intervals = IntervalForm::kMicros,
                         .time_precision = TimePrecision::kMillis};
  for (const auto& [oid, in_value, in_key] :
       {std::tuple(1114u, ValueKind::kTimestampMillis, ValueKind::kTimestamp),
        std::tuple(1186u, ValueKind::kIntervalMicros, ValueKind::kString)}) {
    Column column = MakeColumn("c", oid);
    SetColumnType(millis, NoUserType, &column);
    EXPECT_EQ(column.type.kind, in_value);
    column.key = true;
    SetColumnType(millis, NoUserType, &column);
    EXPECT_EQ(column.type.kind, in_key);
  }
}

TEST(UserTypes, BuiltinTypesAreKnownByTheirNames) {
  EXPECT_EQ(BuiltinTypeOid("int4"), 23u);
  EXPECT_EQ(PostgresTypeName(BuiltinTypeOid("_timestamptz"), -1), "timestamp with time zone[]");
  EXPECT_EQ(BuiltinTypeOid("point"), 0u);
  EXPECT_EQ(BuiltinTypeOid(""), 0u);
}

}  // namespace
}  // namespace bw
