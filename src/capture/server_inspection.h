#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "capture/capture_options.h"
#include "capture/pg_connection.h"
#include "capture/slot_state.h"

namespace bw {

// What the server is set to, as far as we depend on it.
struct ServerSettings {
  std::string wal_level;
  int64_t max_replication_slots = 0;
  int64_t used_replication_slots = 0;
  int64_t max_wal_senders = 0;
  std::string synchronous_standby_names;
  std::string application_name;  // Our own, as the server knows it.
  std::string server_encoding;
};

// What our role may do.
struct RoleRights {
  std::string name;
  bool superuser = false;
  bool replication = false;
  bool may_create_in_database = false;
};

// The server as one look finds it.
struct ServerView {
  ServerIdentity identity;
  ServerSettings settings;
  RoleRights role;
  std::optional<SlotState> slot;  // The slot of CaptureOptions::slot, if it exists.
};

// Connects and looks. Reads only; leaves nothing behind. Errors: transient when the server is away,
// kLoginRefused, kMissingRight.
ServerView InspectServer(const CaptureOptions& options, const Stop& stop);

// What decides whether to stream, looked at through the connection that will: another connection
// may lead to another server, behind one address. `replication` is in replication mode and streams
// nothing yet. Only identity, server_encoding and slot are set.
ServerView InspectStreamingServer(PgConnection* replication, const std::string& slot);

// Refuses what cannot work, each with its remedy: a server that is too old, a wal_level that is not
// logical (kServerSetting), no REPLICATION right (kMissingRight), an application_name that would
// make us a synchronous standby. A server that is itself a standby is waited for (transient): it
// may be promoted. Pure.
void RequireCapturable(const ServerView& view);

// Logs when the server's major version is not the one that the relay is tested with.
void SayIfUntested(const ServerIdentity& identity);

// Refuses when there is no room for another slot (kServerSetting). Pure.
void RequireFreeSlot(const ServerView& view);

// --- Pure parts, for tests -------------------------------------------------------------------

// Whether the setting synchronous_standby_names names `application_name`, by name or by '*'.
bool NamesSynchronousStandby(std::string_view setting, std::string_view application_name);

// The content of a timeline history file, as TIMELINE_HISTORY gives it.
std::vector<TimelineSwitch> ParseTimelineHistory(std::string_view content);

}  // namespace bw
