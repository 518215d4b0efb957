#include "capture/publication_members.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <unordered_set>

#include "base/shown_text.h"
#include "capture/generated_columns.h"
#include "capture/leaf_identity.h"
#include "capture/sql_text.h"
#include "capture/table_catalog.h"

namespace bw {
namespace {

// Per statement, which locks all its tables until it ends, though only against VACUUM and ALTER
// TABLE.
constexpr size_t kTablesPerStatement = 200;

std::string ChangeSql(const std::string& publication, MemberChange change,
                      std::span<const CapturedTable* const> tables) {
  std::string list;
  for (const CapturedTable* table : tables) {
    list += (list.empty() ? "ONLY " : ", ONLY ") + QuoteTable(table->table);
  }
  return fmt::format("ALTER PUBLICATION {} {} TABLE {};", QuoteIdentifier(publication),
                     change == MemberChange::kAdd ? "ADD" : "DROP", list);
}

}  // namespace

std::vector<PublicationMember> ReadMembers(PgConnection* connection,
                                           const std::string& publication) {
  const PgResult found = connection->Query(
      fmt::format("SELECT r.oid, r.prrelid FROM pg_publication_rel r JOIN pg_publication p "
                  "ON p.oid = r.prpubid WHERE p.pubname = {} ORDER BY 1",
                  QuoteLiteral(publication)));
  std::vector<PublicationMember> members;
  for (int row = 0; row < found.rows(); ++row) {
    members.push_back(
        {static_cast<uint32_t>(found.Int(row, 0)), static_cast<uint32_t>(found.Int(row, 1))});
  }
  return members;
}

std::string ReadMembershipSignature(PgConnection* connection, const std::string& publication) {
  PgQueryOptions options;
  options.doing = "look for new tables";
  return connection
      ->Query(
          fmt::format(R"(
SELECT md5(coalesce(string_agg(concat_ws(' ', c.oid, n.nspname, c.relname, c.relreplident,
    c.relowner, c.relacl, c.relrowsecurity, c.relforcerowsecurity, n.nspacl,
    (SELECT string_agg(concat_ws('.', i.indexrelid, i.indisprimary, i.indisreplident, i.indisvalid,
                                 i.indimmediate, i.indkey, (
         SELECT count(*) FROM pg_attrdef d
         JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
         WHERE d.adrelid = c.oid AND d.adnum = ANY (i.indkey) AND {generated} <> '')),
         '+' ORDER BY i.indexrelid)
     FROM pg_index i WHERE i.indrelid = c.oid AND i.indisunique),
    CASE WHEN c.relreplident = 'f' THEN (
      SELECT count(*) FROM pg_attribute a
      WHERE a.attrelid = c.oid AND {generated} <> '' AND NOT a.attisdropped) END,
    (SELECT h.inhparent FROM pg_inherits h WHERE c.relispartition AND h.inhrelid = c.oid LIMIT 1),
    r.oid), ',' ORDER BY c.oid), '') || (
  SELECT concat_ws(' ', rolsuper, rolbypassrls) FROM pg_roles WHERE rolname = current_user))
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_publication_rel r ON r.prrelid = c.oid
  AND r.prpubid = (SELECT p.oid FROM pg_publication p WHERE p.pubname = {publication})
WHERE {publishable})",
                      fmt::arg("generated", CatalogTerms(connection->server_version()).generated),
                      fmt::arg("publication", QuoteLiteral(publication)),
                      fmt::arg("publishable", kPublishableTable)),
          options)
      .String(0, 0);
}

bool JoinsRoots(const CaptureOptions& options, int server_version) {
  return server_version >= kFirstWithViaRoot && options.partitions == PartitionForm::kRoot;
}

bool IsUnit(const CapturedTable& table, bool joins_roots) {
  return joins_roots ? !table.is_partition() : !table.partitioned;
}

MembershipPlan PlanMembership(const std::vector<CapturedTable>& tables,
                              const std::vector<PublicationMember>& members,
                              const TableFilter& filter, bool joins_roots) {
  std::unordered_set<uint32_t> inside;
  for (const PublicationMember& member : members) inside.insert(member.table_oid);
  MembershipPlan plan;
  for (const CapturedTable& table : tables) {
    const bool is_member = inside.contains(table.oid);
    if (is_member && !table.has_identity) plan.take_out.push_back(&table);
    if (is_member || !table.has_identity || !IsUnit(table, joins_roots) ||
        !filter.Selects(table.table)) {
      continue;
    }
    plan.join.push_back(&table);
  }
  for (const CapturedTable* table : UnkeyedTables(tables, joins_roots)) {
    if (filter.Selects(table->table)) plan.inserts_only.push_back(table);
  }
  return plan;
}

