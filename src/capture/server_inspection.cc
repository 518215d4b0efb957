#include "capture/server_inspection.h"

#include <fmt/format.h>
#include <strings.h>

#include <charconv>

#include "base/log.h"
#include "capture/replication_slot.h"
#include "capture/sql_text.h"

namespace bw {
namespace {

constexpr int kOldestVersion = 100000;  // The first with logical replication built in.
constexpr int kNewestTestedMajor = 18;

// Uses replication commands, because SQL gives these facts only to privileged roles.
void ReadIdentity(PgConnection* connection, ServerIdentity* identity) {
  const PgResult system = connection->Query("IDENTIFY_SYSTEM");
  identity->system_identifier = system.String(0, 0);
  identity->timeline = static_cast<uint32_t>(system.Int(0, 1));
  identity->wal_end = system.LsnAt(0, 2);
  identity->database = system.String(0, 3);
  if (identity->timeline > 1) {
    const PgResult history =
        connection->Query(fmt::format("TIMELINE_HISTORY {}", identity->timeline));
    identity->history = ParseTimelineHistory(history.Text(0, 1));
  }
}

ServerSettings ReadSettings(PgConnection* connection) {
  const PgResult found = connection->Query(
      "SELECT current_setting('wal_level'), current_setting('max_replication_slots'), "
      "(SELECT count(*) FROM pg_replication_slots), current_setting('max_wal_senders'), "
      "current_setting('synchronous_standby_names'), current_setting('application_name'), "
      "current_setting('server_encoding')");
  return {.wal_level = found.String(0, 0),
          .max_replication_slots = found.Int(0, 1),
          .used_replication_slots = found.Int(0, 2),
          .max_wal_senders = found.Int(0, 3),
          .synchronous_standby_names = found.String(0, 4),
          .application_name = found.String(0, 5),
          .server_encoding = found.String(0, 6),
          .wal_sender_timeout = {}};
}

RoleRights ReadRights(PgConnection* connection) {
  const PgResult found = connection->Query(
      "SELECT rolname, rolsuper, rolreplication FROM pg_roles WHERE rolname = current_user");
  if (found.rows() == 0) {
    throw Halt{ExitCode::kLoginRefused,
               "login-refused",
               "The relay's role was dropped or renamed.",
               "",
               {{"create it again, or give another role", "--postgres=..."}}}
        .ToError();
  }
  return {found.String(0, 0), found.Bool(0, 1), found.Bool(0, 2)};
}

std::optional<SlotState> ReadSlot(PgConnection* connection, const std::string& slot) {
  constexpr int kFirstWithWalStatus = 130000;
  constexpr int kFirstWithReason = 170000;
  const int version = connection->server_version();
  const PgResult found = connection->Query(
      fmt::format("SELECT slot_name, coalesce(plugin, ''), coalesce(database, ''), active_pid, "
                  "confirmed_flush_lsn, {}, {}, (SELECT min(pid) FROM pg_stat_activity "
                  "WHERE backend_type = 'walsender' AND strpos(query, {}) = 1) "
                  "FROM pg_replication_slots WHERE slot_name = {}",
                  version >= kFirstWithWalStatus ? "coalesce(wal_status, '')" : "''",
                  version >= kFirstWithReason ? "coalesce(invalidation_reason, '')" : "''",
                  QuoteLiteral(CreateSlotCommand(slot)), QuoteLiteral(slot)));
  if (found.rows() == 0) return std::nullopt;
  SlotState state;
  state.name = found.String(0, 0);
  state.plugin = found.String(0, 1);
  state.database = found.String(0, 2);
  if (!found.IsNull(0, 3)) state.active_pid = static_cast<int>(found.Int(0, 3));
  if (!found.IsNull(0, 4)) state.confirmed_flush = found.LsnAt(0, 4);
  state.wal_status = found.String(0, 5);
  state.invalidation_reason = found.String(0, 6);
  if (!found.IsNull(0, 7)) state.creator_pid = static_cast<int>(found.Int(0, 7));
  return state;
}

Halt Setting(const char* code, const std::string& found, const char* setting) {
  return {ExitCode::kServerSetting,
          code,
          found,
          "",
          {{"run as a superuser, then restart PostgreSQL",
            OwnLine(fmt::format("ALTER SYSTEM SET {};", setting))}}};
}

}  // namespace

ServerView LookUntilIdle(PgConnection* replication, const CaptureOptions& options,
                         const Stop& stop) {
  constexpr Duration kLookInterval{200};
  const TimePoint give_up = Now() + options.active_slot_wait;
  while (true) {
    ServerView view = LookThrough(replication, options.slot);
    const bool is_idle = !view.slot || (!view.slot->active_pid && !view.slot->creator_pid);
    if (is_idle || Now() >= give_up || stop.WaitFor(kLookInterval)) return view;
  }
}

ServerView LookAtStanding(PgConnection* connection) {
  ServerView view;
  view.settings = ReadSettings(connection);
  view.role = ReadRights(connection);
  view.identity.version = connection->server_version();
  view.identity.in_recovery = connection->Query("SELECT pg_is_in_recovery()").Bool(0, 0);
  return view;
}

ServerView LookThrough(PgConnection* replication, const std::string& slot) {
  ServerView view = LookAtStanding(replication);
  view.slot = ReadSlot(replication, slot);
  ReadIdentity(replication, &view.identity);
  return view;
}

// When the server has no free walsender, or the role no right to one, the server's own message
// lacks the remedy.
void ExplainRefusal(const Error& refusal, const CaptureOptions& options, const Stop& stop) {
  const bool is_refusal =
      refusal.kind() == ErrorKind::kHalt ||
      std::string_view(refusal.what()).find("max_wal_senders") != std::string_view::npos;
  if (!is_refusal) return;
  PgConnection connection(options, PgConnection::Mode::kSql, stop);
  RequireCapturable(LookAtStanding(&connection));
}

bool SendsTruncates(const ServerIdentity& identity) {
  constexpr int kFirstWithTruncate = 110000;
  return identity.version >= kFirstWithTruncate;
}

std::vector<Halt> FindObstacles(const ServerView& view, OnTruncate on_truncate) {
  std::vector<Halt> obstacles;
  if (view.identity.version < kOldestVersion) {
    obstacles.push_back({ExitCode::kServerSetting,
                         "server-too-old",
                         fmt::format("PostgreSQL {} is too old.", view.identity.version / 10000),
                         "",
                         {{"use PostgreSQL 10 or later", ""}}});
  }
  if (on_truncate != OnTruncate::kLog && !SendsTruncates(view.identity)) {
    obstacles.push_back(
        {ExitCode::kServerSetting,
         "truncate-not-sent",
         fmt::format("PostgreSQL {} sends no TRUNCATE to logical decoding, as --on-truncate needs.",
                     view.identity.version / 10000),
         "",
         {{"let topics keep the rows that one removes (bottledwater resnapshot TABLE deletes them)",
           "--on-truncate=log"},
          {"upgrade to PostgreSQL 11 or later", ""}}});
  }
  const ServerSettings& settings = view.settings;
  if (settings.wal_level != "logical") {
    obstacles.push_back(Setting("wal-level",
                                fmt::format("The server's wal_level is \"{}\"; logical decoding "
                                            "needs \"logical\".",
                                            settings.wal_level),
                                "wal_level = logical"));
  }
  if (settings.max_wal_senders == 0) {
    obstacles.push_back(
        Setting("no-wal-senders", "The server's max_wal_senders is 0.", "max_wal_senders = 10"));
  }
  if (NamesSynchronousStandby(settings.synchronous_standby_names, settings.application_name)) {
    obstacles.push_back(
        {ExitCode::kServerSetting,
         "synchronous-standby",
         fmt::format("Our application_name \"{}\" matches synchronous_standby_names = '{}'.",
                     Printable(settings.application_name),
                     Printable(settings.synchronous_standby_names)),
         "The server would wait for the relay at every commit.",
         {{"use another name", "--postgres='... application_name=NAME'"},
          {"let a superuser remove the name (or the '*') from synchronous_standby_names", ""}}});
  }
  if (!view.role.superuser && !view.role.replication) {
    obstacles.push_back(
        {ExitCode::kMissingRight,
         "missing-right",
         fmt::format("Role {} may not replicate.", view.role.name),
         "",
         {{"let a superuser run",
           OwnLine(fmt::format("ALTER ROLE {} REPLICATION;", QuoteIdentifier(view.role.name)))}}});
  }
  return obstacles;
}

void RequireCapturable(const ServerView& view, OnTruncate on_truncate) {
  const std::vector<Halt> obstacles = FindObstacles(view, on_truncate);
  const bool is_too_old = view.identity.version < kOldestVersion;
  if (view.identity.in_recovery && !is_too_old) {
    throw TransientError("the server is a standby; waiting for its promotion");
  }
  if (!obstacles.empty()) throw obstacles.front().ToError();
}

std::string UnsentTruncatesText(const ServerIdentity& identity) {
  return fmt::format(
      "PostgreSQL {} sends no TRUNCATE to logical decoding: topics keep the rows that one removes, "
      "and nothing says so. Afterwards: bottledwater resnapshot TABLE",
      identity.version / 10000);
}

void SayIfUnusual(const ServerIdentity& identity) {
  const int major = identity.version / 10000;
  if (!SendsTruncates(identity)) {
    spdlog::warn("{}", UnsentTruncatesText(identity));
  }
  if (major <= kNewestTestedMajor) return;
  spdlog::warn("The relay is tested with PostgreSQL up to {}; this is {}", kNewestTestedMajor,
               major);
}

std::optional<Halt> FindFullSlots(const ServerView& view) {
  const ServerSettings& settings = view.settings;
  if (settings.used_replication_slots < settings.max_replication_slots) return std::nullopt;
  return Halt{ExitCode::kServerSetting,
              "no-free-slot",
              fmt::format("All {} replication slots of the server are in use "
                          "(max_replication_slots).",
                          settings.max_replication_slots),
              "",
              {{"drop one that nobody uses",
                OwnLine("SELECT slot_name, active FROM pg_replication_slots;") +
                    OwnLine("SELECT pg_drop_replication_slot('<slot_name>');")},
               {"run as a superuser, then restart PostgreSQL",
                OwnLine(fmt::format("ALTER SYSTEM SET max_replication_slots = {};",
                                    settings.max_replication_slots + 10))}}};
}

void RequireFreeSlot(const ServerView& view) {
  if (const auto halt = FindFullSlots(view)) throw halt->ToError();
}

// names := [FIRST | ANY] number '(' list ')' | list, the names quoted like identifiers or not
// (PostgreSQL documentation, synchronous_standby_names). Names match in any case.
bool NamesSynchronousStandby(std::string_view setting, std::string_view application_name) {
  // If there are parentheses outside quotes, only their content is a list of names.
  std::string name;
  bool quoted = false;
  bool found = false;
  const auto end_name = [&] {
    if (name == "*" || (!name.empty() && name.size() == application_name.size() &&
                        strncasecmp(name.data(), application_name.data(), name.size()) == 0)) {
      found = true;
    }
    name.clear();
  };
  for (const char c : setting) {
    if (c == '"') {
      quoted = !quoted;
    } else if (quoted) {
      name.push_back(c);
    } else if (c == '(') {
      name.clear();  // What came before was FIRST, ANY or a number.
      found = false;
    } else if (c == ',' || c == ')') {
      end_name();
    } else if (c != ' ' && c != '\t' && c != '\n' && c != '\r') {
      name.push_back(c);
    }
  }
  end_name();
  return found;
}

// Lines of: timeline <tab> LSN at which it ended <tab> reason. '#' begins a comment.
std::vector<TimelineSwitch> ParseTimelineHistory(std::string_view content) {
  std::vector<TimelineSwitch> history;
  while (!content.empty()) {
    const size_t newline = content.find('\n');
    std::string_view line = content.substr(0, newline);
    content.remove_prefix(newline == std::string_view::npos ? content.size() : newline + 1);
    line.remove_prefix(std::min(line.find_first_not_of(" \t\r"), line.size()));
    if (line.empty() || line[0] == '#') continue;
    TimelineSwitch ended;
    const auto [behind, error] =
        std::from_chars(line.data(), line.data() + line.size(), ended.timeline);
    line.remove_prefix(static_cast<size_t>(behind - line.data()));
    line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
    const std::optional<Lsn> lsn = Lsn::Parse(line.substr(0, line.find_first_of(" \t\r")));
    if (error != std::errc() || !lsn) {
      throw UnexpectedHalt("PostgreSQL's timeline history file is malformed");
    }
    ended.switch_point = *lsn;
    history.push_back(ended);
  }
  return history;
}

}  // namespace bw
