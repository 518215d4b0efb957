#include "capture/pg_error.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>

#include "base/log.h"

namespace bw {
namespace {

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
  // Shutdown, crash, starting up, idle timeout; the time of a lock, statement or transaction ran
  // out.
  return IsOneOf(state, {"57P01", "57P02", "57P03", "57P05", "57014", "55P03", "25P03", "25P04"});
}

bool IsLoginRefusal(std::string_view state) {
  return state.substr(0, 2) == "28" || state == "3D000";
}

std::string What(const PgFailure& failure, const PgErrorContext& context) {
  return fmt::format("cannot {}: {}", context.doing, Printable(failure.message));
}

// SQLSTATE 55000: something is not in the state that the command needs.
Error NotInState(const PgFailure& failure, const std::string& what) {
  if (Contains(failure.message, "wal_level")) {
    return HaltError(ExitCode::kServerSetting,
                     what + ". Run ALTER SYSTEM SET wal_level = logical; and restart PostgreSQL");
  }
  return HaltError(ExitCode::kHaltSlot, what);
}

// The halt that the start-up gives for a slot whose wal_status is "lost". On a promoted standby
// that never had the WAL, PostgreSQL 15 says "reserved", and notices when it reads.
Error WalMissing(const PgFailure& failure) {
  return HaltError(
      ExitCode::kHaltSlot,
      fmt::format("[slot-invalidated] The server does not have all WAL that the slot needs: {}. A "
                  "standby to which the slot was copied may never have had it; what was committed "
                  "since cannot be told any more. What you can do: (1) take the snapshot again. "
                  "Start once, with the same options, as: bottledwater resnapshot",
                  Printable(failure.message)));
}

// PostgreSQL looks publications up as of the WAL that it reads: making it again does not help.
Error PublicationMissing(const PgFailure& failure) {
  return HaltError(
      ExitCode::kHaltSlot,
      fmt::format("[publication-missing] PostgreSQL cannot tell what to send: {}. Somebody dropped "
                  "the publication, or it was made later than the WAL that is read; what was "
                  "committed without it cannot be told any more. What you can do: (1) make it "
                  "again, if it is still missing and not the relay's own, and take the snapshot "
                  "again. Start once, with the same options, as: bottledwater resnapshot",
                  failure.message));
}

// "invalid role OID": a session goes on when its role is dropped, but cannot ask who it is.
Error RoleDropped(const std::string& what) {
  return HaltError(ExitCode::kLoginRefused,
                   what +
                       ". The role that the relay is connected as was dropped. Let a superuser make "
                       "it again, with its rights on the tables and the publication:" +
                       OwnLine("CREATE ROLE <role> LOGIN REPLICATION PASSWORD '...';"));
}

Error FromServer(const PgFailure& failure, const PgErrorContext& context) {
  const std::string& state = failure.sqlstate;
  const std::string what = What(failure, context);
  if (IsTransient(state)) return TransientError(what);
  if (context.begin_again_when_missing && IsOneOf(state, {"42P01", "42703", "3F000", "22023"})) {
    return TransientError(what);
  }
  if (IsLoginRefusal(state)) return HaltError(ExitCode::kLoginRefused, what);
  // MULE_INTERNAL, and what PostgreSQL may get.
  if (IsOneOf(state, {"0A000", "22023"}) && Contains(failure.message, "onversion between")) {
    return HaltError(ExitCode::kServerSetting,
                     what +
                         ". Kafka gets UTF-8, and PostgreSQL does not convert this database's "
                         "encoding to it: the relay needs a database of another encoding");
  }
  if (Contains(failure.message, "may not be used as an output plugin")) {
    // The minor releases of August 2026 (CVE-2026-6471).
    return HaltError(ExitCode::kServerSetting,
                     what + ". Add pgoutput to the server's output_plugin_libraries");
  }
  if (state == "42501" && Contains(failure.message, "row-level security")) {
    return HaltError(ExitCode::kMissingRight,
                     what + ". Let a superuser run:" + OwnLine("ALTER ROLE <role> BYPASSRLS;"));
  }
  if (state == "42501") {
    return HaltError(ExitCode::kMissingRight,
                     context.remedy_sql.empty()
                         ? what
                         : fmt::format("{}. Let an owner run:{}", what,
                                       OwnLine(context.remedy_sql)));
  }
  if (state == "53400") {
    return HaltError(ExitCode::kServerSetting,
                     what +
                         ". Raise max_replication_slots (ALTER SYSTEM SET max_replication_slots "
                         "= 20; then restart PostgreSQL), or drop a slot that nobody uses");
  }
  // Somebody else made it meanwhile, which the next look will see.
  if (state == "42710" && Contains(context.doing, "publication")) return TransientError(what);
  if (state == "42710") return HaltError(ExitCode::kHaltForeignSlot, what);
  if (state == "55006") {
    return HaltError(
        ExitCode::kAnotherRelay,
        what + ". Another relay uses it: stop that one, or give this one its own --slot");
  }
  if (state == "55000") return NotInState(failure, what);
  if (state == "58P01" && Contains(failure.message, "WAL segment")) return WalMissing(failure);
  if (state == "58P01") return HaltError(ExitCode::kHaltSlot, what);
  if (state == "42704" && Contains(failure.message, "publication")) {
    return PublicationMissing(failure);
  }
  if (state == "42704" && Contains(failure.message, "role")) return RoleDropped(what);
  if (state == "42704") return HaltError(ExitCode::kHaltSlot, what);
  return HaltError(ExitCode::kInternal, fmt::format("{} (SQLSTATE {})", what, state));
}

// Failures that libpq finds by itself and that waiting does not mend.
bool IsClientRefusal(std::string_view message) {
  constexpr std::array<std::string_view, 6> kRefusals = {
      "no password supplied",        "certificate verify failed", "does not match host name",
      "server does not support SSL", "root certificate file",     "channel binding",
  };
  return std::any_of(kRefusals.begin(), kRefusals.end(),
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
  return IsClientRefusal(failure.message) ? HaltError(ExitCode::kLoginRefused, what)
                                          : TransientError(what);
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
