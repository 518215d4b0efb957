#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <memory>

#include "base/format.h"
#include "base/halt.h"
#include "base/log.h"
#include "capture/event_trigger.h"
#include "capture/pg_connection.h"
#include "capture/publication.h"
#include "capture/publication_members.h"
#include "capture/publication_setup.h"
#include "capture/replication_slot.h"
#include "capture/server_inspection.h"
#include "capture/sql_text.h"
#include "removal/remains.h"

namespace bw {
namespace {

using Connection = std::shared_ptr<PgConnection>;

// As everywhere, others' statements come first: each attempt waits that long for a lock, and others
// behind it as long.
constexpr Duration kLockPatience{10'000};
constexpr Duration kLockPause{200};

void Execute(PgConnection* connection, const std::string& sql, const std::string& doing,
             const Stop& stop) {
  PgQueryOptions options;
  options.doing = doing;
  options.remedy_sql = sql;
  const TimePoint give_up = Now() + kLockPatience;
  while (Now() < give_up && !stop.requested()) {
    constexpr const char* kLockNotAvailable = "55P03";
    if (connection->Try(sql, options, {kLockNotAvailable}).empty()) return;
    stop.WaitFor(kLockPause);
  }
  connection->Query(sql, options);  // Throws what PostgreSQL says.
}

// --- The slot ------------------------------------------------------------------------------------

std::string Quoted(const std::string& name) { return '"' + Printable(name) + '"'; }

[[noreturn]] void RefuseActive(PgConnection* connection, const SlotState& slot, int pid) {
  // Without pg_read_all_stats, other roles' addresses are hidden, and the kind of the process, too.
  const PgResult user = connection->Query(
      fmt::format("SELECT coalesce(application_name, ''), CASE WHEN backend_type IS NULL THEN "
                  "'a hidden address' ELSE coalesce(host(client_addr), 'this host') END "
                  "FROM pg_stat_activity WHERE pid = {}",
                  pid));
  const std::string client =
      user.rows() == 0 ? ""
                       : fmt::format(" ({}, from {})", Quoted(user.String(0, 0)), user.Text(0, 1));
  throw Halt{ExitCode::kAnotherRelay,
             "slot-active",
             fmt::format("Replication slot {} is in use by process {} of PostgreSQL{}: a relay "
                         "runs.",
                         Quoted(slot.name), pid, client),
             "Nothing was removed.",
             {{"stop that relay, and repeat this", ""},
              {"if it is gone and PostgreSQL has not noticed, run",
               OwnLine(fmt::format("SELECT pg_terminate_backend({});", pid))}}}
      .ToError();
}

[[noreturn]] void RefuseForeign(const SlotState& slot, const std::string& database) {
  throw Halt{ExitCode::kHaltForeignSlot,
             "slot-foreign",
             slot.plugin != "pgoutput"
                 ? fmt::format("Replication slot {} is not a relay's: its plugin is {}.",
                               Quoted(slot.name), slot.plugin.empty() ? "none" : slot.plugin)
                 : fmt::format("Replication slot {} is of database {}, not of {}.",
                               Quoted(slot.name), Quoted(slot.database), Quoted(database)),
             "Nothing was removed.",
             {{"give the relay's own options", "--postgres=..., --slot=NAME"},
              {"remove the rest, and leave the slot", "--keep=slot"}}}
      .ToError();
}

std::string RetainedWal(PgConnection* connection, const std::string& slot) {
  const PgResult found = connection->Query(
      "SELECT coalesce(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn), 0)::int8 "
      "FROM pg_replication_slots WHERE slot_name = " +
      QuoteLiteral(slot));
  if (found.rows() == 0) return "";
  return fmt::format(", PostgreSQL retains {} of WAL for it",
                     FormatSize(static_cast<uint64_t>(std::max<int64_t>(found.Int(0, 0), 0))));
}

void AddSlot(const Connection& connection, const ServerView& view, const CaptureOptions& options,
             const Stop& stop, ServerRemains* remains) {
  const std::string what = fmt::format("replication slot {}", Quoted(options.slot));
  if (!view.slot) {
    remains->absent.push_back({RelayPart::kSlot, what, "--slot"});
    return;
  }
  const SlotState& slot = *view.slot;
  if (const auto pid = slot.active_pid ? slot.active_pid : slot.creator_pid) {
    RefuseActive(connection.get(), slot, *pid);
  }
  if (slot.plugin != "pgoutput" || slot.database != view.identity.database) {
    RefuseForeign(slot, view.identity.database);
  }
  remains->list.push_back(
      {.part = RelayPart::kSlot,
       .what = what,
       .found = (slot.lost() ? "lost" : "not in use") + RetainedWal(connection.get(), slot.name),
       .by_hand =
           OwnLine(fmt::format("SELECT pg_drop_replication_slot({});", QuoteLiteral(slot.name))),
       .stays = "",
       .remove = [connection, &options, &stop] {
         DropSlotIfExists(connection.get(), options.slot, options.active_slot_wait, stop);
       }});
}

// --- Publications --------------------------------------------------------------------------------

bool IsOfInserts(const Publication& publication) {
  return publication.all_tables && publication.publishes_insert && !publication.publishes_update &&
         !publication.publishes_delete;
}

// Why a publication of one of our names is not ours; empty when they are the pair, or the rest of
// it.
std::string WhyNotOurs(const std::vector<Publication>& found, const CaptureOptions& options) {
  if (options.publication) return "it is that of --publication, which the relay did not make";
  const bool has_inserts = IsOfInserts(found.back()) && found.back().name != options.slot;
  const bool is_ours = has_inserts && (found.size() == 1 || !found.front().all_tables);
  return is_ours ? "" : "it is not of the form that the relay makes, so somebody else has made it";
}

// Who else streams from one of them now, as far as we may see it; our slot is idle.
std::string OtherUser(PgConnection* connection, const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    const PgResult user = connection->Query(fmt::format(
        "SELECT pid, coalesce(application_name, '') FROM pg_stat_activity "
        "WHERE backend_type = 'walsender' AND pid <> pg_backend_pid() "
        "AND position('START_REPLICATION' IN query) > 0 AND position({} IN query) > 0 LIMIT 1",
        QuoteLiteral('"' + name + '"')));
    if (user.rows() == 0) continue;
    return fmt::format("process {} ({}) of PostgreSQL streams from {}", user.Int(0, 0),
                       Quoted(user.String(0, 1)), Quoted(name));
  }
  return "";
}

std::string Described(const std::vector<Publication>& publications) {
  size_t tables = 0;
  for (const Publication& publication : publications) {
    if (!publication.all_tables) tables += publication.tables.size();
  }
  return fmt::format("{} tables by name", FormatCount(tables));
}

void AddPublications(const Connection& connection, const CaptureOptions& options, const Stop& stop,
                     std::vector<Remains>* list) {
  const std::vector<Publication> found =
      ReadPublications(connection.get(), CandidatePublications(options));
  if (found.empty()) return;
  std::vector<std::string> names, quoted, shown;
  for (const Publication& publication : found) {
    names.push_back(publication.name);
    quoted.push_back(QuoteIdentifier(publication.name));
    shown.push_back(Quoted(publication.name));
  }
  // Both in one statement: half a pair would not be recognized as the relay's.
  const std::string sql = fmt::format("DROP PUBLICATION IF EXISTS {};", fmt::join(quoted, ", "));
  Remains remains{
      .part = RelayPart::kPublication,
      .what = fmt::format("publication{} {}", found.size() == 1 ? "" : "s", fmt::join(shown, ", ")),
      .found = Described(found),
      .by_hand = OwnLine(sql),
      .stays = WhyNotOurs(found, options)};
  if (remains.stays.empty()) remains.stays = OtherUser(connection.get(), names);
  if (remains.stays.empty()) {
    remains.remove = [connection, sql, &stop] {
      Execute(connection.get(), sql, "drop the publications", stop);
    };
  }
  list->push_back(std::move(remains));
}

void AddEventTrigger(const Connection& connection, const CaptureOptions& options, const Stop& stop,
                     std::vector<Remains>* list) {
  const EventTriggerState state = LookForEventTrigger(connection.get(), options.slot);
  if (state == EventTriggerState::kNone) return;
  const std::string sql = DropEventTriggerSql(options.slot);
  Remains remains{.part = RelayPart::kTrigger,
                  .what = fmt::format("event trigger {}", Quoted(EventTriggerName(options.slot))),
                  .found = "with its function and schema",
                  .by_hand = OwnLine(sql),
                  .stays = state == EventTriggerState::kOurs
                               ? ""
                               : "its function is not the relay's, so somebody else has made it"};
  if (remains.stays.empty()) {
    remains.remove = [connection, sql, &stop] {
      Execute(connection.get(), sql, "drop the event trigger", stop);
    };
  }
  list->push_back(std::move(remains));
}

Connection ConnectForReplication(const CaptureOptions& options, const Stop& stop) {
  try {
    return std::make_shared<PgConnection>(options, PgConnection::Mode::kReplication, stop);
  } catch (const Error& error) {
    ExplainRefusal(error, options, stop);
    throw;
  }
}

}  // namespace

ServerRemains FindServerRemains(const CaptureOptions& options, const Stop& stop) {
  const Connection connection = ConnectForReplication(options, stop);
  const ServerView view = LookUntilIdle(connection.get(), options, stop);
  RequireCapturable(view);  // A standby cannot drop anything.
  connection->Query(fmt::format("SET lock_timeout = '{}ms'", kPublicationLockTimeout.count()));
  ServerRemains remains;
  remains.source = {view.identity.system_identifier, view.identity.database, options.slot,
                    view.identity.timeline};
  AddSlot(connection, view, options, stop, &remains);
  AddPublications(connection, options, stop, &remains.list);
  AddEventTrigger(connection, options, stop, &remains.list);
  return remains;
}

}  // namespace bw
