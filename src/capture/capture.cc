#include "capture/capture.h"

#include <algorithm>

#include "base/log.h"
#include "capture/capture_session.h"
#include "capture/pq_replication_stream.h"
#include "capture/publication_keeper.h"
#include "capture/publication_setup.h"
#include "capture/slot_watch.h"
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

}  // namespace

SessionEnd RunCaptureSession(const CaptureOptions& given_options, Spool* spool, CaptureFigures* figures,
                       const Stop& stop, const std::function<void()>& made_progress,
                       std::optional<Lsn> stop_before) {
  spool->Recover();
  const ServerView view = InspectServer(given_options, stop);
  const SpoolState state = spool->state();
  RequireStreamable(view, state);
  if (view.identity.timeline != state.source.timeline) {
    spdlog::warn("PostgreSQL is on timeline {} now; it left {} behind what was captured",
                 view.identity.timeline, state.source.timeline);
    spool->SetTimeline(view.identity.timeline);
  }

  PqReplicationStream stream(given_options, stop);
  const CaptureOptions options = WithStatusInterval(given_options, stream.wal_sender_timeout());
  SideConnection side(options, stop);
  const std::vector<std::string> publications = FindPublications(side.Get(), options);
  PublicationKeeper keeper(options, publications, &side);

  SlotWatch slot_watch(options, figures);

  CaptureSession::Environment environment;
  environment.options = &options;
  environment.stream = &stream;
  environment.spool = spool;
  environment.clock = &Clock::Real();
  environment.stop = &stop;
  environment.figures = figures;
  environment.key_lookup = [&side](std::string_view schema, std::string_view table) {
    return ReadPrimaryKey(side.Get(), schema, table);
  };
  environment.relation_changed = [&keeper](const CachedRelation& relation) {
    keeper.OnRelationChanged(relation);
  };
  environment.every_second = [&keeper] { keeper.EverySecond(Clock::Real().Now()); };
  environment.made_progress = made_progress;

  CaptureSession::StreamFacts facts;
  facts.publications = publications;
  facts.confirmed_flush = view.slot->confirmed_flush;
  facts.validate_utf8 = view.settings.server_encoding == "SQL_ASCII";
  facts.stop_before = stop_before;
  return CaptureSession(environment, facts).Run();
}

}  // namespace bw
