#include "admin/status_json.h"

#include <nlohmann/json.hpp>
#include <optional>

#include "base/format.h"

namespace bw {
namespace {

using Json = nlohmann::ordered_json;

Json LsnText(Lsn lsn) { return lsn.valid() ? Json(lsn.ToString()) : Json(); }

template <typename T>
Json OrNull(const std::optional<T>& value) {
  return value ? Json(*value) : Json();
}

Json Troubles(const RelayStatus::Side& side, int64_t now_us) {
  Json list = Json::array();
  for (const Trouble& trouble : side.troubles) {
    list.push_back({{"kind", ToString(trouble.kind)},
                    {"server", trouble.server.empty() ? Json() : Json(trouble.server)},
                    {"what", trouble.what},
                    {"remedy", trouble.remedy.empty() ? Json() : Json(trouble.remedy)},
                    {"since", FormatTime(trouble.since_us)},
                    {"seconds", (now_us - trouble.since_us) / 1'000'000}});
  }
  return list;
}

std::string StateOf(const RelayStatus::Side& side) {
  if (side.paused) return side.pausing ? "pausing" : "paused";
  if (!side.troubles.empty()) return "trouble";
  return side.working ? "working" : "starting";
}

Json Failures(const RelayStatus::Side& side) {
  Json failures = Json::object();
  for (size_t kind = 0; kind < kErrorKinds; ++kind) {
    failures[ToString(static_cast<ErrorKind>(kind))] = side.failures.at(kind);
  }
  return failures;
}

// What both sides have.
Json SideJson(const RelayStatus::Side& side, int64_t now_us) {
  return {{"state", StateOf(side)},
          {"troubles", Troubles(side, now_us)},
          {"sessions", side.sessions},
          {"failed_sessions", Failures(side)}};
}

Json CaptureJson(const Observation& observation) {
  const RelayStatus::Capture& capture = observation.status.capture;
  Json json = SideJson(capture, observation.status.wall_us);
  json["captured_lsn"] = LsnText(capture.captured);
  json["received_lsn"] = LsnText(capture.received);
  json["server_lsn"] = LsnText(capture.server_end);
  json["confirmed_lsn"] = LsnText(capture.confirmed);
  json["retained_wal_bytes"] = OrNull(capture.retained_wal_bytes);
  json["wal_on_disk_bytes"] = OrNull(capture.wal_on_disk_bytes);
  json["wal_limit"] =
      capture.has_wal_limit ? Json(*capture.has_wal_limit ? "set" : "none") : Json();
  json["safe_wal_bytes"] = OrNull(capture.safe_wal_bytes);
  json["slot_status"] = capture.slot_status.empty() ? Json() : Json(capture.slot_status);
  json["lag_bytes"] = OrNull(observation.capture_lag_bytes);
  json["lag_seconds"] = OrNull(observation.capture_lag_seconds);
  json["changes"] = capture.changes;
  json["changes_per_second"] = OrNull(observation.captured_per_second);
  json["transactions"] = capture.transactions;
  json["snapshot_rows"] = capture.snapshot_rows;
  json["rows_left_out"] = capture.rows_refused;
  json["changes_without_key"] = capture.keyless_changes;
  json["rows_with_unavailable_values"] = capture.unavailable_values;
  json["unchanged_toast_values"] = {{"old_tuple", capture.toast_from_old_tuple},
                                    {"cache", capture.toast_from_cache},
                                    {"refetched", capture.toast_refetched},
                                    {"unavailable", capture.toast_unavailable}};
  json["truncates"] = capture.truncates;
  return json;
}

Json TablesJson(const RelayStatus::Publish& publish) {
  Json tables = Json::array();
  for (const auto& [name, counts] : publish.tables) {
    tables.push_back({{"table", name},
                      {"changes", counts.changes},
                      {"bytes", counts.bytes},
                      {"rows_left_out", counts.rows_refused},
                      {"dead_letters", counts.dead_letters}});
  }
  return tables;
}

Json HeldJson(const RelayStatus::Publish& publish) {
  Json held = Json::array();
  for (const HeldTable& one : publish.figures.held) {
    held.push_back({{"table", one.table.qualified()},
                    {"published_through", one.after.ToString()},
                    {"reason", one.reason.empty() ? Json() : Json(one.reason)}});
  }
  return held;
}

Json PublishJson(const Observation& observation) {
  const RelayStatus::Publish& publish = observation.status.publish;
  Json json = SideJson(publish, observation.status.wall_us);
  json["published_lsn"] = LsnText(publish.published);
  json["changes"] = publish.figures.changes;
  json["changes_per_second"] = OrNull(observation.published_per_second);
  json["messages"] = publish.figures.messages;
  json["bytes"] = publish.figures.bytes;
  json["kafka_transactions"] = publish.figures.transactions;
  json["rows_left_out"] = publish.figures.rows_refused;
  json["dead_letters"] = publish.figures.dead_letters;
  json["repeats_prevented"] = publish.figures.torn_skipped;
  json["lag_seconds"] = observation.status.spool.lag
                            ? Json(static_cast<double>(observation.status.spool.lag->count()) / 1e3)
                            : Json(0);
  json["seconds_until_drained"] = OrNull(observation.seconds_until_drained);
  json["held"] = HeldJson(publish);
  json["tables"] = TablesJson(publish);
  return json;
}

Json SpoolJson(const Observation& observation) {
  const RelayStatus::SpoolFacts& spool = observation.status.spool;
  return {{"phase", PhaseText(spool.phase)},
          {"bytes", spool.bytes},
          {"room_bytes", spool.room_bytes},
          {"max_bytes", spool.max_bytes == 0 ? Json() : Json(spool.max_bytes)},
          {"obstacle", spool.obstacle.empty() ? Json() : Json(spool.obstacle)},
          {"backlog_changes", spool.backlog},
          {"bytes_per_second", OrNull(observation.spool_bytes_per_second)},
          {"seconds_until_full", OrNull(observation.seconds_until_spool_full)},
          {"tables_to_read_again", spool.tables_to_reread}};
}

Json EventsJson(const Observation& observation) {
  Json events = Json::array();
  for (const Event& event : observation.events) {
    events.push_back(
        {{"time", FormatTime(event.time_us)}, {"level", event.level}, {"message", event.message}});
  }
  return events;
}

// Names come from servers: what is not UTF-8 in them is replaced.
std::string Dump(const Json& json) {
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace

std::string StatusJson(const Observation& observation) {
  const RelayStatus& status = observation.status;
  return Dump({{"version", BOTTLEDWATER_VERSION},
               {"time", FormatTime(status.wall_us)},
               {"source",
                {{"database", status.spool.source.database},
                 {"slot", status.spool.source.slot},
                 {"system_identifier", status.spool.source.system_identifier},
                 {"timeline", status.spool.source.timeline}}},
               {"ready", observation.stalls.empty()},
               {"reasons", observation.stalls},
               {"capture", CaptureJson(observation)},
               {"spool", SpoolJson(observation)},
               {"publish", PublishJson(observation)},
               {"events", EventsJson(observation)}});
}

std::string ReadinessJson(const Observation& observation) {
  const RelayStatus& status = observation.status;
  return Dump({{"ready", observation.stalls.empty()},
               {"reasons", observation.stalls},
               {"capture",
                {{"state", StateOf(status.capture)},
                 {"troubles", Troubles(status.capture, status.wall_us)}}},
               {"publish",
                {{"state", StateOf(status.publish)},
                 {"troubles", Troubles(status.publish, status.wall_us)}}},
               {"seconds_until_spool_full", OrNull(observation.seconds_until_spool_full)},
               {"seconds_until_drained", OrNull(observation.seconds_until_drained)}});
}

}  // namespace bw
