#include "simulation/sim_relay.h"

#include <array>

#include "avro/row_encoder.h"
#include "base/kill_point.h"
#include "capture/capture_session.h"
#include "capture/change_assembler.h"
#include "capture/snapshot_appender.h"
#include "capture/stream_check.h"
#include "publish/topic_name.h"
#include "relay/checkpoint_facts.h"

namespace bw::simulation {
namespace {

const char kSlot[] = "bottledwater";
const char kSpoolPath[] = "/spool";

ServerView ViewOf(const ServerFacts& server, const SlotFacts& slot) {
  ServerView view;
  view.identity.system_identifier = server.system_identifier;
  view.identity.timeline = server.timeline;
  view.identity.wal_end = server.wal_end;
  view.identity.database = server.database;
  if (!slot.exists) return view;
  view.slot.emplace();
  view.slot->name = slot.name;
  view.slot->plugin = slot.plugin;
  view.slot->database = slot.database;
  view.slot->confirmed_flush = slot.confirmed_flush;
  view.slot->wal_status = slot.wal_status;
  return view;
}

}  // namespace

SimRelay::SimRelay(SimProcess* process, const Servers& servers, const RelaySettings& settings)
    : process_(process),
      servers_(servers),
      settings_(settings),
      stop_(*process),
      start_up_cluster_(servers.kafka->Connect(process)),
      decider_({.overrides = settings.overrides,
                .look = [this](const CheckpointFacts& known) { return GatherFacts(known); },
                .cluster = start_up_cluster_.get(),
                .publish_options = &settings_.publish,
                .wait = [this](Duration duration) { return stop_.WaitFor(duration); }}) {}

SimRelay::~SimRelay() {
  stop_.Request();
  capture_thread_.reset();
  publish_side_.reset();
}

// --- relay/publish_side.cc ---------------------------------------------------------------------

SimRelay::PublishSide::PublishSide(SimRelay* relay, Spool* spool)
    : stop(*relay->process_),
      cluster(relay->servers_.kafka->Connect(relay->process_)),
      registry(relay->servers_.kafka->ConnectRegistry(relay->process_)),
      publisher(relay->settings_.publish,
                {.cluster = cluster.get(),
                 .spool = spool,
                 .clock = relay->process_,
                 .reconcile = ReconcilerFor(relay->settings_.overrides, {})},
                registry.get(), stop) {
  thread = relay->process_->Start([this, relay] {
    SessionLoop loop({.server = "Kafka",
                      .wait = [this](Duration duration) { return stop.WaitFor(duration); },
                      .clock = relay->process_,
                      .backoff = Backoff()});
    const auto exit = loop.Run([this](const std::function<void()>& made_progress) {
      publisher.RunSession(made_progress);
    });
    if (exit) relay->LeaveWith(*exit);
  });
}

SimRelay::PublishSide::~PublishSide() {
  stop.Request();
  thread.reset();
}

// --- relay/relay.cc ----------------------------------------------------------------------------

Spool* SimRelay::OpenSpool() {
  if (spool_) return spool_.get();
  SpoolOptions options;
  options.directory = kSpoolPath;
  options.memtable_bytes = 2 * kMiB;
  options.env = servers_.disk;
  options.clock = process_;
  spool_ = Spool::Open(options);
  return spool_.get();
}

void SimRelay::OpenExisting() {
  while (!spool_ && !stop_.requested()) {
    try {
      OpenSpool();
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::kTransient) throw;
      stop_.WaitFor(std::chrono::seconds(1));
    }
  }
}

Spool* SimRelay::OpenSpoolAlone() {
  publish_side_.reset();
  return OpenSpool();
}

void SimRelay::StartPublishing() {
  if (publish_side_ || stop_.requested()) return;
  publish_side_ = std::make_unique<PublishSide>(this, spool_.get());
}

void SimRelay::LeaveWith(const SessionExit& exit) {
  process_->CheckAlive();
  if (!exit_) exit_ = exit;
  stop_.Request();
}

std::optional<SessionExit> SimRelay::Run() {
  if (servers_.disk->FileExists(std::string(kSpoolPath) + "/CURRENT").ok()) OpenExisting();
  if (stop_.requested()) return exit_;
  const bool may_be_dropped = settings_.overrides.begin_anew;
  if (spool_ && spool_->state().phase == SpoolPhase::kStreaming && !may_be_dropped) {
    StartPublishing();
  }
  capture_thread_ = process_->Start([this] { RunCapture(); });
  while (!stop_.WaitFor(std::chrono::hours(1))) {
  }
  if (publish_side_) publish_side_->stop.Request();
  capture_thread_.reset();
  publish_side_.reset();
  return exit_;
}

void SimRelay::RunCapture() {
  SessionLoop loop({.server = "PostgreSQL",
                    .wait = [this](Duration duration) { return stop_.WaitFor(duration); },
                    .clock = process_,
                    .backoff = Backoff()});
  const auto exit = loop.Run([this](const std::function<void()>& made_progress) {
    if (spool_ && !WaitForRoom(spool_.get(), stop_)) return;
    if (!StartUp()) return;
    StartPublishing();
    CaptureSessionOnce(made_progress);
  });
  if (exit) LeaveWith(*exit);
}

