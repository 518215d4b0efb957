#include "commands/status_at_rest.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <optional>

#include "base/format.h"
#include "base/log.h"
#include "capture/pg_connection.h"
#include "capture/server_inspection.h"
#include "capture/slot_watch.h"
#include "commands/terminal.h"
#include "publish/checkpoint_reader.h"
#include "publish/kafka_cluster.h"
#include "publish/topic_name.h"
#include "spool/spool.h"
#include "spool/spool_directory.h"
#include "spool/spool_reader.h"

namespace bw {
namespace {

using Json = nlohmann::json;

Json OrNull(const std::string& text) { return text.empty() ? Json() : Json(text); }

Json LsnOrNull(Lsn lsn) { return lsn.valid() ? Json(lsn.ToString()) : Json(); }

// Whose spool it is: what is asked of the servers is about its slot, whatever --slot says. Empty
// before a first start.
std::string SlotOfSpool(const SpoolOptions& options) {
  return SpoolReader(options).picture().state.source.slot;
}

// With what a standby does not tell of its slot left open.
Json AskForSlot(PgConnection* connection, const ServerView& view) {
  if (!view.slot) return nullptr;
  const SlotState& slot = *view.slot;
  std::optional<SlotFacts> facts;
  if (!view.identity.in_recovery) facts = ReadSlotFacts(connection, slot.name);
  const bool retains = facts && facts->restart.valid();
  return {{"active_pid", slot.active_pid ? Json(*slot.active_pid) : Json()},
          {"confirmed_lsn", LsnOrNull(slot.confirmed_flush)},
          {"wal_status", OrNull(slot.wal_status)},
          {"invalidation_reason", OrNull(slot.invalidation_reason)},
          {"wal_on_disk_bytes",
           retains ? Json(WalBytesBetween(facts->restart, facts->current_wal)) : Json()},
          {"wal_limit", facts ? Json(facts->has_limit ? "set" : "none") : Json()},
          {"safe_wal_bytes", facts && facts->safe_bytes ? Json(*facts->safe_bytes) : Json()}};
}

// The database's identity if PostgreSQL answers.
std::optional<Source> AskPostgres(const Options& options, const Stop& stop, Json* status) {
  PgConnection connection(options.capture, PgConnection::Mode::kReplication, stop);
  const ServerView view = LookThrough(&connection, options.capture.slot);
  const Source source{view.identity.system_identifier, view.identity.database, options.capture.slot,
                      view.identity.timeline};
  (*status)["source"] = {{"database", source.database},
                         {"slot", source.slot},
                         {"system_identifier", source.system_identifier},
                         {"timeline", source.timeline}};
  (*status)["server_lsn"] = view.identity.wal_end.ToString();
  (*status)["slot"] = AskForSlot(&connection, view);
  return source;
}

void AskKafka(const Options& options, const Source& source, const Stop& stop, Json* status) {
  const std::string topic = CheckpointTopic(options.publish.topic_prefix, source);
  const auto kafka = ConnectToKafka(options.publish, stop);
  kafka->ClusterId();  // Says why when no broker answers.
  const NewestCheckpoint newest = ReadNewestCheckpoint(kafka.get(), topic);
  Json json = {{"topic", topic},
               {"published_lsn", nullptr},
               {"unpublished_wal_bytes", nullptr},
               {"held", Json::array()}};
  if (newest.checkpoint) {
    for (const auto& [table, after] : newest.checkpoint->held) {
      json["held"].push_back(
          {{"table", table.qualified()}, {"published_through", after.ToString()}});
    }
    const Lsn published = newest.checkpoint->progress.end_lsn;
    json["published_lsn"] = LsnOrNull(published);
    const auto end = Lsn::Parse((*status)["server_lsn"].get<std::string>());
    if (published.valid() && end) json["unpublished_wal_bytes"] = WalBytesBetween(published, *end);
  }
  (*status)["checkpoint"] = std::move(json);
}

template <class Ask>
void Try(const char* server, Json* status, const Ask& ask) {
  try {
    ask();
  } catch (const Error& error) {
    (*status)["problems"].push_back(fmt::format("{}: {}", server, Printable(error.what())));
  }
}

// --- Text ----------------------------------------------------------------------------------------

std::string Text(const Json& value, const char* unknown) {
  return value.is_null() ? unknown : Printable(value.get<std::string>());
}

std::string Size(const Json& bytes) { return FormatSize(bytes.get<uint64_t>()); }

std::string SlotText(const Json& status) {
  const Json& slot = status["slot"];
  if (slot.is_null()) return status["source"].is_null() ? "not known" : "there is no slot";
  std::string text = slot["active_pid"].is_null()
                         ? "slot not in use"
                         : fmt::format("slot in use by process {}", slot["active_pid"].get<int>());
  text += ", confirmed up to " + Text(slot["confirmed_lsn"], "nothing");
  if (!slot["wal_on_disk_bytes"].is_null()) {
    text += fmt::format("; {} of WAL on its disk", Size(slot["wal_on_disk_bytes"]));
  }
  if (!slot["safe_wal_bytes"].is_null()) {
    text += ", " + WalLimitText("", /*has_limit=*/true, slot["safe_wal_bytes"].get<int64_t>());
  }
  if (const std::string state = Text(slot["wal_status"], ""); !state.empty()) {
    text += fmt::format(" ({})", state);
  }
  if (const std::string reason = Text(slot["invalidation_reason"], ""); !reason.empty()) {
    text += "; PostgreSQL has given it up: " + reason;
  }
  return text;
}

std::string CheckpointText(const Json& checkpoint) {
  if (checkpoint.is_null()) return "not known";
  if (checkpoint["published_lsn"].is_null()) {
    return "no published position in " + Text(checkpoint["topic"], "");
  }
  std::string text = "published up to " + Text(checkpoint["published_lsn"], "");
  if (!checkpoint["unpublished_wal_bytes"].is_null()) {
    text += fmt::format("; {} of WAL since then", Size(checkpoint["unpublished_wal_bytes"]));
  }
  std::vector<std::string> held;
  for (const Json& one : checkpoint["held"]) held.push_back(Text(one["table"], ""));
  if (!held.empty()) text += "; held, and not all published: " + FormatList(held, 10);
  return text;
}

}  // namespace

nlohmann::json StatusAtRest(const Options& options) {
  Json status = {{"running", false},  {"version", BOTTLEDWATER_VERSION},
                 {"source", nullptr}, {"server_lsn", nullptr},
                 {"slot", nullptr},   {"checkpoint", nullptr},
                 {"spool", nullptr},  {"problems", Json::array()}};
  const bool exists = Spool::Exists(options.spool);
  status["spool"] = {
      {"directory", Printable(options.spool.directory)},
      {"exists", exists},
      {"bytes", exists ? DirectoryBytes(options.spool.directory + "/db", nullptr) : 0}};
  Options asked = options;
  std::string slot;
  if (exists) Try("Spool", &status, [&] { slot = SlotOfSpool(options.spool); });
  if (!slot.empty() && slot != options.capture.slot) {
    asked.capture.slot = slot;
    status["problems"].push_back(fmt::format(
        "The spool is of slot \"{}\", which is shown here, and not of \"{}\": the relay's "
        "options need --slot={}",
        slot, options.capture.slot, slot));
  }
  if (options.capture.conninfo.empty()) {
    status["problems"].push_back(
        "PostgreSQL and Kafka were not asked: give the relay's options, "
        "--postgres at least");
    return status;
  }
  const Stop stop;
  std::optional<Source> source;
  Try("PostgreSQL", &status, [&] { source = AskPostgres(asked, stop, &status); });
  if (source) {
    Try("Kafka", &status, [&] {
      const auto unread = options.unread_files.find("kafka-config-file");
      if (unread != options.unread_files.end()) throw unread->second;
      AskKafka(asked, *source, stop, &status);
    });
  } else {
    status["problems"].push_back(
        "Kafka was not asked: the checkpoint's topic is named after the database");
  }
  return status;
}

std::string StatusAtRestText(const nlohmann::json& status, bool colour) {
  const Json& source = status["source"];
  const auto title = [colour](const char* text) {
    return Coloured(colour, "1", fmt::format("{:<12}", text));
  };
  std::string out = title("Relay") + Coloured(colour, "1;31", "none runs") + "\n";
  if (!source.is_null()) {
    out += fmt::format("{}database {}, slot {}\n", title(""), Text(source["database"], ""),
                       Text(source["slot"], ""));
  }
  const Json& spool = status["spool"];
  out += title("PostgreSQL") + SlotText(status) + "\n";
  out += title("Spool") +
         (spool["exists"].get<bool>() ? Size(spool["bytes"]) : std::string("there is none")) +
         " in " + Text(spool["directory"], "") + "\n";
  out += title("Kafka") + CheckpointText(status["checkpoint"]) + "\n";
  for (const Json& problem : status["problems"]) {
    out += Coloured(colour, "31", "! " + Text(problem, "")) + "\n";
  }
  return out;
}

}  // namespace bw
