#include "capture/key_watch.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/log.h"
#include "capture/leaf_identity.h"
#include "capture/postgres_server.h"
#include "capture/publication_members.h"
#include "capture/sql_text.h"

namespace bw {
namespace {

std::string Shown(const TableName& table) { return table.qualified(); }

std::string Shown(const std::vector<std::string>& key) {
  return key.empty() ? "none" : fmt::format("({})", fmt::join(key, ", "));
}

const char* Word(Operation operation) {
  switch (operation) {
    case Operation::kSnapshot:
    case Operation::kTruncate:
    case Operation::kRefused:  // Has its key, or needs none.
    case Operation::kInsert:
      return "insert";
    case Operation::kUpdate:
      return "update";
    case Operation::kDelete:
      return "delete";
  }
  return "";
}

// For keys or names that differ; another name means another topic.
std::string Difference(const TableKey& kept, const TableKey& now) {
  if (kept.table == TableName{}) {
    return "its changes were dropped while --tables and --exclude-tables left it out";
  }
  if (kept.table != now.table) return "its name was " + Shown(kept.table);
  if (kept.key == now.key) return fmt::format("its key {} has another type", Shown(now.key));
  return fmt::format("its key was {} and is {}", Shown(kept.key), Shown(now.key));
}

// A re-read that is noted and not yet finished also repairs this: everything before its slot in the
// WAL is captured before its rows are read. Returns whether a note was made.
bool NoteOnce(Spool* spool, const TableName& table, const std::string& reason) {
  const std::vector<Reread> noted = spool->ledger().rereads();
  if (std::ranges::find(noted, table, &Reread::table) != noted.end()) return false;
  spool->ledger().NoteReread(table, reason);
  return true;
}

}  // namespace

FullKey KeyWatch::Choose(RelationId relation, const Table& table, ReplicaIdentity identity) const {
  const std::optional<TableKey> kept = spool_->ledger().FindTableKey(relation.value);
  if (identity != ReplicaIdentity::kFull) {
    return {ChooseMarkedKey(KeyFormOf(relation.value, table), kept,
                            catalog_->ReadIdentityKey(relation))};
  }
  return ChooseFullKey(KeyColumnsOf(table), kept,
                       [&] { return catalog_->ReadPrimaryKey(relation); });
}

std::optional<CapturedTable> KeyWatch::Describe(RelationId relation) const {
  for (CapturedTable& table : catalog_->ReadTables()) {
    if (table.oid == relation.value) return std::move(table);
  }
  return std::nullopt;
}

// Uses the table's name of now: the one in the WAL may be from before a rename. A dropped table is
// noted as well, by its old name: its rows without a key must not end the relay (RowRefusals). The
// keeper removes that note once they are published.
std::string KeyWatch::Heal(RelationId relation, const TableName& in_wal,
                           const std::string& reason) {
  const std::optional<TableKey> current = catalog_->ReadPrimaryKey(relation);
  if (!current) {
    NoteOnce(spool_, in_wal, reason);
    return "The table was dropped since: its topic stays as it is";
  }
  NoteOnce(spool_, current->table, reason);
  return fmt::format("Table {} is read again{}, which corrects its topic", Shown(current->table),
                     current->key.empty() ? " once it has a key" : "");
}

void KeyWatch::SayGuessed(const CachedRelation& relation, Position position) {
  const bool is_known = relation.key_certainty == KeyCertainty::kGuessed;
  figures_->unsure_keys.fetch_add(1, std::memory_order_relaxed);
  const std::string found = is_known ? "is probably " + Shown(TableKeyOf(0, relation.table).key)
                                     : "is unknown, so its messages have null keys";
  const std::string reason = fmt::format("its key at {} {}", position.ToString(), found);
  spdlog::warn(
      "Table {} has REPLICA IDENTITY FULL and was altered since: its key at {} {}. {}. The stream "
      "tells the key columns with any other replica identity:{}",
      relation.name(), position.ToString(), found,
      Heal(relation.id, {relation.table.schema, relation.table.name}, reason),
      OwnLine(fmt::format("ALTER TABLE {} REPLICA IDENTITY DEFAULT;", QuoteTable(relation.table))));
}

void KeyWatch::SayChanged(const TableKey& kept, const TableKey& now, Position position) {
  if (kept.table == TableName{}) {
    const std::string change = Difference(kept, now);
    spdlog::warn("Table {}: {}. {}", Shown(now.table), change,
                 Heal(RelationId{now.relation}, now.table, change));
    return;
  }
  const std::string change =
      fmt::format("{} from {} on", Difference(kept, now), position.ToString());
  spdlog::warn(
      "Table {}: {}, so earlier messages have other keys or another topic than later ones. {}",
      Shown(now.table), change, Heal(RelationId{now.relation}, now.table, change));
}

// Noted without a name, so that the table is re-read once it is selected, whatever its name is
// then.
void KeyWatch::LeaveOut(RelationId relation) {
  TableKey none;
  none.relation = relation.value;
  none.is_primary = false;
  TableKey kept = spool_->ledger().FindTableKey(relation.value).value_or(none);
  kept.table = {};
  spool_->log().AppendTableKey(kept);
}

void KeyWatch::OnUsed(const CachedRelation& relation, Position position) {
  if (!relation.selected) return LeaveOut(relation.id);
  if (relation.key_certainty != KeyCertainty::kKnown) SayGuessed(relation, position);
  if (relation.key_certainty == KeyCertainty::kUnknown) return;
  const std::optional<TableKey> kept = spool_->ledger().FindTableKey(relation.id.value);
  const TableKey now = TableKeyOf(relation.id.value, relation.table, relation.identity);
  if (kept && (kept->table != now.table || kept->schema != now.schema)) {
    SayChanged(*kept, now, position);
  }
  if (!kept || *kept != now) spool_->log().AppendTableKey(now);
}

void KeyWatch::OnKeyless(const CachedRelation& relation, const KeylessChange& change) {
  figures_->keyless_changes.fetch_add(1, std::memory_order_relaxed);
  if (!told_.insert(relation.id.value).second) return;  // The status line counts the rest.
  if (!change.column.empty()) return SayUnsent(relation, change);
  // SayGuessed said why when the relation was first used.
  if (relation.key_certainty == KeyCertainty::kUnknown) return;
  // Reads the whole catalog only if there is more to say: there may be many such tables.
  const std::optional<IdentityKey> identity = catalog_->ReadIdentityKey(relation.id);
  std::optional<CapturedTable> now;
  if (identity && identity->has_generated) now = Describe(relation.id);
  const bool has_unsent_key = now && !now->generated_key_columns.empty();
  spdlog::warn(
      "Table {} has no key{}: its delete at {} publishes nothing, nor do later ones, until you run:"
      "{}",
      relation.name(), has_unsent_key ? IdentityNote(*now) : "", change.position.ToString(),
      has_unsent_key ? IndexRemedy(*now)
                     : OwnLine(fmt::format("ALTER TABLE {} ADD PRIMARY KEY (<columns>);",
                                           QuoteTable(relation.table))));
}

void KeyWatch::SayUnsent(const CachedRelation& relation, const KeylessChange& change) {
  const std::string problem =
      fmt::format("{} at {} has no value for key column \"{}\"", Word(change.operation),
                  change.position.ToString(), change.column);
  const std::string healing =
      Heal(relation.id, {relation.table.schema, relation.table.name}, problem);
  const std::optional<CapturedTable> now = Describe(relation.id);
  const std::string remedies = now ? LeafRemedies(*now) : "";
  spdlog::error("Table {}: {}, so {} is not published. {}. {}{}", relation.name(), problem,
                change.operation == Operation::kUpdate ? "the tombstone of its old key" : "it",
                remedies.empty()
                    ? "A partition's replica identity had other columns than its root's key "
                      "at that time, or the key's constraint was dropped"
                    : "A partition's replica identity has other columns than its root's key",
                healing, remedies.empty() ? "" : " once you have run:" + remedies);
}

void CheckKeys(const std::vector<CapturedTable>& tables,
               const std::function<bool(const CapturedTable& table)>& is_captured, Spool* spool) {
  std::vector<TableKey> fresh;
  for (const CapturedTable& table : tables) {
    if (!is_captured(table)) continue;
    const bool is_full = table.identity == ReplicaIdentity::kFull;
    const std::optional<TableKey> kept = spool->ledger().FindTableKey(table.oid);
    if (!kept && is_full) fresh.push_back(TableKeyOf(table.oid, table.table));
    if (!kept) continue;
    const TableKey now = KeyFormOf(table.oid, table.table);
    if (kept->table == now.table && !IsOtherKey(*kept, now)) continue;
    const std::string change = Difference(*kept, now);
    if (!NoteOnce(spool, now.table, change)) continue;
    const bool stays_as_kept = is_full && kept->table == now.table;
    spdlog::warn(
        "Table {}: {}. It is read again{}, which corrects its topic{}", Shown(now.table), change,
        now.key.empty() ? " once it has a key" : "",
        stays_as_kept ? ". With REPLICA IDENTITY FULL it keeps its old key until then" : "");
  }
  if (!fresh.empty()) spool->ledger().NoteTableKeys(fresh);
}

void CheckLeaves(const std::vector<CapturedTable>& tables,
                 const std::vector<Publication>& publications, const TableFilter& filter,
                 Spool* spool, const WarnOfTable& warn) {
  for (const CapturedTable& table : tables) {
    const TableName name = table.name();
    if (table.unfit_leaves.empty() || !filter.Selects(name.schema, name.table)) continue;
    const bool is_published = std::ranges::any_of(publications, [&](const Publication& p) {
      return (p.publishes_update || p.publishes_delete) && p.Find(table.table) != nullptr;
    });
    if (!is_published) continue;
    NoteOnce(spool, name, "the replica identity of a partition had other columns than its key");
    warn(Shown(name),
         fmt::format("The key of table {} is not in the replica identity of {}: updates and "
                     "deletes there cannot be published. The table is read again once you "
                     "have run:{}",
                     Shown(name), UnfitLeavesOf(table), LeafRemedies(table)));
  }
}

bool IsOutdated(const ToldRelation& told, const CapturedTable& now) {
  // A table that was moved to another schema is announced, but a reconnect does no harm.
  if (told.form.table.schema != now.table.schema) return true;
  if (!now.partitioned) return false;
  if (told.form.table.table != now.table.name || told.identity != now.identity) return true;
  // With FULL the noted key stays until the table is re-read.
  return now.identity != ReplicaIdentity::kFull &&
         IsOtherKey(told.form, KeyFormOf(now.oid, now.table));
}

}  // namespace bw
