#include "commands/status_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "base/format.h"
#include "base/shown_text.h"
#include "capture/slot_facts.h"
#include "commands/terminal.h"

namespace bw {
namespace {

using Json = nlohmann::json;

constexpr size_t kTablesMax = 15;
constexpr const char* kUnknown = "unknown";

class Style {
 public:
  explicit Style(bool colour) : colour_(colour) {}
  std::string Bold(const std::string& text) const { return In("1", text); }
  // Green for what works, yellow for what an operator has done, red for trouble.
  std::string State(const std::string& state) const {
    const std::string shown = fmt::format("{:<9}", state);
    if (state == "trouble") return In("1;31", shown);
    if (state == "working") return In("32", shown);
    return In("33", shown);
  }
  std::string Bad(const std::string& text) const { return In("31", text); }

 private:
  std::string In(const char* style, const std::string& text) const {
    return Coloured(colour_, style, text);
  }

  const bool colour_;
};

std::string Size(const Json& bytes) {
  return bytes.is_null() ? kUnknown : FormatSize(bytes.get<uint64_t>());
}

std::string Seconds(const Json& seconds) {
  return FormatDuration(Duration(static_cast<int64_t>(seconds.get<double>() * 1e3)));
}

std::string Rate(const Json& per_second) {
  if (per_second.is_null()) return "-/s";
  const double rate = per_second.get<double>();
  if (rate > 0 && rate < 10) return fmt::format("{:.1f}/s", rate);
  return FormatCount(static_cast<uint64_t>(rate + 0.5)) + "/s";
}

std::string Text(const Json& text) {
  return text.is_null() ? kUnknown : Printable(text.get<std::string>());
}

void AppendTroubles(const Json& side, const Style& style, std::string* out) {
  for (const Json& trouble : side["troubles"]) {
    *out += fmt::format("              {} (for {}, since {})\n",
                        style.Bad("! " + Text(trouble["what"])), Seconds(trouble["seconds"]),
                        Text(trouble["since"]));
    if (!trouble["remedy"].is_null()) {
      *out += fmt::format("                {}\n", Text(trouble["remedy"]));
    }
  }
}

std::string LimitText(const Json& capture) {
  std::optional<bool> has_limit;
  if (!capture["wal_limit"].is_null()) has_limit = capture["wal_limit"] == "set";
  std::optional<int64_t> safe;
  if (!capture["safe_wal_bytes"].is_null()) safe = capture["safe_wal_bytes"].get<int64_t>();
  return WalLimitText(capture["slot_status"].is_null() ? "" : Text(capture["slot_status"]),
                      has_limit, safe);
}

void AppendCapture(const Json& capture, const Style& style, std::string* out) {
  *out += fmt::format("{}    {} {:>12} captured, up to {}\n", style.Bold("PostgreSQL"),
                      style.State(capture["state"]), Rate(capture["changes_per_second"]),
                      Text(capture["captured_lsn"]));
  *out += fmt::format("              WAL retained: {} unconfirmed, {} on its disk",
                      Size(capture["retained_wal_bytes"]), Size(capture["wal_on_disk_bytes"]));
  const std::string limit = LimitText(capture);
  const bool is_beyond = capture["safe_wal_bytes"].is_number() && capture["safe_wal_bytes"] < 0;
  if (!limit.empty()) *out += "; " + (is_beyond ? style.Bad(limit) : limit);
  *out += "\n";
  if (!capture["lag_bytes"].is_null() && capture["lag_bytes"].get<uint64_t>() > 0) {
    *out += fmt::format("              {} of WAL not captured yet, for {}\n",
                        Size(capture["lag_bytes"]), Seconds(capture["lag_seconds"]));
  }
  AppendTroubles(capture, style, out);
}

void AppendSpool(const Json& spool, const Json& publish, const Style& style, std::string* out) {
  *out += fmt::format("{}         {} {:>12} changes wait ({}), the oldest for {}\n",
                      style.Bold("Spool"), fmt::format("{:<9}", Text(spool["phase"])),
                      FormatCount(spool["backlog_changes"]), Size(spool["bytes"]),
                      Seconds(publish["lag_seconds"]));
  *out += fmt::format("              room for {} more", Size(spool["room_bytes"]));
  if (!spool["seconds_until_full"].is_null()) {
    const bool is_full = spool["seconds_until_full"].get<double>() <= 0;
    *out += is_full ? ", " + style.Bad("full")
                    : ", " + style.Bad("full in " + Seconds(spool["seconds_until_full"])) +
                          " at the pace of the last minutes";
  }
  *out += "\n";
  if (const uint64_t tables = spool["tables_to_read_again"]; tables > 0) {
    *out += fmt::format("              {} table{} to be read again\n", FormatCount(tables),
                        tables == 1 ? " waits" : "s wait");
  }
}

void AppendPublish(const Json& publish, const Style& style, std::string* out) {
  *out += fmt::format("{}         {} {:>12} published, up to {}\n", style.Bold("Kafka"),
                      style.State(publish["state"]), Rate(publish["changes_per_second"]),
                      Text(publish["published_lsn"]));
  if (!publish["seconds_until_drained"].is_null()) {
    *out += fmt::format("              everything is published in {}\n",
                        Seconds(publish["seconds_until_drained"]));
  }
  if (const uint64_t left_out = publish["rows_left_out"]; left_out > 0) {
    *out += "              " +
            style.Bad(fmt::format("{} rows left out since the start", FormatCount(left_out))) +
            "\n";
  }
  AppendTroubles(publish, style, out);
}

void AppendTables(const Json& publish, const Style& style, std::string* out) {
  std::vector<Json> tables = publish["tables"];
  if (tables.empty()) return;
  std::ranges::stable_sort(tables, std::ranges::greater(),
                           [](const Json& table) { return table["changes"].get<uint64_t>(); });
  *out += fmt::format("\n{}\n",
                      style.Bold(fmt::format("{:<40} {:>14} {:>10} {:>9}", "Table, since the start",
                                             "changes", "size", "left out")));
  for (size_t i = 0; i < std::min(tables.size(), kTablesMax); ++i) {
    const Json& table = tables[i];
    *out += fmt::format("{:<40} {:>14} {:>10} {:>9}\n", Text(table["table"]),
                        FormatCount(table["changes"]), Size(table["bytes"]),
                        FormatCount(table["rows_left_out"]));
  }
  if (tables.size() > kTablesMax) {
    *out += fmt::format("and {} more\n", FormatCount(tables.size() - kTablesMax));
  }
}

}  // namespace

std::string StatusText(const Json& status, bool colour) {
  const Style style(colour);
  const Json& source = status["source"];
  std::string out = fmt::format(
      "{}  database {}, slot {}  {}\n\n", style.Bold("Bottled Water " + Text(status["version"])),
      Text(source["database"]), Text(source["slot"]), Text(status["time"]));
  AppendCapture(status["capture"], style, &out);
  AppendSpool(status["spool"], status["publish"], style, &out);
  AppendPublish(status["publish"], style, &out);
  for (const Json& reason : status["reasons"]) {
    out += fmt::format("\n{}\n", style.Bad("Not ready: " + Text(reason)));
  }
  AppendTables(status["publish"], style, &out);
  return out;
}

}  // namespace bw
