#include "capture/pg_error.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>

#include "base/halt.h"
#include "base/shown_text.h"

namespace bw {
namespace {

constexpr std::string_view kTooManyConnections = "53300";
constexpr const char* kFreeAConnection =
    "End sessions that nobody needs, or raise the limit that PostgreSQL names: CONNECTION LIMIT of "
    "the role or the database, max_connections, max_wal_senders";

bool Contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

bool IsOneOf(std::string_view state, std::initializer_list<std::string_view> states) {
  return std::find(states.begin(), states.end(), state) != states.end();
}

bool IsTransient(std::string_view state) {
  const std::string_view group = state.substr(0, 2);
  // Connection, transaction rollback (deadlock), resources (also "too many connections").
  if (IsOneOf(group, {"08", "40", "53", "58", "XX"})) return state != "53400" && state != "58P01";
  // Shutdown, crash, starting up; idle, lock, statement and transaction timeouts.
  return IsOneOf(state, {"57P01", "57P02", "57P03", "57P05", "57014", "55P03", "25P03", "25P04"});
}

std::string What(const PgFailure& failure, const PgErrorContext& context) {
  return fmt::format("cannot {}: {}", context.doing, Printable(failure.message));
}

struct Refusal {
  std::string_view state;  // A SQLSTATE or the beginning of some.
  std::string_view text;   // Part of the message; empty for any.
  ExitCode exit_code;
  const char* code;
  const char* meaning;
  std::string_view remedy;  // Empty for ResnapshotRemedy().
  std::string_view command;
};

constexpr const char* kLoginRemedy = "give the right user, password and database";
constexpr const char* kNotUtf8 =
    "Kafka gets UTF-8, and PostgreSQL cannot convert this database's encoding to it.";
constexpr const char* kOtherEncoding = "capture a database with another encoding";

// What each refusal means: the first row that matches counts.
constexpr Refusal kRefusals[] = {
    {"28", "", ExitCode::kLoginRefused, "login-refused", "", kLoginRemedy, "--postgres=..."},
    {"3D000", "", ExitCode::kLoginRefused, "login-refused", "", kLoginRemedy, "--postgres=..."},
    // MULE_INTERNAL, and encodings of future versions.
    {"0A000", "onversion between", ExitCode::kServerSetting, "encoding", kNotUtf8, kOtherEncoding,
     "--postgres=..."},
    {"22023", "onversion between", ExitCode::kServerSetting, "encoding", kNotUtf8, kOtherEncoding,
     "--postgres=..."},
    {"", "may not be used as an output plugin", ExitCode::kServerSetting, "plugin-refused",
     "PostgreSQL requires this since its minor releases of August 2026 (CVE-2026-6471).",
     "add pgoutput to the server's output_plugin_libraries", ""},
    {"42501", "row-level security", ExitCode::kMissingRight, "missing-right", "",
     "let a superuser run", "ALTER ROLE <role> BYPASSRLS;"},
    {"42501", "", ExitCode::kMissingRight, "missing-right", "",
     "let an owner or a superuser grant it", ""},
    {"53400", "", ExitCode::kServerSetting, "no-free-slot", "",
     "drop a slot that nobody uses, or raise max_replication_slots and restart PostgreSQL",
     "ALTER SYSTEM SET max_replication_slots = 20;"},
    {"42710", "", ExitCode::kHaltForeignSlot, "slot-foreign", "It was created in the meantime.",
     "use another", "--slot=NAME"},
    {"55006", "", ExitCode::kAnotherRelay, "slot-active", "Another relay uses it.",
     "stop that one, or give this one its own", "--slot=NAME"},
    {"55000", "wal_level", ExitCode::kServerSetting, "wal-level", "",
     "run as a superuser, then restart PostgreSQL", "ALTER SYSTEM SET wal_level = logical;"},
    {"55000", "", ExitCode::kHaltSlot, "slot-unusable", "", "", ""},
    // On a promoted standby that never had the WAL, PostgreSQL 15 shows the slot as "reserved" and
    // fails only when it reads the WAL.
    {"58P01", "WAL segment", ExitCode::kHaltSlot, "slot-invalidated",
     "The server does not have all the WAL that the slot needs. A standby to which the slot was "
     "copied may never have had it; what was committed since is lost.",
     "", ""},
    {"58P01", "", ExitCode::kHaltSlot, "file-missing", "",
     "restore the file on the server, or install what it belongs to", ""},
    // PostgreSQL looks up publications as of the WAL that it reads: recreating one does not help.
    {"42704", "publication", ExitCode::kHaltSlot, "publication-missing",
     "PostgreSQL does not know what to send: the publication was dropped, or created later than "
     "the WAL that is being read; what was committed without it is lost. If it is still missing "
     "and "
     "not the relay's own, create it again first.",
     "", ""},
    // "invalid role OID": a session survives its role being dropped, but cannot look up that role.
    {"42704", "role", ExitCode::kLoginRefused, "login-refused", "The relay's role was dropped.",
     "let a superuser create it again, with its rights on the tables and the publication",
     "CREATE ROLE <role> LOGIN REPLICATION PASSWORD '...';"},
    {"42704", "", ExitCode::kHaltSlot, "slot-missing", "", "", ""},
    {"", "", ExitCode::kInternal, "unexpected", "",
     "fix what PostgreSQL reports; if there is nothing to fix, report this message as a bug", ""},
};

Remedy RemedyOf(const Refusal& refusal, const PgErrorContext& context) {
  const bool grant_is_known =
      refusal.state == "42501" && refusal.text.empty() && !context.remedy_sql.empty();
  if (grant_is_known) return {"let an owner run", OwnLine(context.remedy_sql)};
  if (refusal.remedy.empty()) return ResnapshotRemedy();
  const bool is_sql = refusal.command.ends_with(';');
  return {std::string(refusal.remedy),
          is_sql ? OwnLine(refusal.command) : std::string(refusal.command)};
}

Error FromServer(const PgFailure& failure, const PgErrorContext& context) {
  const std::string& state = failure.sqlstate;
  const std::string what = What(failure, context);
  if (state == kTooManyConnections) return TransientError(what).AsRefusal(kFreeAConnection);
  if (IsTransient(state)) return TransientError(what);
  if (context.begin_again_when_missing && IsOneOf(state, {"42P01", "42703", "3F000", "22023"})) {
    return TransientError(what);
  }
  // Somebody else has created it in the meantime; the next attempt will see it.
  if (state == "42710" && Contains(context.doing, "publication")) return TransientError(what);
  const auto refusal = std::ranges::find_if(kRefusals, [&](const Refusal& row) {
    return state.starts_with(row.state) && Contains(failure.message, row.text);
  });
  const bool is_known = refusal->exit_code != ExitCode::kInternal;
  return Halt{refusal->exit_code,
              refusal->code,
              Sentence(is_known ? what : fmt::format("{} (SQLSTATE {})", what, state)),
              refusal->meaning,
              {RemedyOf(*refusal, context)}}
      .ToError();
}

// Failures that libpq detects itself and that do not pass with time.
bool IsClientRefusal(std::string_view message) {
  constexpr std::array<std::string_view, 6> kTexts = {
      "no password supplied",        "certificate verify failed", "does not match host name",
      "server does not support SSL", "root certificate file",     "channel binding",
  };
  return std::any_of(kTexts.begin(), kTexts.end(),
                     [&](std::string_view refusal) { return Contains(message, refusal); });
}

bool IsSqlState(std::string_view text) {
  return text.size() == 5 && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z');
         });
}

