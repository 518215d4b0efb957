#pragma once

#include <optional>
#include <string>
#include <vector>

#include "capture/postgres_server.h"

namespace bw {

// A server's catalog that has nothing. A test overrides what it is about.
class EmptyCatalog : public ServerCatalog {
 public:
  std::vector<CapturedTable> ReadTables() override { return {}; }
  std::vector<Publication> ReadPublications(const std::vector<std::string>&) override { return {}; }
  std::vector<std::string> FindPublications(bool) override { return {}; }
  std::vector<PublicationMember> ReadMembers(const std::string&) override { return {}; }
  std::optional<TableKey> ReadPrimaryKey(RelationId) override { return std::nullopt; }
  std::optional<IdentityKey> ReadIdentityKey(RelationId) override { return std::nullopt; }
  FactsByTable ReadColumnFacts(const std::vector<uint32_t>&) override { return {}; }
  CommentsByTable ReadComments(const std::vector<uint32_t>&) override { return {}; }
  UserTypes ReadUserTypes(const std::vector<uint32_t>&) override { return {}; }
  bool IsEnding(uint32_t) override { return false; }
  std::vector<TableFingerprint> ReadFingerprints(const std::vector<uint32_t>&,
                                                 const std::vector<std::string>&) override {
    return {};
  }
  bool IndexIsBuiltConcurrently() override { return false; }
  void CreatePublications(const PublicationPlan&) override {}
};

}  // namespace bw
