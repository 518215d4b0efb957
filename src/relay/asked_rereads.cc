#include "relay/asked_rereads.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/error.h"
#include "base/shown_text.h"
#include "capture/reread_gate.h"
#include "capture/snapshot_tables.h"
#include "capture/table_filter.h"

namespace bw {
namespace {

// Less than the time that whoever asks waits for the answer.
constexpr Duration kAnswerTime{4'000};

constexpr const char* kReason = "an operator has asked for it";

// All that is captured, as a snapshot would read it.
std::vector<SnapshotTable> ReadCapturedTables(PostgresServer* postgres,
                                              const CaptureOptions& options, const Spool& spool) {
  const std::unique_ptr<ServerCatalog> catalog = postgres->OpenCatalog();
  const std::vector<std::string> names =
      catalog->FindPublications(spool.ledger().accounted_members().has_value());
  return ChooseSnapshotTables(catalog->ReadTables(), catalog->ReadPublications(names),
                              TableFilter(options.tables, options.exclude_tables));
}

void RequireMatches(const std::vector<std::string>& patterns,
                    const std::vector<SnapshotTable>& tables, const std::vector<TableName>& held) {
  std::vector<std::string> unmatched;
  for (const std::string& pattern : patterns) {
    const TableFilter filter({pattern}, {});
    const auto selects = [&](const TableName& table) {
      return filter.Selects(table.schema, table.table);
    };
    const auto selects_one = [&](const SnapshotTable& table) {
      return filter.Selects(table.described.table);
    };
    if (std::ranges::none_of(tables, selects_one) && std::ranges::none_of(held, selects)) {
      unmatched.push_back(pattern);
    }
  }
  if (unmatched.empty()) return;
  throw UsageError(fmt::format("resnapshot: none of the captured tables is {}",
                               Printable(fmt::format("{}", fmt::join(unmatched, ", ")))));
}

AskedRereads Choose(const std::vector<SnapshotTable>& tables, const CaptureOptions& options,
                    const std::vector<std::string>& patterns, const std::vector<TableName>& held) {
  const TableFilter captured(options.tables, options.exclude_tables);
  const TableFilter asked(patterns, {});
  AskedRereads chosen;
  for (const SnapshotTable& one : tables) {
    const CapturedTable& table = one.described;
    if (!asked.Selects(table.table)) continue;
    if (!IsWorthRereading(table, {table.name(), kReason, 0}, captured)) {
      chosen.without_key.push_back(table.name());
      continue;
    }
    chosen.noted.push_back(table.name());
    if (!MayRead(table)) chosen.unreadable.push_back(table.name());
  }
  for (const TableName& table : held) {
    const bool is_captured = std::ranges::any_of(
        tables, [&](const SnapshotTable& one) { return one.described.name() == table; });
    const bool is_noted = std::ranges::find(chosen.noted, table) != chosen.noted.end();
    if (asked.Selects(table.schema, table.table) && (is_noted || !is_captured))
      chosen.given_up.push_back(table);
  }
  return chosen;
}

}  // namespace

AskedRereads NoteAskedRereads(PostgresServer* postgres, const CaptureOptions& options, Spool* spool,
                              const std::vector<std::string>& patterns,
                              const std::vector<TableName>& held) {
  const TimePoint give_up = Now() + kAnswerTime;
  if (spool == nullptr || spool->ledger().state().phase != SpoolPhase::kStreaming) {
    throw TransientError("resnapshot: the relay has not completed its first snapshot");
  }
  const std::vector<SnapshotTable> tables = ReadCapturedTables(postgres, options, *spool);
  RequireMatches(patterns, tables, held);
  AskedRereads chosen = Choose(tables, options, patterns, held);
  if (chosen.noted.empty() && chosen.given_up.empty()) {
    throw UsageError(fmt::format(
        "resnapshot: without a key, a table's rows would only be published a second time, and "
        "these have none: {}",
        Printable(FormatTables(chosen.without_key))));
  }
  if (Now() > give_up) {
    throw TransientError("resnapshot: PostgreSQL took too long to answer; ask again");
  }
  spool->ledger().NoteRereads(chosen.noted, kReason);
  spool->ledger().NoteRemedy(
      patterns.empty() ? "resnapshot of all tables, without a stop"
                       : fmt::format("resnapshot {}, without a stop", fmt::join(patterns, ", ")));
  return chosen;
}

}  // namespace bw