// --- relay/start_up.cc -------------------------------------------------------------------------

bool SimRelay::StartUp() {
  if (spool_) spool_->Recover();
  const std::optional<StartDecision> decision = decider_.Decide();
  return decision && CarryOut(decision->plan, decision->source);
}

StartFacts SimRelay::GatherFacts(const CheckpointFacts& checkpoint) {
  StartFacts facts;
  facts.checkpoint = checkpoint;
  facts.server = servers_.postgres->Identify(process_);
  facts.slot = servers_.postgres->Slot(process_);
  const TimePoint deadline = process_->Now() + settings_.capture.active_slot_wait;
  while (facts.slot.active && process_->Now() < deadline) {
    if (stop_.WaitFor(Duration(200))) break;
    facts.slot = servers_.postgres->Slot(process_);
  }
  if (spool_) facts.spool = spool_->state();
  return facts;
}

bool SimRelay::CarryOut(const Plan& plan, const Source& source) {
  switch (plan.kind) {
    case Plan::Kind::kFirstStart:
      return FirstStart(plan, source);
    case Plan::Kind::kBeginAt:
      OpenSpoolAlone();
      NoteRemedies(plan, spool_.get());
      spool_->BeginStreamingAt(source, plan.captured, plan.predecessor);
      return true;
    case Plan::Kind::kResume:
      NoteRemedies(plan, spool_.get());
      if (plan.new_timeline) spool_->SetTimeline(*plan.new_timeline);
      if (plan.advance_idle_to) {
        spool_->DropUncaptured();
        spool_->AdvanceIdle(*plan.advance_idle_to);
        while (!spool_->WaitUntilDurable(Duration(1'000), stop_)) {
          if (stop_.requested()) return false;
        }
      }
      return true;
    case Plan::Kind::kWaitForCheckpoint:
      break;  // The decider waits until there is something to carry out.
  }
  return false;
}

// --- capture/first_start.cc --------------------------------------------------------------------

bool SimRelay::FirstStart(const Plan& plan, const Source& source) {
  OpenSpoolAlone();
  NoteRemedies(plan, spool_.get());
  spool_->BeginFirstStart(source, plan.supersedes);
  BW_KILL_POINT("first_start.intent_noted");
  if (plan.drop_slot) servers_.postgres->DropSlot(process_);
  BW_KILL_POINT("first_start.slot_dropped");
  const Lsn consistent_point = servers_.postgres->CreateSlot(process_);
  BW_KILL_POINT("first_start.slot_created");
  spool_->DropUncaptured();
  return TakeSnapshot(consistent_point);
}

bool SimRelay::TakeSnapshot(Lsn consistent_point) {
  SnapshotAppender appender(consistent_point, process_->WallMicros(), spool_.get(),
                            &capture_figures_);
  for (size_t index = 0; index < servers_.postgres->tables().size(); ++index) {
    const SimTable& table = servers_.postgres->tables()[index];
    const RowEncoder encoder(table.Describe());
    const SchemaId schema = appender.AddSchema(MakeTableSchema(table.Describe()));
    RowBatch batch;
    for (const RowChange& row : servers_.postgres->snapshot()) {
      if (row.table != index) continue;
      const std::string id = std::to_string(row.id);
      const std::array values = {TextValue::Text(id), TextValue::Text(row.text)};
      if (table.keyed) {
        encoder.EncodeKey(values, {}, batch.buffer());
        batch.FinishKey();
      }
      encoder.EncodeValue(values, {}, batch.buffer());
      batch.FinishRow();
      if (batch.rows() == 3) {
        if (!appender.WaitForRoom(stop_)) return false;
        appender.Append(schema, batch);
        batch.Clear();
        process_->scheduler().Yield();
      }
    }
    if (batch.empty()) continue;
    if (!appender.WaitForRoom(stop_)) return false;
    appender.Append(schema, batch);
  }
  std::vector<TableName> tables;
  for (const SimTable& table : servers_.postgres->tables()) {
    const Table described = table.Describe();
    tables.push_back({described.schema, described.name});
  }
  return spool_->EndSnapshot({Lsn{consistent_point.value - 1}, consistent_point}, tables, stop_);
}

// --- capture/capture.cc ------------------------------------------------------------------------

void SimRelay::CaptureSessionOnce(const std::function<void()>& made_progress) {
  spool_->Recover();
  const ServerFacts server = servers_.postgres->Identify(process_);
  const SlotFacts slot = servers_.postgres->Slot(process_);
  RequireStreamable(ViewOf(server, slot), spool_->state());
  const std::unique_ptr<ReplicationStream> stream = servers_.postgres->Connect(process_, &stop_);
  CaptureSession::Environment environment;
  environment.options = &settings_.capture;
  environment.stream = stream.get();
  environment.spool = spool_.get();
  environment.clock = process_;
  environment.stop = &stop_;
  environment.figures = &capture_figures_;
  environment.key_lookup = [](RelationId, const Table&) { return FullKey{}; };
  environment.made_progress = made_progress;
  CaptureSession::StreamFacts facts;
  facts.publications = {kSlot};
  facts.confirmed_flush = slot.confirmed_flush;
  CaptureSession(environment, facts).Run();
}

}  // namespace bw::simulation
