#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/halt.h"
#include "base/stop.h"
#include "capture/capture_options.h"
#include "capture/pg_connection.h"
#include "recovery/server_state.h"

namespace bw {

// The server's settings that we depend on.
struct ServerSettings {
  std::string wal_level;
  int64_t max_replication_slots = 0;
  int64_t used_replication_slots = 0;
  int64_t max_wal_senders = 0;
  std::string synchronous_standby_names;
  std::string application_name;  // Our own, as the server knows it.
  std::string server_encoding;
  // The server ends a connection that is silent for this long; 0 for never.
  Duration wal_sender_timeout{0};
};

// What our role may do.
struct RoleRights {
  std::string name;
  bool superuser = false;
  bool replication = false;
};

// The server as found by one look.
struct ServerView {
  ServerIdentity identity;
  ServerSettings settings;
  RoleRights role;
  std::optional<SlotState> slot;  // The slot of CaptureOptions::slot, if it exists.
};

// Inspects the server through a connection in replication mode that does not stream yet: whatever
// follows on that connection happens on the inspected server, even if several servers share the
// address. Reads only. Errors: transient when the server is away, kMissingRight.
ServerView LookThrough(PgConnection* replication, const std::string& slot);

// The same, repeated while the slot is in use or being created, for at most
// CaptureOptions::active_slot_wait: the walsender of a relay that was just stopped or killed lives
// on for a moment.
ServerView LookUntilIdle(PgConnection* replication, const CaptureOptions& options,
                         const Stop& stop);

// The same without what only replication commands tell: the identity but for version and recovery,
// and the slot. Through a connection of either mode.
ServerView LookAtStanding(PgConnection* connection);

// After a connection in replication mode was refused: inspects the server through an ordinary
// connection, and throws what RequireCapturable finds, if that explains the refusal.
void ExplainRefusal(const Error& refusal, const CaptureOptions& options, const Stop& stop);

// What cannot work, each with its remedy: a server that is too old, a wal_level that is not logical
// (kServerSetting), no REPLICATION right (kMissingRight), an application_name that would make us a
// synchronous standby, an `on_truncate` that needs to hear of each TRUNCATE from a server that
// tells of none. Pure.
std::vector<Halt> FindObstacles(const ServerView& view, OnTruncate on_truncate = OnTruncate::kLog);

// Throws the first of them. A server that is itself a standby is waited for (transient): it may be
// promoted. Pure.
void RequireCapturable(const ServerView& view, OnTruncate on_truncate = OnTruncate::kLog);

// Whether its logical decoding tells of a TRUNCATE: from PostgreSQL 11 on. Pure.
bool SendsTruncates(const ServerIdentity& identity);
// What follows from it where it does not, for people. Pure.
std::string UnsentTruncatesText(const ServerIdentity& identity);

// Logs when the server's major version is newer than those that the relay is tested with, or so old
// that something of its changes does not arrive.
void SayIfUnusual(const ServerIdentity& identity);

// Whether there is no room for another slot (kServerSetting); the second throws it. Pure.
std::optional<Halt> FindFullSlots(const ServerView& view);
void RequireFreeSlot(const ServerView& view);

// --- Pure parts, for tests -------------------------------------------------------------------

// Whether the setting synchronous_standby_names names `application_name`, by name or by '*'.
bool NamesSynchronousStandby(std::string_view setting, std::string_view application_name);

// The content of a timeline history file, as TIMELINE_HISTORY gives it.
std::vector<TimelineSwitch> ParseTimelineHistory(std::string_view content);

}  // namespace bw
