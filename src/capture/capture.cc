#include "capture/capture.h"

#include <algorithm>

#include "base/log.h"
#include "capture/capture_session.h"
#include "capture/key_catalog.h"
#include "capture/key_watch.h"
#include "capture/leaf_identity.h"
#include "capture/pq_replication_stream.h"
#include "capture/publication_setup.h"
#include "capture/side_connection.h"
#include "capture/stream_check.h"
#include "capture/table_catalog.h"

namespace bw {
namespace {

// Frequent enough for a server that gives up on silent receivers early.
CaptureOptions WithStatusInterval(CaptureOptions options, Duration wal_sender_timeout) {
  if (wal_sender_timeout.count() > 0) {
    options.status_interval = std::min(options.status_interval, wal_sender_timeout / 3);
  }
  return options;
}

KeyWatch::Catalog CatalogOf(SideConnection* side) {
  KeyWatch::Catalog catalog;
  catalog.read_key = [side](RelationId relation) { return ReadPrimaryKey(side->Get(), relation); };
  catalog.leaf_remedies = [side](RelationId relation) -> std::string {
    for (const CapturedTable& table : ReadTables(side->Get())) {
      if (table.oid == relation.value) return LeafRemedies(table);
    }
    return "";
  };
  return catalog;
}

}  // namespace

SessionEnd RunCaptureSession(const CaptureOptions& given_options, Spool* spool,
                             CaptureFigures* figures, const Stop& stop, const CaptureHooks& hooks,
                             std::optional<Lsn> stop_before) {
  spool->Recover();
  PqReplicationStream stream(given_options, stop);
  const ServerView view = InspectStreamingServer(&stream.connection(), given_options.slot);
  const SpoolState state = spool->state();
  RequireStreamable(view, state);
  if (view.identity.timeline != state.source.timeline) {
    spdlog::warn("PostgreSQL is on timeline {} now; it left {} behind what was captured",
                 view.identity.timeline, state.source.timeline);
    spool->SetTimeline(view.identity.timeline);
  }

  const CaptureOptions options = WithStatusInterval(given_options, stream.wal_sender_timeout());
  SideConnection side(options, stop);
  const std::vector<std::string> publications =
      FindPublications(side.Get(), options, spool->accounted_members().has_value());
  KeyWatch keys(spool, figures, CatalogOf(&side));

  CaptureSession::Environment environment;
  environment.options = &options;
  environment.stream = &stream;
  environment.spool = spool;
  environment.clock = &Clock::Real();
  environment.stop = &stop;
  environment.figures = figures;
  environment.key_lookup = [&keys](RelationId relation, const Table& table) {
    return keys.Choose(relation, table);
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
  facts.confirmed_flush = view.slot->confirmed_flush;
  facts.encoding = TextEncoding::Of(view.settings.server_encoding);
  facts.stop_before = stop_before;
  if (hooks.begins) hooks.begins();
  return CaptureSession(environment, facts).Run();
}

}  // namespace bw
