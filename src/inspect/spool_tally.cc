#include "inspect/spool_tally.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <utility>
#include <variant>
#include <vector>

#include "base/format.h"
#include "base/name_text.h"
#include "base/shown_text.h"

namespace bw {
namespace {

using Json = nlohmann::ordered_json;

Json LsnText(Lsn lsn) { return lsn.valid() ? Json(lsn.ToString()) : Json(); }

std::string NameText(const TableName& table) {
  return TextOfName(table.schema) + "." + TextOfName(table.table);
}

Json NamesJson(const std::vector<TableName>& tables) {
  Json names = Json::array();
  for (const TableName& table : tables) names.push_back(NameText(table));
  return names;
}

Json MarkJson(const Progress& progress) {
  return {{"position", progress.position.ToString()}, {"lsn", LsnText(progress.end_lsn)}};
}

// Those whose rows are captured and not all published.
Json PendingSnapshots(const SpoolPicture& picture) {
  Json pending = Json::array();
  for (const SnapshotMark& mark : picture.snapshots) {
    const Position end = Position::EndOf(mark.commit_lsn);
    if (end <= picture.state.published.position || end > picture.state.captured.position) continue;
    pending.push_back({{"lsn", mark.commit_lsn.ToString()},
                       {"resnapshot", mark.purges},
                       {"tables", NamesJson(mark.tables)}});
  }
  return pending;
}

Json TablesJson(const SpoolTally& tally) {
  Json tables = Json::array();
  for (const auto& [name, table] : tally.tables) {
    tables.push_back({{"table", name},
                      {"changes", table.changes},
                      {"bytes", table.bytes},
                      {"first_lsn", table.first.ToString()},
                      {"last_lsn", table.last.ToString()},
                      {"schemas", table.schemas.size()}});
  }
  return tables;
}

std::string Shown(const Json& text) {
  return text.is_null() ? "-" : Printable(text.get<std::string>());
}

std::vector<std::string> ShownList(const Json& texts) {
  std::vector<std::string> list;
  for (const Json& text : texts) list.push_back(Shown(text));
  return list;
}

void AppendMarks(const Json& spool, std::string* out) {
  for (const char* name : {"captured", "published"}) {
    *out += fmt::format("{:<11} {}, newest change {}\n", name, Shown(spool[name]["lsn"]),
                        Shown(spool[name]["position"]));
  }
  *out += fmt::format("{:<11} {}\n", "trimmed", Shown(spool["trimmed"]));
}

void AppendNotes(const Json& spool, std::string* out) {
  for (const Json& snapshot : spool["snapshots"]) {
    *out += fmt::format("snapshot    at {}, not yet published{}: {}\n", Shown(snapshot["lsn"]),
                        snapshot["resnapshot"].get<bool>() ? " (a re-snapshot)" : "",
                        FormatList(ShownList(snapshot["tables"])));
  }
  for (const Json& reread : spool["rereads"]) {
    *out += fmt::format("read again  {}: {}\n", Shown(reread["table"]), Shown(reread["reason"]));
  }
  for (const Json& remedy : spool["remedies"]) {
    *out += fmt::format("remedy      {}, in no checkpoint yet\n", Shown(remedy));
  }
  if (!spool["held_after"].is_null()) {
    *out += fmt::format(
        "held        tables of which what comes after {} is not all published (--on-error=hold)\n",
        Shown(spool["held_after"]));
  }
  if (!spool["held_tables"].empty()) {
    *out += fmt::format("held        {} (--on-collision=hold)\n",
                        FormatList(ShownList(spool["held_tables"])));
  }
}

void AppendTables(const Json& spool, std::string* out) {
  *out += fmt::format("\n{}: {} changes in {} transactions\n", Shown(spool["part"]),
                      FormatCount(spool["changes"].get<uint64_t>()),
                      FormatCount(spool["transactions"].get<uint64_t>()));
  if (spool["tables"].empty()) return;
  *out += fmt::format("{:>12} {:>10}  {:<17} {:<17} {:>7}  {}\n", "changes", "bytes", "first LSN",
                      "last LSN", "schemas", "table");
  for (const Json& table : spool["tables"]) {
    *out += fmt::format(
        "{:>12} {:>10}  {:<17} {:<17} {:>7}  {}\n", FormatCount(table["changes"].get<uint64_t>()),
        FormatSize(table["bytes"].get<uint64_t>()), Shown(table["first_lsn"]),
        Shown(table["last_lsn"]), table["schemas"].get<uint64_t>(), Shown(table["table"]));
  }
}

}  // namespace

SpoolTally TallyOf(SpoolRecords records, TableForms* forms, ChangeSelection* selection) {
  SpoolTally tally;
  Lsn counted;  // The newest transaction that was.
  while (const SpoolRecord* record = records.Next()) {
    const auto* change = std::get_if<Change>(&record->record);
    if (change == nullptr) continue;
    const TableForm& form = forms->Get(change->schema_id);
    if (!selection->Selects(form, forms->OfOldKey(*change), *change)) continue;
    const Lsn lsn = record->position.commit_lsn;
    if (std::exchange(counted, lsn) != lsn) ++tally.transactions;
    ++tally.changes;
    SpoolTally::Table& table = tally.tables[form.text];
    if (table.changes++ == 0) table.first = lsn;
    table.last = lsn;
    table.bytes += record->bytes;
    table.schemas.insert(change->schema_id);
  }
  return tally;
}

std::optional<SpooledTransaction> SpooledTransactions::Next() {
  SpooledTransaction transaction;
  while (const SpoolRecord* record = records_.Next()) {
    if (const auto* end = std::get_if<TransactionEnd>(&record->record)) {
      transaction.end.commit_lsn = end->commit_lsn;
      transaction.end.end_lsn = end->end_lsn;
      if (transaction.changes > 0) return transaction;
      transaction = {};
      continue;
    }
    const Change& change = std::get<Change>(record->record);
    const TableForm& form = forms_->Get(change.schema_id);
    if (!selection_->Selects(form, forms_->OfOldKey(change), change)) continue;
    transaction.end.xid = change.xid;
    transaction.end.commit_time_us = change.commit_time_us;
    ++transaction.changes;
    ++transaction.tables[form.text];
  }
  return std::nullopt;
}

Json TransactionJson(const SpooledTransaction& transaction) {
  return {{"lsn", transaction.end.commit_lsn.ToString()},
          {"end_lsn", transaction.end.end_lsn.ToString()},
          {"xid", transaction.end.xid},
          {"commit_time", FormatTime(transaction.end.commit_time_us)},
          {"changes", transaction.changes},
          {"tables", transaction.tables}};
}

std::string TransactionText(const SpooledTransaction& transaction) {
  std::vector<std::string> tables;
  for (const auto& [name, changes] : transaction.tables) {
    tables.push_back(fmt::format("{} {}", Printable(name), FormatCount(changes)));
  }
  const TransactionEnd& end = transaction.end;
  return fmt::format("{:<17} end {:<17} {} {}  {}", end.commit_lsn.ToString(),
                     end.end_lsn.ToString(),
                     end.xid == 0 ? "snapshot      " : fmt::format("xid {:<10}", end.xid),
                     FormatTime(end.commit_time_us), FormatList(tables));
}

Json SpoolJson(const std::string& directory, uint64_t bytes, const SpoolPicture& picture,
               const SpoolTally& tally, const std::string& part) {
  const SpoolState& state = picture.state;
  Json rereads = Json::array();
  for (const Reread& note : picture.rereads) {
    rereads.push_back({{"table", NameText(note.table)}, {"reason", note.reason}});
  }
  return {
      {"spool", directory},
      {"bytes", bytes},
      {"system_identifier", state.source.system_identifier},
      {"database", TextOfName(state.source.database)},
      {"slot", state.source.slot},
      {"timeline", state.source.timeline},
      {"lineage", state.lineage},
      {"predecessor", state.predecessor.empty() ? Json() : Json(state.predecessor)},
      {"phase", PhaseText(state.phase)},
      {"kafka_cluster_id", state.kafka_cluster_id.empty() ? Json() : Json(state.kafka_cluster_id)},
      {"captured", MarkJson(state.captured)},
      {"published", MarkJson(state.published)},
      {"held_after", state.held_after ? Json(state.held_after->ToString()) : Json()},
      {"trimmed", state.trimmed.ToString()},
      {"snapshots", PendingSnapshots(picture)},
      {"rereads", std::move(rereads)},
      {"remedies", state.remedies},
      {"held_tables", NamesJson(picture.held)},
      {"part", part},
      {"changes", tally.changes},
      {"transactions", tally.transactions},
      {"tables", TablesJson(tally)}};
}

std::string SpoolText(const Json& spool) {
  std::string out = fmt::format("spool       \"{}\", {}, {}\n", Shown(spool["spool"]),
                                FormatSize(spool["bytes"].get<uint64_t>()), Shown(spool["phase"]));
  out += fmt::format("database    \"{}\" of system {}, timeline {}, slot \"{}\"\n",
                     Shown(spool["database"]), Shown(spool["system_identifier"]),
                     spool["timeline"].get<uint64_t>(), Shown(spool["slot"]));
  out += fmt::format("lineage     {}\n", Shown(spool["lineage"]));
  if (!spool["predecessor"].is_null()) {
    out += fmt::format("            after {}\n", Shown(spool["predecessor"]));
  }
  out += fmt::format("Kafka       {}\n", Shown(spool["kafka_cluster_id"]));
  AppendMarks(spool, &out);
  AppendNotes(spool, &out);
  AppendTables(spool, &out);
  return out;
}

}  // namespace bw