std::vector<const CapturedTable*> UnkeyedTables(const std::vector<CapturedTable>& tables,
                                                bool joins_roots) {
  std::unordered_set<uint32_t> unkeyed_roots;
  for (const CapturedTable& table : tables) {
    if (table.partitioned && !table.is_partition() && !table.has_identity) {
      unkeyed_roots.insert(table.oid);
    }
  }
  std::vector<const CapturedTable*> unkeyed;
  for (const CapturedTable& table : tables) {
    if (table.has_identity) continue;
    const bool is_listed =
        joins_roots ? !unkeyed_roots.contains(table.root_oid) : !table.partitioned;
    if (is_listed) unkeyed.push_back(&table);
  }
  return unkeyed;
}

std::vector<const CapturedTable*> HarmedTables(const std::vector<CapturedTable>& tables,
                                               const std::vector<Publication>& publications) {
  const std::vector<const CapturedTable*> listed = UnkeyedTables(tables);
  const std::unordered_set<const CapturedTable*> unkeyed(listed.begin(), listed.end());
  std::vector<const CapturedTable*> harmed;
  std::unordered_set<uint32_t> harmed_oids;
  for (const CapturedTable& table : tables) {
    if (table.has_identity) continue;
    const bool is_harmed = std::ranges::any_of(publications, [&](const Publication& p) {
      if (!p.publishes_update && !p.publishes_delete) return false;
      // A partition has one where it is published under its own name.
      const PublishedTable* const entry = p.Find(table.table);
      if (entry == nullptr) return p.all_tables && unkeyed.contains(&table);
      const bool is_whole = entry->with_generated && !table.has_virtual_columns;
      return !table.full_is_refused || !is_whole;
    });
    if (!is_harmed) continue;
    harmed.push_back(&table);
    harmed_oids.insert(table.oid);
  }
  // The root speaks for its partitions.
  std::erase_if(harmed,
                [&](const CapturedTable* table) { return harmed_oids.contains(table->root_oid); });
  return harmed;
}

std::string IdentityNote(const CapturedTable& table) {
  if (!table.unfit_leaves.empty()) {
    return fmt::format(" (its key is not in the replica identity of {}{})", UnfitLeavesOf(table),
                       table.full_is_refused
                           ? "; that of others is FULL, and generated columns are not published"
                           : "");
  }
  if (table.full_is_refused) {
    return " (its generated columns are a part of REPLICA IDENTITY FULL, and not published)";
  }
  if (table.generated_key_columns.empty()) return "";
  return fmt::format(" (its key has the generated column {}, which PostgreSQL does not send)",
                     table.generated_key_columns);
}

bool RefusesUpdates(const CapturedTable& unkeyed, int server_version) {
  if (!unkeyed.unfit_leaves.empty()) return unkeyed.refuses_in_leaves || unkeyed.full_is_refused;
  return unkeyed.generated_key_columns.empty() || server_version >= kFirstToRefuseGenerated;
}

std::string IndexRemedy(const CapturedTable& table) {
  const char* index = table.generated_key_columns.empty()
                          ? "<unique index over NOT NULL columns>"
                          : "<unique index over NOT NULL columns that are not generated>";
  return OwnLine(
      fmt::format("ALTER TABLE {} REPLICA IDENTITY USING INDEX {};", QuoteTable(table.table),
                  table.candidate_index.empty() ? index : QuoteIdentifier(table.candidate_index)));
}

namespace {

// Of a table of which FULL is refused, itself or for a partition.
std::string RemediesForFull(const CapturedTable& table) {
  const std::string remedy = table.keyed() ? "" : IndexRemedy(table);
  if (!table.partitioned && !table.keyed()) return remedy;
  const bool has_default = table.keyed() && table.identity != ReplicaIdentity::kIndex;
  return remedy +
         OwnLine(fmt::format("ALTER TABLE {} REPLICA IDENTITY {};",
                             table.partitioned ? "<each such partition>" : QuoteTable(table.table),
                             has_default ? "DEFAULT" : "USING INDEX <its index over that key>"));
}

}  // namespace

