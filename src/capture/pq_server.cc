#include "capture/pq_server.h"

#include <fmt/format.h>

#include <functional>
#include <utility>

#include "capture/pq_replication_stream.h"
#include "capture/publication_keeper.h"
#include "capture/row_refetcher.h"
#include "capture/slot_lookout.h"
#include "capture/snapshot_hold.h"
#include "capture/table_catalog.h"
#include "capture/type_catalog.h"

namespace bw {
namespace {

class PqCatalog final : public ServerCatalog {
 public:
  PqCatalog(const CaptureOptions& options, std::function<PgConnection*()> connection)
      : options_(options), connection_(std::move(connection)) {}

  std::vector<CapturedTable> ReadTables() override {
    return bw::ReadTables(connection_(), options_.type_forms);
  }
  std::vector<Publication> ReadPublications(const std::vector<std::string>& names) override {
    return bw::ReadPublications(connection_(), names);
  }
  std::vector<std::string> FindPublications(bool expects_pair) override {
    return bw::FindPublications(connection_(), options_, expects_pair);
  }
  std::vector<PublicationMember> ReadMembers(const std::string& publication) override {
    return bw::ReadMembers(connection_(), publication);
  }
  std::optional<TableKey> ReadPrimaryKey(RelationId relation) override {
    return bw::ReadPrimaryKey(connection_(), relation);
  }
  std::optional<IdentityKey> ReadIdentityKey(RelationId relation) override {
    return bw::ReadIdentityKey(connection_(), relation);
  }
  FactsByTable ReadColumnFacts(const std::vector<uint32_t>& oids) override {
    return bw::ReadColumnFacts(connection_(), oids);
  }
  CommentsByTable ReadComments(const std::vector<uint32_t>& oids) override {
    return bw::ReadComments(connection_(), oids);
  }
  UserTypes ReadUserTypes(const std::vector<uint32_t>& oids) override {
    return bw::ReadUserTypes(connection_(), oids);
  }
  bool IsEnding(uint32_t xid) override { return bw::IsEnding(connection_(), xid); }
  std::vector<TableFingerprint> ReadFingerprints(
      const std::vector<uint32_t>& relations,
      const std::vector<std::string>& publications) override {
    return bw::ReadFingerprints(connection_(), relations, publications);
  }
  bool IndexIsBuiltConcurrently() override { return bw::IndexIsBuiltConcurrently(connection_()); }
  void CreatePublications(const PublicationPlan& plan) override {
    bw::CreatePublications(connection_(), plan);
  }

 private:
  const CaptureOptions& options_;
  const std::function<PgConnection*()> connection_;
};

class PqServerConnection final : public PqReplicationStream {
 public:
  PqServerConnection(const CaptureOptions& options, const Stop& stop)
      : PqReplicationStream(options, stop), options_(options) {}

  ServerView Look() override {
    ServerView view = LookThrough(&connection(), options_.slot);
    view.settings.wal_sender_timeout = wal_sender_timeout();
    return view;
  }
  ServerCatalog* catalog() override { return &catalog_; }
  bool DropSlotIfExists() override {
    return bw::DropSlotIfExists(&connection(), options_.slot, options_.active_slot_wait, stop_);
  }
  CreatedSlot CreateSlot(bool export_snapshot) override {
    return bw::CreateSlot(&connection(), options_, export_snapshot, stop_);
  }
  CreatedSlot CreateTemporarySlot(std::optional<Duration> timeout) override {
    return bw::CreateTemporarySlot(&connection(), options_, stop_, timeout);
  }

 private:
  const CaptureOptions& options_;
  PqCatalog catalog_{options_, [this] { return &connection(); }};
};

class PqServer final : public PostgresServer {
 public:
  PqServer(const CaptureOptions& options, CaptureFigures* figures, const Stop& stop)
      : options_(options),
        stop_(stop),
        keeper_(options, figures),
        lookout_(options, figures, stop) {}

  std::unique_ptr<ServerConnection> Connect() override {
    try {
      return std::make_unique<PqServerConnection>(options_, stop_);
    } catch (const Error& error) {
      ExplainRefusal(error, options_, stop_);
      throw;
    }
  }
  std::unique_ptr<ServerCatalog> OpenCatalog() override {
    const auto side = std::make_shared<SideConnection>(options_, stop_);
    return std::make_unique<PqCatalog>(options_, [side] { return side->Get(); });
  }
  std::unique_ptr<RowReader> OpenRowReader() override {
    return std::make_unique<RowRefetcher>(options_, stop_);
  }
  std::unique_ptr<SnapshotHold> HoldSnapshot(
      std::unique_ptr<ServerConnection> connection) override {
    return std::make_unique<PqSnapshotHold>(options_, stop_, std::move(connection));
  }
  SnapshotContent ReadSnapshot(const SnapshotSource& source, SnapshotHold* hold, Spool* spool,
                               CaptureFigures* figures) override {
    if (hold == nullptr) return bw::ReadSnapshot(options_, source, spool, figures, stop_, {});
    return bw::ReadSnapshot(options_, source, spool, figures, hold->stop(),
                            [hold](int backend_pid) { hold->AddReader(backend_pid); });
  }
  void AdvanceSlot(Lsn to) override {
    PgConnection connection(options_, PgConnection::Mode::kSql, stop_);
    bw::AdvanceSlot(&connection, options_, to, stop_);
  }
  void TakeBack(bool slot, const PublicationPlan* made) override {
    const Stop never;  // The process may be stopping, and this is part of stopping.
    constexpr Duration kHurry{2'000};
    CaptureOptions hurried = options_;
    hurried.connect_timeout = kHurry;
    PgConnection connection(hurried, PgConnection::Mode::kReplication, never);
    connection.Query(fmt::format("SET lock_timeout = {}", kHurry.count()));
    if (slot) bw::DropSlotIfExists(&connection, options_.slot, kHurry, never);
    if (made != nullptr) DropPublications(&connection, *made);
  }
  Keeper& keeper() override { return keeper_; }

 private:
  const CaptureOptions& options_;
  const Stop& stop_;
  PublicationKeeper keeper_;
  SlotLookout lookout_;
};

}  // namespace

std::unique_ptr<PostgresServer> MakePqServer(const CaptureOptions& options, CaptureFigures* figures,
                                             const Stop& stop) {
  return std::make_unique<PqServer>(options, figures, stop);
}

}  // namespace bw
