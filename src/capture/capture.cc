#include "capture/capture.h"

#include <algorithm>

#include "base/log.h"
#include "capture/key_watch.h"

namespace bw {
namespace {

// Frequent enough for a server with a short wal_sender_timeout.
CaptureOptions WithStatusInterval(CaptureOptions options, Duration wal_sender_timeout) {
  if (wal_sender_timeout.count() > 0) {
    options.status_interval = std::min(options.status_interval, wal_sender_timeout / 3);
  }
  return options;
}

KeyWatch::Catalog CatalogOf(ServerCatalog* catalog) {
  KeyWatch::Catalog result;
  result.read_key = [catalog](RelationId relation) { return catalog->ReadPrimaryKey(relation); };
  result.read_identity = [catalog](RelationId relation) {
    return catalog->ReadIdentityKey(relation);
  };
  result.describe = [catalog](RelationId relation) -> std::optional<CapturedTable> {
    for (CapturedTable& table : catalog->ReadTables()) {
      if (table.oid == relation.value) return std::move(table);
    }
    return std::nullopt;
  };
  return result;
}

}  // namespace

SessionEnd RunCaptureSession(const CaptureParts& parts, Spool* spool, const CaptureHooks& hooks,
                             std::optional<Lsn> stop_before) {
  const OpenedServer server = hooks.open();
  const CaptureOptions options =
      WithStatusInterval(*parts.options, server.view.settings.wal_sender_timeout);
  ServerCatalog* const now = server.connection->catalog();  // Until the stream starts.
  const std::vector<std::string> publications =
      now->FindPublications(spool->ledger().accounted_members().has_value());
  const std::unique_ptr<ServerCatalog> side = parts.server->OpenCatalog();
  KeyWatch keys(spool, parts.figures, CatalogOf(side.get()));

  CaptureSession::Environment environment;
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
  environment.relation_used = [&keys](const CachedRelation& relation, Position position) {
    keys.OnUsed(relation, position);
  };
  environment.keyless = [&keys](const CachedRelation& relation, const KeylessChange& change) {
    keys.OnKeyless(relation, change);
  };
  environment.relation_changed = hooks.relation_changed;
  environment.end_wanted = hooks.end_wanted;
  environment.made_progress = hooks.made_progress;

  CaptureSession::StreamFacts facts;
  facts.publications = publications;
  facts.confirmed_flush = server.view.slot->confirmed_flush;
  facts.encoding = TextEncoding::Of(server.view.settings.server_encoding);
  facts.stop_before = stop_before;
  if (hooks.begins) hooks.begins();
  return CaptureSession(environment, facts).Run();
}

}  // namespace bw
