#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "capture/capture_figures.h"
#include "capture/capture_options.h"
#include "capture/captured_table.h"
#include "capture/publication.h"
#include "capture/publication_members.h"
#include "capture/publication_setup.h"
#include "capture/relation_cache.h"
#include "capture/replication_slot.h"
#include "capture/replication_stream.h"
#include "capture/row_lookup.h"
#include "capture/server_inspection.h"
#include "capture/snapshot_reader.h"
#include "capture/table_catalog.h"
#include "capture/toast_proof.h"
#include "capture/user_types.h"
#include "spool/spool.h"

// PostgreSQL as the relay's own logic knows it. There are two: libpq's (pq_server.h) and the
// simulated one (tests/simulation/sim_postgres.h). Everything above this interface runs in the
// simulation as it runs in production.
//
// Errors of all methods are those of pg_error.h: transient when the server is away or a stop cuts a
// wait short, else a Halt with its remedy.

namespace bw {

// Questions about tables and publications, and the statements that make publications. Reads as of
// now. Used by one thread.
class ServerCatalog {
 public:
  virtual ~ServerCatalog() = default;
  virtual std::vector<CapturedTable> ReadTables() = 0;
  // Those of the named ones that exist, in the order of the names.
  virtual std::vector<Publication> ReadPublications(const std::vector<std::string>& names) = 0;
  // As bw::FindPublications.
  virtual std::vector<std::string> FindPublications(bool expects_pair) = 0;
  virtual std::vector<PublicationMember> ReadMembers(const std::string& publication) = 0;
  // As in table_catalog.h.
  virtual std::optional<TableKey> ReadPrimaryKey(RelationId relation) = 0;
  virtual std::optional<IdentityKey> ReadIdentityKey(RelationId relation) = 0;
  virtual FactsByTable ReadColumnFacts(const std::vector<uint32_t>& oids) = 0;
  virtual CommentsByTable ReadComments(const std::vector<uint32_t>& oids) = 0;
  // As in type_catalog.h.
  virtual UserTypes ReadUserTypes(const std::vector<uint32_t>& oids) = 0;
  virtual bool IsEnding(uint32_t xid) = 0;
  // As in toast_proof.h.
  virtual std::vector<TableFingerprint> ReadFingerprints(
      const std::vector<uint32_t>& relations, const std::vector<std::string>& publications) = 0;
  // As in snapshot_hold.h.
  virtual bool IndexIsBuiltConcurrently() = 0;
  // Executes the plan's statements (publication_setup.h).
  virtual void CreatePublications(const PublicationPlan& plan) = 0;
};

// Rows as they are now, for the capture thread: row_refetcher.h. Used by one thread.
class RowReader {
 public:
  virtual ~RowReader() = default;
  // Empty when there is none, or when it would take too long. Never throws.
  virtual ReadRow Read(const RowQuestion& question) = 0;
};

// A connection in replication mode. First it answers questions; then it serves for one thing:
// streaming (ReplicationStream), or a slot whose snapshot lives as long as nothing else is asked.
// Between the questions and that nobody else can come: behind one address may be two servers.
class ServerConnection : public ReplicationStream {
 public:
  virtual ServerView Look() = 0;
  // Through this connection; it belongs to it.
  virtual ServerCatalog* catalog() = 0;
  // As in replication_slot.h.
  virtual bool DropSlotIfExists() = 0;
  virtual CreatedSlot CreateSlot(bool export_snapshot) = 0;
  virtual CreatedSlot CreateTemporarySlot(std::optional<Duration> timeout) = 0;
  virtual int backend_pid() const = 0;
};

// The snapshot of a temporary slot, until it is destroyed, or given up because a statement of
// others waits for it: snapshot_hold.h.
class SnapshotHold {
 public:
  virtual ~SnapshotHold() = default;
  virtual CreatedSlot CreateSlot(std::optional<Duration> timeout) = 0;
  // Another backend that holds the snapshot. It must let go of it when stop() is requested.
  virtual void AddReader(int backend_pid) = 0;
  // Requested when the snapshot is given up, and when the process stops.
  virtual const Stop& stop() const = 0;
  virtual bool given_up() const = 0;
};

// What runs beside a session until it is destroyed.
class Watch {
 public:
  virtual ~Watch() = default;
};

// Keeps the publications right while it runs: publication_keeper.h.
class Keeper {
 public:
  virtual ~Keeper() = default;
  // Begins; ends with what is returned. One at a time.
  virtual std::unique_ptr<Watch> Run(Spool* spool) = 0;
  virtual void OnSessionBegins() = 0;
  virtual void OnRelationChanged(const CachedRelation& relation, Spool* spool) = 0;
  virtual bool reread_is_ready() const = 0;
  virtual std::optional<Lsn> outdated_at() const = 0;
  virtual void RereadWasTried() = 0;
};

class PostgresServer {
 public:
  virtual ~PostgresServer() = default;
  virtual std::unique_ptr<ServerConnection> Connect() = 0;
  // An ordinary connection, made with the first question.
  virtual std::unique_ptr<ServerCatalog> OpenCatalog() = 0;
  // Connects with the first question. Null where rows cannot be read.
  virtual std::unique_ptr<RowReader> OpenRowReader() = 0;
  // Takes the connection that will make the temporary slot.
  virtual std::unique_ptr<SnapshotHold> HoldSnapshot(
      std::unique_ptr<ServerConnection> connection) = 0;
  // Reads the tables into the spool (snapshot_reader.h); `source.slot` was made by a connection
  // that is as it was then. Without a hold, whoever waits for the snapshot waits until all is read.
  virtual SnapshotContent ReadSnapshot(const SnapshotSource& source, SnapshotHold* hold,
                                       Spool* spool, CaptureFigures* figures) = 0;
  // Through a connection of its own, as in replication_slot.h.
  virtual void AdvanceSlot(Lsn to) = 0;
  // For a first start that failed, also while the process stops: drops the slot if `slot`, and
  // what the plan has made if there is one. Best effort, within a few seconds; throws what remains.
  virtual void TakeBack(bool slot, const PublicationPlan* made) = 0;
  virtual Keeper& keeper() = 0;
};

// A connection, and the server as it was seen through it.
struct OpenedServer {
  std::unique_ptr<ServerConnection> connection;
  ServerView view;
};

}  // namespace bw
