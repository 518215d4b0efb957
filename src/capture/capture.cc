#include "capture/capture.h"

#include <algorithm>

#include "capture/key_watch.h"
#include "capture/toast_proof.h"
#include "capture/type_catalog.h"

namespace bw {
namespace {

// Frequent enough for a server with a short wal_sender_timeout.
CaptureOptions WithStatusInterval(CaptureOptions options, Duration wal_sender_timeout) {
  if (wal_sender_timeout.count() > 0) {
    options.status_interval = std::min(options.status_interval, wal_sender_timeout / 3);
  }
  return options;
}

}  // namespace

SessionEnd RunCaptureSession(const CaptureParts& parts, Spool* spool, const CaptureHooks& hooks,
                             std::optional<Lsn> stop_before) {
  const OpenedServer server = hooks.open();
  const CaptureOptions options =
      WithStatusInterval(*parts.options, server.view.settings.wal_sender_timeout);
  ServerCatalog* const now = server.connection->catalog();  // Until the stream starts.
  const CaptureSession::StreamFacts facts{
      .publications = now->FindPublications(spool->ledger().accounted_members().has_value()),
      .confirmed_flush = server.view.slot->confirmed_flush,
      .encoding = TextEncoding::Of(server.view.settings.server_encoding),
      .stop_before = stop_before};
  const std::unique_ptr<ServerCatalog> side = parts.server->OpenCatalog();
  KeyWatch keys(spool, parts.figures, side.get());
  const std::unique_ptr<RowReader> rows = options.refetch ? parts.server->OpenRowReader() : nullptr;
  TypeWatch types(spool, side.get(), parts.stop);

  CaptureSession::Environment environment;
  static_cast<SessionHooks&>(environment) = hooks;
  environment.options = &options;
  environment.stream = server.connection.get();
  environment.spool = spool;
  environment.clock = parts.clock;
  environment.stop = parts.stop;
  environment.figures = parts.figures;
  environment.key_lookup = [&keys](RelationId relation, const Table& table,
                                   ReplicaIdentity identity) {
    return keys.Choose(relation, table, identity);
  };
  environment.type_lookup = [&types](const std::vector<uint32_t>& oids, uint32_t xid) {
    return types.Find(oids, xid);
  };
  environment.toast_look = [&](RelationId relation, uint32_t xid, bool may_wait) {
    return LookAtTable(side.get(), relation, xid, may_wait, facts.publications, *parts.stop);
  };
  if (rows) {
    environment.toast_read = [&rows](const RowQuestion& question) { return rows->Read(question); };
  }
  environment.facts_lookup = [&](RelationId relation, uint32_t xid, Table* table) {
    if (options.envelope == Envelope::kDebezium) {
      types.WaitUntilVisible(xid);
      SetFacts(side->ReadColumnFacts({relation.value}), relation.value, table);
    }
    // Comments are as of now whenever they are asked for: they are not worth waiting for.
    if (options.schema_docs) {
      SetComments(side->ReadComments({relation.value}), relation.value, table);
    }
  };
  environment.relation_used = [&](const CachedRelation& relation, Position position) {
    keys.OnUsed(relation, position);
    types.OnUsed(relation);
  };
  environment.keyless = [&keys](const CachedRelation& relation, const KeylessChange& change) {
    keys.OnKeyless(relation, change);
  };

  if (hooks.begins) hooks.begins();
  return CaptureSession(environment, facts).Run();
}

}  // namespace bw
