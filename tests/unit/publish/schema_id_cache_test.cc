#include "publish/schema_id_cache.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/one_by_one_registry.h"

namespace bw {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class FakeRegistry : public OneByOneRegistry {
 public:
  int32_t Register(const std::string& subject, const std::string& schema_json) override {
    registered.push_back(subject);
    return ids.try_emplace(subject + schema_json, next_id++).first->second;
  }
  std::vector<RegistryResult<IdState>> CheckAll(
      std::span<const RegisteredSchema> schemas) override {
    std::vector<RegistryResult<IdState>> results;
    for (const auto& [registration, id] : schemas) {
      const auto found = ids.find(registration.subject + registration.schema_json);
      if (away) {
        results.emplace_back(TransientError("away"));
      } else {
        results.emplace_back(found != ids.end() && found->second == id ? IdState::kSame : lost_as);
      }
    }
    return results;
  }
  std::optional<std::string> Restore(std::span<const RegisteredSchema> schemas) override {
    if (!can_restore && !another_is_quicker) return "it has no modes";
    for (const auto& [registration, id] : schemas) {
      ids[registration.subject + registration.schema_json] = id;
    }
    if (another_is_quicker) return "Cannot import since found existing subjects";
    return std::nullopt;
  }
  bool away = false;
  bool another_is_quicker = false;
  bool can_restore = false;
  IdState lost_as = IdState::kUnknown;
  int32_t next_id = 1;
  std::map<std::string, int32_t> ids;
  std::vector<std::string> registered;
};

class SchemaIdCacheTest : public ::testing::Test {
 protected:
  RegistryIds Get(SchemaIdCache* cache) {
    const SchemaIdCache::Table table{"t", &schema_};
    const auto answer = cache->GetAll(std::span(&table, 1)).front();
    if (const auto* error = std::get_if<Error>(&answer)) throw *error;
    return std::get<RegistryIds>(answer);
  }
  bool Compare(SchemaIdCache* cache) {
    bool changed = false;
    cache->Compare(&changed);
    return changed;
  }
  void Wipe() {
    registry_.ids.clear();
    registry_.next_id = 100;
  }

  const TableSchema schema_{"public", "t", "\"int\"", "\"string\""};
  FakeRegistry registry_;
  SchemaIdCache cache_{&registry_};
};

TEST_F(SchemaIdCacheTest, AsksOnceAndTellsWhatIsNew) {
  EXPECT_EQ(Get(&cache_).value, 2);
  Get(&cache_);
  EXPECT_THAT(registry_.registered, ElementsAre("t-key", "t-value"));
  EXPECT_EQ(cache_.TakeChanges()->size(), 2u);
  EXPECT_FALSE(cache_.TakeChanges());
}

TEST_F(SchemaIdCacheTest, LostIdsAreGivenBackWhereTheRegistryCan) {
  const RegistryIds before = Get(&cache_);
  Wipe();
  registry_.can_restore = true;
  EXPECT_FALSE(Compare(&cache_));
  EXPECT_EQ(registry_.ids.at("t-key\"int\""), before.key);
  EXPECT_EQ(Get(&cache_).key, before.key);
}

TEST_F(SchemaIdCacheTest, IdsThatAnotherRelayHasGivenBackAreNotLost) {
  const RegistryIds before = Get(&cache_);
  Wipe();
  registry_.another_is_quicker = true;
  EXPECT_FALSE(Compare(&cache_));
  EXPECT_EQ(Get(&cache_).key, before.key);
}

TEST_F(SchemaIdCacheTest, LostIdsHaltByNameUnlessNewOnesAreAccepted) {
  Get(&cache_);
  Wipe();
  try {
    Compare(&cache_);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.exit_code(), ExitCode::kHaltRegistry);
    EXPECT_THAT(error.what(), HasSubstr("[schema-ids-lost]"));
    EXPECT_THAT(error.what(), HasSubstr("id 2 of subject t-value"));
  }
  cache_.set_accept_new_ids(true);
  EXPECT_TRUE(Compare(&cache_));
  EXPECT_THAT(cache_.TakeRemedy(), HasSubstr("accept-new-schema-ids"));
  EXPECT_EQ(Get(&cache_).key, 100);
}

TEST_F(SchemaIdCacheTest, AnIdThatIsAnotherSchemaIsNeverOverwritten) {
  Get(&cache_);
  Wipe();
  registry_.can_restore = true;
  registry_.lost_as = IdState::kOther;
  EXPECT_THROW(Compare(&cache_), Error);
}

TEST_F(SchemaIdCacheTest, WhatAnEarlierProcessPublishedIsComparedBeforeItsFirstUse) {
  Get(&cache_);
  const auto published = *cache_.TakeChanges();
  registry_.registered.clear();

  SchemaIdCache next(&registry_);
  next.Remember(published);
  EXPECT_EQ(Get(&next).value, 2);
  EXPECT_THAT(registry_.registered, ElementsAre());

  Wipe();
  SchemaIdCache after_wipe(&registry_);
  after_wipe.Remember(published);
  EXPECT_THROW(Get(&after_wipe), Error);
  EXPECT_THROW(Get(&after_wipe), Error);
  EXPECT_THAT(registry_.registered, ElementsAre());
}

TEST_F(SchemaIdCacheTest, AnOutageIsNoLoss) {
  Get(&cache_);
  const auto published = *cache_.TakeChanges();
  registry_.away = true;
  bool changed = false;
  EXPECT_FALSE(cache_.Compare(&changed));
  SchemaIdCache next(&registry_);
  next.Remember(published);
  try {
    Get(&next);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kTransient);
  }
}

}  // namespace
}  // namespace bw