std::string IdentityRemedies(const CapturedTable& table) {
  if (!table.unfit_leaves.empty()) {
    return LeafRemedies(table) + (table.full_is_refused ? RemediesForFull(table) : "");
  }
  if (table.full_is_refused) return RemediesForFull(table);
  const std::string name = QuoteTable(table.table);
  std::string remedies;
  if (table.generated_key_columns.empty()) {  // Otherwise it may already have a primary key.
    remedies = OwnLine(fmt::format("ALTER TABLE {} ADD PRIMARY KEY (<columns>);", name));
  }
  remedies += IndexRemedy(table);
  if (table.full_is_no_remedy) return remedies;
  return remedies + OwnLine(fmt::format("ALTER TABLE {} REPLICA IDENTITY FULL;", name));
}

std::string DropMembersSql(const std::string& publication,
                           const std::vector<const CapturedTable*>& tables) {
  return ChangeSql(publication, MemberChange::kDrop, tables);
}

std::string AddMemberSql(const std::string& publication, const CapturedTable& table) {
  const CapturedTable* const one[] = {&table};
  return ChangeSql(publication, MemberChange::kAdd, one);
}

std::vector<RefusedChange> ChangeMembers(PgConnection* connection, const std::string& publication,
                                         MemberChange change,
                                         const std::vector<const CapturedTable*>& tables) {
  if (tables.empty()) return {};
  PgQueryOptions query;
  query.doing = fmt::format("change publication \"{}\"", publication);
  connection->Query(fmt::format("SET lock_timeout = '{}ms'", kPublicationLockTimeout.count()),
                    query);
  std::vector<RefusedChange> refused;
  using Tables = std::span<const CapturedTable* const>;
  const auto change_all = [&](Tables some) {
    const std::string sql = ChangeSql(publication, change, some);
    try {
      connection->Query(sql, query);
      return true;
    } catch (const Error& error) {
      connection->Query("SELECT 1", query);  // Throws if the connection has failed.
      if (some.size() == 1) refused.push_back({some[0], error, sql});
      return false;
    }
  };
  for (size_t done = 0; done < tables.size(); done += kTablesPerStatement) {
    const Tables batch =
        Tables(tables).subspan(done, std::min(kTablesPerStatement, tables.size() - done));
    if (change_all(batch) || batch.size() == 1) continue;
    for (size_t i = 0; i < batch.size(); ++i) change_all(batch.subspan(i, 1));
  }
  return refused;
}

std::string LimitsText(const std::string& publication) {
  return fmt::format(
      "Tables with a key are in publication \"{}\" by name. What the relay cannot prevent: "
      "PostgreSQL refuses UPDATE and DELETE on one whose key is dropped (or, from PostgreSQL 18 "
      "on, "
      "that gets a generated column with REPLICA IDENTITY FULL), until the relay has taken it out "
      "(about a second; while the relay is stopped: ALTER PUBLICATION {} DROP TABLE "
      "<table>;), and it refuses ALTER TABLE ... SET UNLOGGED on them",
      publication, QuoteIdentifier(publication));
}

std::string InsertsOnlyText(const CapturedTable& table) {
  return fmt::format(
      "Table {} has no replica identity{}: only its inserts are captured{}. To capture its updates "
      "and deletes too, run one of:{}",
      table.qualified_name(), IdentityNote(table), table.keyed() ? "" : ", with a null key",
      IdentityRemedies(table));
}

std::string HarmedText(const CapturedTable& table, const std::string& publication,
                       int server_version) {
  return fmt::format(
      "Table {} has no replica identity{}, and publication \"{}\", which the relay does not alter, "
      "publishes its updates or deletes: {}. Run one of:{}",
      table.qualified_name(), IdentityNote(table), publication,
      RefusesUpdates(table, server_version)
          ? "PostgreSQL refuses UPDATE and DELETE on it, including those of your applications"
          : "its messages have null keys, and its deletes are not published",
      IdentityRemedies(table));
}

std::string TakenOutText(const CapturedTable& table, const std::string& publication,
                         bool is_selected) {
  return fmt::format(
      "Table {} has lost its replica identity{} and was removed from publication \"{}\", so that "
      "UPDATE and DELETE on it keep working. {}",
      table.qualified_name(), IdentityNote(table), publication,
      is_selected ? "Only its inserts are captured for now"
                  : "Nothing of it is captured: --tables and --exclude-tables leave it out");
}

}  // namespace bw