// Without the lines that PQERRORS_VERBOSE adds about the server's own source.
std::string WithoutLocation(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const size_t newline = text.find('\n');
    const std::string_view line = text.substr(0, newline);
    if (!line.starts_with("LOCATION:")) out.append(line).push_back('\n');
    if (newline == std::string_view::npos) break;
    text.remove_prefix(newline + 1);
  }
  while (!out.empty() && std::isspace(static_cast<unsigned char>(out.back()))) out.pop_back();
  return out;
}

}  // namespace

Error TranslatePgFailure(const PgFailure& failure, const PgErrorContext& context) {
  if (!failure.sqlstate.empty()) return FromServer(failure, context);
  const std::string what = What(failure, context);
  if (!IsClientRefusal(failure.message)) return TransientError(what);
  return Halt{ExitCode::kLoginRefused,
              "login-refused",
              Sentence(what),
              "",
              {{"give what the server requires", "--postgres=..."}}}
      .ToError();
}

PgFailure ParseConnectFailure(std::string_view text) {
  constexpr size_t kStateBytes = 5;
  PgFailure failure;
  std::string message = WithoutLocation(text);
  // "FATAL:  28P01: password authentication failed": the severity may be in any language, the two
  // spaces and the colons are not.
  for (size_t at = message.find(":  "); at != std::string::npos; at = message.find(":  ", at + 1)) {
    const size_t begin = at + 3;
    if (message.size() < begin + kStateBytes + 2) break;
    const std::string state = message.substr(begin, kStateBytes);
    if (!IsSqlState(state) || message.compare(begin + kStateBytes, 2, ": ") != 0) continue;
    failure.sqlstate = state;
    message.erase(begin, kStateBytes + 2);
  }
  failure.message = std::move(message);
  return failure;
}

}  // namespace bw
