#include "capture/publication_setup.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "base/log.h"
#include "capture/leaf_identity.h"
#include "capture/sql_text.h"
#include "capture/table_catalog.h"
#include "capture/table_filter.h"

namespace bw {
namespace {

constexpr int kFirstWithViaRoot = 130000;
constexpr size_t kTablesShownMax = 20;

std::string Quoted(const CapturedTable& table) {
  return QuoteTable(table.table.schema, table.table.name);
}

std::string Shown(const CapturedTable& table) { return Printable(table.qualified_name()); }

std::string LeafNote(const CapturedTable& table) {
  if (table.unfit_leaves.empty()) return "";
  return fmt::format(" (whose key is not in the replica identity of {})", UnfitLeavesOf(table));
}

std::string ListOf(const std::vector<const CapturedTable*>& tables) {
  std::string list;
  for (size_t i = 0; i < tables.size() && i < kTablesShownMax; ++i) {
    if (i > 0) list += ", ";
    list += Shown(*tables[i]) + LeafNote(*tables[i]);
  }
  if (tables.size() > kTablesShownMax) {
    list += fmt::format(" and {} more", tables.size() - kTablesShownMax);
  }
  return list;
}

std::string WithOptions(int version, bool inserts_only) {
  std::string options = inserts_only ? "publish = 'insert'" : "";
  if (version >= kFirstWithViaRoot) {
    if (!options.empty()) options += ", ";
    options += "publish_via_partition_root = true";
  }
  return options.empty() ? "" : " WITH (" + options + ")";
}

std::string CreateForAllTables(const std::string& name, int version, bool inserts_only) {
  return fmt::format("CREATE PUBLICATION {} FOR ALL TABLES{};", QuoteIdentifier(name),
                     WithOptions(version, inserts_only));
}

std::string CreateForTables(const std::string& name, int version,
                            const std::vector<const CapturedTable*>& tables) {
  std::string list;
  for (const CapturedTable* table : tables) {
    list += (list.empty() ? " FOR TABLE " : ", ") + Quoted(*table);
  }
  return fmt::format("CREATE PUBLICATION {}{}{};", QuoteIdentifier(name), list,
                     WithOptions(version, /*inserts_only=*/false));
}

std::string CreateForSomeTables(const std::string& name, int version) {
  return fmt::format("CREATE PUBLICATION {} FOR TABLE <tables>{};", QuoteIdentifier(name),
                     WithOptions(version, false));
}

// Tables whose UPDATE and DELETE fail once they are published. A partition is only named when its
// partitioned table is not.
std::vector<const CapturedTable*> UnkeyedTables(const std::vector<CapturedTable>& tables) {
  std::vector<const CapturedTable*> unkeyed;
  for (const CapturedTable& table : tables) {
    if (table.has_identity) continue;
    const bool under_named = std::any_of(tables.begin(), tables.end(), [&](const auto& root) {
      return table.root_oid == root.oid && !root.has_identity;
    });
    if (!under_named) unkeyed.push_back(&table);
  }
  return unkeyed;
}

std::string RemediesFor(const CapturedTable& table) {
  if (!table.unfit_leaves.empty()) return LeafRemedies(table);
  const std::string name = Quoted(table);
  return OwnLine(fmt::format("ALTER TABLE {} ADD PRIMARY KEY (<columns>);", name)) +
         OwnLine(fmt::format("ALTER TABLE {} REPLICA IDENTITY USING INDEX {};", name,
                             table.candidate_index.empty()
                                 ? "<unique index over NOT NULL columns>"
                                 : QuoteIdentifier(table.candidate_index))) +
         OwnLine(fmt::format("ALTER TABLE {} REPLICA IDENTITY FULL;", name));
}

[[noreturn]] void RefuseUnkeyed(const std::vector<const CapturedTable*>& tables,
                                const std::string& last_remedy) {
  std::string text = fmt::format(
      "{} without replica identity: {}. Once their updates and deletes are published, PostgreSQL "
      "refuses every UPDATE and DELETE on them, also those of your applications. For each, run one "
      "of:",
      tables.size() == 1 ? "1 table is" : fmt::format("{} tables are", tables.size()),
      ListOf(tables));
  for (size_t i = 0; i < tables.size() && i < kTablesShownMax; ++i) text += RemediesFor(*tables[i]);
  text += OwnLine(last_remedy);
  throw HaltError(ExitCode::kUnkeyedTables, text);
}

// Tables that these publications make read-only by publishing their updates or deletes.
std::vector<const CapturedTable*> HarmedTables(const PublicationFacts& facts) {
  std::vector<const CapturedTable*> harmed;
  for (const CapturedTable* table : UnkeyedTables(facts.tables)) {
    const bool is_harmed =
        std::any_of(facts.existing.begin(), facts.existing.end(), [&](const Publication& p) {
          return (p.publishes_update || p.publishes_delete) &&
                 (p.all_tables || p.Find(table->table.schema, table->table.name) != nullptr);
        });
    if (is_harmed) harmed.push_back(table);
  }
  return harmed;
}

// What existing publications do not publish of the tables that the options select.
std::vector<std::string> Omissions(const PublicationFacts& facts, const CaptureOptions& options) {
  std::vector<std::string> warnings;
  const auto any = [&](auto member) {
    return std::any_of(facts.existing.begin(), facts.existing.end(),
                       [&](const Publication& p) { return p.*member; });
  };
  std::string missing;
  if (!any(&Publication::publishes_insert)) missing += " inserts";
  if (!any(&Publication::publishes_update)) missing += " updates";
  if (!any(&Publication::publishes_delete)) missing += " deletes";
  if (!missing.empty()) {
    warnings.push_back(
        fmt::format("The publication does not publish{}: topics will lack them", missing));
  }
  const TableFilter filter(options.tables, options.exclude_tables);
  std::vector<const CapturedTable*> left_out;
  for (const CapturedTable& table : facts.tables) {
    if (!filter.Selects(table.table.schema, table.table.name)) continue;
    bool published = false;
    for (const Publication& publication : facts.existing) {
      const PublishedTable* entry = publication.Find(table.table.schema, table.table.name);
      if (entry == nullptr) {
        published |= table.is_partition() && publication.via_root;
        continue;
      }
      published = true;
      if (entry->row_filter != 0) {
        warnings.push_back(fmt::format("Publication {} only publishes rows of {} that pass its row "
                                       "filter",
                                       Printable(publication.name), Shown(table)));
      }
      if (!entry->columns.empty() && entry->columns.size() < table.table.columns.size()) {
        warnings.push_back(fmt::format("Publication {} only publishes {} of {} columns of {}",
                                       Printable(publication.name), entry->columns.size(),
                                       table.table.columns.size(), Shown(table)));
      }
    }
    if (!published && !table.partitioned) left_out.push_back(&table);
  }
  if (!left_out.empty()) {
    warnings.push_back(
        fmt::format("The publication leaves out {} tables: {}", left_out.size(), ListOf(left_out)));
  }
  return warnings;
}

PublicationPlan UseExisting(const PublicationFacts& facts, const CaptureOptions& options) {
  PublicationPlan plan;
  for (const Publication& publication : facts.existing) plan.names.push_back(publication.name);
  plan.warnings = Omissions(facts, options);
  return plan;
}

// --publication=P.
PublicationPlan UseNamed(const PublicationFacts& facts, const CaptureOptions& options) {
  if (facts.existing.empty()) {
    throw HaltError(
        ExitCode::kServerSetting,
        fmt::format("publication {} of --publication does not exist in database {}. Let an owner "
                    "run one of:{}{}",
                    QuoteIdentifier(*options.publication), facts.database,
                    OwnLine(CreateForAllTables(*options.publication, facts.version, false)),
                    OwnLine(CreateForSomeTables(*options.publication, facts.version))));
  }
  PublicationPlan plan = UseExisting(facts, options);
  std::vector<const CapturedTable*> harmed = HarmedTables(facts);
  // Said by CheckLeaves() at each start.
  std::erase_if(harmed, [](const CapturedTable* table) { return !table->unfit_leaves.empty(); });
  if (!harmed.empty()) {
    plan.warnings.push_back(fmt::format(
        "Publication {} publishes updates or deletes of tables without replica identity, so "
        "PostgreSQL refuses UPDATE and DELETE on them: {}",
        Printable(*options.publication), ListOf(harmed)));
  }
  return plan;
}

// A publication with the slot's name: made by an owner, or by a first start that did not finish.
PublicationPlan UseOurOwn(const PublicationFacts& facts, const CaptureOptions& options) {
  const std::vector<const CapturedTable*> harmed = HarmedTables(facts);
  if (!harmed.empty()) {
    RefuseUnkeyed(harmed, fmt::format("or drop the publication that is there already, and start "
                                      "with --allow-unkeyed to capture their inserts alone:{}",
                                      OwnLine(fmt::format("DROP PUBLICATION {};",
                                                          QuoteIdentifier(
                                                              facts.existing.front().name)))));
  }
  PublicationPlan plan = UseExisting(facts, options);
  plan.warnings.insert(plan.warnings.begin(),
                       fmt::format("Publication {} exists already and is used as it is",
                                   Printable(facts.existing.front().name)));
  return plan;
}

void RequireRightToCreate(const PublicationFacts& facts, const PublicationPlan& plan,
                          const std::string& name) {
  if (facts.role.superuser) return;
  std::string sql;
  for (const std::string& statement : plan.create_sql) sql += OwnLine(statement);
  throw HaltError(
      ExitCode::kMissingRight,
      fmt::format("role {} may not create a publication FOR ALL TABLES: that takes a superuser. "
                  "Let one run in database {}, and start the relay again:{}{}{}",
                  facts.role.name, facts.database, sql,
                  OwnLine(fmt::format("or let the tables' owner publish some of them, and start "
                                      "with --publication={}:",
                                      name)),
                  OwnLine(CreateForSomeTables(name, facts.version))));
}

}  // namespace

std::string WholePublicationName(const CaptureOptions& options) {
  return options.publication.value_or(options.slot);
}

std::string InsertsPublicationName(const CaptureOptions& options) {
  constexpr std::string_view kSuffix = "_inserts";
  constexpr size_t kNameBytesMax = 63;  // PostgreSQL would cut the suffix off.
  return options.slot.substr(0, kNameBytesMax - kSuffix.size()) + std::string(kSuffix);
}

std::vector<std::string> CandidatePublications(const CaptureOptions& options) {
  if (options.publication) return {*options.publication};
  return {WholePublicationName(options), InsertsPublicationName(options)};
}

PublicationPlan PlanPublications(const PublicationFacts& facts, const CaptureOptions& options) {
  if (options.publication) return UseNamed(facts, options);
  if (!facts.existing.empty()) return UseOurOwn(facts, options);

  const TableFilter filter(options.tables, options.exclude_tables);
  const std::vector<const CapturedTable*> unkeyed = UnkeyedTables(facts.tables);
  std::vector<const CapturedTable*> unkeyed_selected;
  std::copy_if(unkeyed.begin(), unkeyed.end(), std::back_inserter(unkeyed_selected),
               [&](const CapturedTable* table) {
                 return filter.Selects(table->table.schema, table->table.name);
               });
  if (!unkeyed_selected.empty() && !options.allow_unkeyed) {
    RefuseUnkeyed(unkeyed_selected,
                  "or start with --allow-unkeyed, which captures only their inserts and leaves "
                  "UPDATE and DELETE working, or leave them out with --exclude-tables=<pattern>");
  }

  PublicationPlan plan;
  const std::string whole = WholePublicationName(options);
  plan.names.push_back(whole);
  if (unkeyed.empty()) {
    plan.create_sql.push_back(CreateForAllTables(whole, facts.version, /*inserts_only=*/false));
  } else {
    std::vector<const CapturedTable*> with_identity;
    for (const CapturedTable& table : facts.tables) {
      if (table.has_identity && !table.is_partition() &&
          filter.Selects(table.table.schema, table.table.name)) {
        with_identity.push_back(&table);
      }
    }
    const std::string inserts = InsertsPublicationName(options);
    plan.names.push_back(inserts);
    plan.create_sql.push_back(CreateForTables(whole, facts.version, with_identity));
    plan.create_sql.push_back(CreateForAllTables(inserts, facts.version, /*inserts_only=*/true));
    if (!unkeyed_selected.empty()) {
      plan.warnings.push_back(
          fmt::format("Tables without replica identity: only their inserts are captured: {}",
                      ListOf(unkeyed_selected)));
    }
  }
  RequireRightToCreate(facts, plan, whole);
  return plan;
}

PublicationFacts ReadPublicationFacts(PgConnection* connection, const CaptureOptions& options,
                                      const ServerView& view) {
  PublicationFacts facts;
  facts.role = view.role;
  facts.database = view.identity.database;
  facts.version = view.identity.version;
  facts.tables = ReadTables(connection);
  facts.existing = ReadPublications(connection, CandidatePublications(options));
  return facts;
}

void CreatePublications(PgConnection* connection, const PublicationPlan& plan) {
  if (plan.create_sql.empty()) return;
  PgQueryOptions options;
  options.doing = "create the publication";
  connection->Query("BEGIN", options);
  for (const std::string& statement : plan.create_sql) {
    options.remedy_sql = statement;
    connection->Query(statement, options);
  }
  connection->Query("COMMIT", options);
  for (const std::string& name : plan.names) spdlog::info("Created publication \"{}\"", name);
}

void DropPublications(PgConnection* connection, const PublicationPlan& plan) {
  if (plan.create_sql.empty()) return;
  for (const std::string& name : plan.names) {
    connection->Query("DROP PUBLICATION IF EXISTS " + QuoteIdentifier(name));
  }
}

std::vector<std::string> FindPublications(PgConnection* connection, const CaptureOptions& options) {
  const std::vector<std::string> names =
      ExistingPublications(connection, CandidatePublications(options));
  if (names.empty()) {
    throw HaltError(ExitCode::kServerSetting,
                    fmt::format("publication \"{}\" is gone. PostgreSQL reads publications as they "
                                "were when the WAL was written, so making it again helps only for "
                                "changes from then on. If nothing was changed since, run:{}",
                                WholePublicationName(options),
                                OwnLine(CreateForAllTables(WholePublicationName(options),
                                                           connection->server_version(), false))));
  }
  return names;
}

}  // namespace bw
