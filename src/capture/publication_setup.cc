#include "capture/publication_setup.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/format.h"
#include "base/halt.h"
#include "base/log.h"
#include "base/shown_text.h"
#include "capture/publication_members.h"
#include "capture/sql_text.h"
#include "capture/table_filter.h"

namespace bw {
namespace {

constexpr size_t kTablesShownMax = 20;

std::string ListOf(const std::vector<const CapturedTable*>& tables) {
  std::vector<std::string> names;
  for (const CapturedTable* table : tables) {
    names.push_back(table->qualified_name() + IdentityNote(*table));
  }
  return FormatList(names, kTablesShownMax);
}

std::string WithOptions(bool joins_roots, bool inserts_only) {
  std::string options = inserts_only ? "publish = 'insert'" : "";
  if (joins_roots) {
    if (!options.empty()) options += ", ";
    options += "publish_via_partition_root = true";
  }
  return options.empty() ? "" : " WITH (" + options + ")";
}

std::string CreateForAllTables(const std::string& name, bool joins_roots, bool inserts_only) {
  return fmt::format("CREATE PUBLICATION {} FOR ALL TABLES{};", QuoteIdentifier(name),
                     WithOptions(joins_roots, inserts_only));
}

[[noreturn]] void RefuseUnkeyed(const std::vector<const CapturedTable*>& tables, int version,
                                std::vector<Remedy> remedies) {
  const bool refuses_updates = std::ranges::any_of(
      tables, [&](const CapturedTable* table) { return RefusesUpdates(*table, version); });
  std::string identities;
  for (size_t i = 0; i < tables.size() && i < kTablesShownMax; ++i) {
    identities += IdentityRemedies(*tables[i]);
  }
  const bool is_one = tables.size() == 1;
  remedies.insert(remedies.begin(),
                  {is_one ? "run one of these" : "run one of these for each", identities});
  throw Halt{ExitCode::kUnkeyedTables, "no-replica-identity",
             is_one ? fmt::format("Table {} is without replica identity.", ListOf(tables))
                    : fmt::format("{} tables are without replica identity: {}.", tables.size(),
                                  ListOf(tables)),
             refuses_updates
                 ? "Once updates and deletes of such a table are published, PostgreSQL refuses "
                   "every UPDATE and DELETE on it, also those of your applications."
                 : "Updates and deletes of such a table would come without the whole key of the "
                   "row.",
             std::move(remedies)}
      .ToError();
}

std::string CreateForSomeTables(const std::string& name, bool joins_roots) {
  return fmt::format("CREATE PUBLICATION {} FOR TABLE <tables>{};", QuoteIdentifier(name),
                     WithOptions(joins_roots, false));
}

// What PostgreSQL refuses because a column list does not cover the replica identity; "" for
// nothing. With REPLICA IDENTITY FULL, it allows no column list.
std::string RefusedByColumnList(const Publication& publication, const PublishedTable& entry,
                                const CapturedTable& table) {
  std::string refused = publication.publishes_update ? "UPDATE" : "";
  if (publication.publishes_delete) refused += refused.empty() ? "DELETE" : " and DELETE";
  if (entry.columns.empty() || refused.empty()) return "";
  const bool is_full = table.identity == ReplicaIdentity::kFull;
  const bool lacks_key = std::ranges::any_of(table.table.columns, [&](const Column& column) {
    return column.key && std::ranges::find(entry.columns, column.name) == entry.columns.end();
  });
  if (!is_full && !lacks_key) return "";
  return fmt::format(
      "The column list of publication {} does not cover the replica identity of {}, so PostgreSQL "
      "refuses {} on it, also by your applications: {}",
      publication.name, table.qualified_name(), refused,
      is_full ? "publish it without a column list" : "add its key columns to the list");
}

// What existing publications omit of the tables that the options select.
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
    if (!filter.Selects(table.table)) continue;
    bool published = false;
    for (const Publication& publication : facts.existing) {
      const PublishedTable* entry = publication.Find(table.table);
      if (entry == nullptr) {
        published |= table.is_partition() && publication.via_root;
        continue;
      }
      published = true;
      if (entry->row_filter != 0) {
        warnings.push_back(
            fmt::format("Publication {} only publishes rows of {} that pass its row "
                        "filter",
                        publication.name, table.qualified_name()));
      }
      if (!entry->columns.empty() && entry->columns.size() < table.table.columns.size()) {
        warnings.push_back(fmt::format("Publication {} only publishes {} of {} columns of {}",
                                       publication.name, entry->columns.size(),
                                       table.table.columns.size(), table.qualified_name()));
      }
      const std::string refused = RefusedByColumnList(publication, *entry, table);
      if (!refused.empty()) warnings.push_back(refused);
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
  const bool joins_roots = JoinsRoots(options, facts.version);
  if (facts.existing.empty()) {
    throw Halt{ExitCode::kServerSetting,
               "no-publication",
               fmt::format("Publication {} of --publication does not exist in database {}.",
                           QuoteIdentifier(*options.publication), facts.database),
               "",
               {{"let an owner run one of",
                 OwnLine(CreateForAllTables(*options.publication, joins_roots, false)) +
                     OwnLine(CreateForSomeTables(*options.publication, joins_roots))}}}
        .ToError();
  }
  PublicationPlan plan = UseExisting(facts, options);
  std::vector<const CapturedTable*> harmed = HarmedTables(facts.tables, facts.existing);
  // The keeper warns about the others at each start.
  std::erase_if(harmed,
                [&](const CapturedTable* table) { return !RefusesUpdates(*table, facts.version); });
  if (!harmed.empty()) {
    plan.warnings.push_back(fmt::format(
        "Publication {} publishes updates or deletes of tables without replica identity, so "
        "PostgreSQL refuses UPDATE and DELETE on them: {}",
        *options.publication, ListOf(harmed)));
  }
  return plan;
}

// What the options select: to join, or with inserts only.
MembershipPlan Select(const PublicationFacts& facts, const CaptureOptions& options) {
  return PlanMembership(facts.tables, /*members=*/{},
                        TableFilter(options.tables, options.exclude_tables),
                        JoinsRoots(options, facts.version));
}

// `harmed`: those that a pair of an earlier life has.
void RequireUnkeyedAllowed(const MembershipPlan& selection, const PublicationFacts& facts,
                           const CaptureOptions& options,
                           const std::vector<const CapturedTable*>& harmed = {}) {
  if (selection.inserts_only.empty() || options.allow_unkeyed) return;
  std::vector<Remedy> remedies = {
      {"capture only inserts of such tables, which keeps UPDATE and DELETE working",
       "--allow-unkeyed"},
      {"leave out such tables", "--exclude-tables=<pattern>"}};
  if (!harmed.empty()) {
    const std::string& publication = facts.existing.front().name;
    remedies.push_back(
        {fmt::format("publication \"{}\" of an earlier start publishes them; so that applications "
                     "can update and delete there until this is done, run",
                     publication),
         OwnLine(DropMembersSql(publication, harmed))});
  }
  RefuseUnkeyed(selection.inserts_only, facts.version, std::move(remedies));
}

std::vector<std::string> InsertsOnlyWarning(const MembershipPlan& selection) {
  if (selection.inserts_only.empty()) return {};
  return {fmt::format("Tables without replica identity: only their inserts are captured: {}",
                      ListOf(selection.inserts_only))};
}

// Publications with the slot's name: created by an owner, or by an unfinished first start.
PublicationPlan UseOurOwn(const PublicationFacts& facts, const CaptureOptions& options) {
  PublicationPlan plan = UseExisting(facts, options);
  const bool is_pair = IsOwnPair(options, plan.names);
  const std::vector<const CapturedTable*> harmed = HarmedTables(facts.tables, facts.existing);
  if (!harmed.empty() && !is_pair) {  // The keeper removes them from the pair.
    const std::string drop =
        fmt::format("DROP PUBLICATION {};", QuoteIdentifier(facts.existing.front().name));
    RefuseUnkeyed(harmed, facts.version,
                  {{"drop the existing publication, and start with --allow-unkeyed to capture only "
                    "their inserts",
                    OwnLine(drop)}});
  }
  if (is_pair) {
    const MembershipPlan selection = Select(facts, options);
    RequireUnkeyedAllowed(selection, facts, options, harmed);
    for (const CapturedTable* table : selection.join) {
      if (!facts.existing.front().Find(table->table)) {
        plan.join.push_back(*table);
      }
    }
    plan.warnings = InsertsOnlyWarning(selection);
  }
  plan.warnings.insert(plan.warnings.begin(),
                       fmt::format("Publication {} already exists and is used as it is",
                                   facts.existing.front().name));
  return plan;
}

std::string GiveToRole(const std::string& publication, const RoleRights& role) {
  return fmt::format("ALTER PUBLICATION {} OWNER TO {};", QuoteIdentifier(publication),
                     QuoteIdentifier(role.name));
}

// All statements, for somebody who may run them; ownership lets the relay add tables later.
std::string SqlForOwner(const PublicationFacts& facts, const PublicationPlan& plan,
                        const MembershipPlan& selection, bool joins_roots) {
  const std::string& whole = plan.names.front();
  return OwnLine(CreatePublicationSql(whole, joins_roots, selection.join)) +
         OwnLine(plan.create_sql.back()) + OwnLine(GiveToRole(whole, facts.role));
}

void RequireRightToCreate(const PublicationFacts& facts, const PublicationPlan& plan,
                          const MembershipPlan& selection, bool joins_roots) {
  if (facts.role.superuser) return;
  const std::string& name = plan.names.front();
  throw Halt{
      ExitCode::kMissingRight,
      "missing-right",
      fmt::format("Role {} may not create a publication FOR ALL TABLES: that requires a superuser.",
                  facts.role.name),
      "",
      {{fmt::format("let one run in database {}, then start the relay again", facts.database),
        SqlForOwner(facts, plan, selection, joins_roots) +
            OwnLine("(the last one lets the relay add its own role's tables to the publication "
                    "when they are created later, and take out tables that lose their key; for "
                    "other roles' tables it will show their owner the statement)")},
       {fmt::format("let the tables' owner publish some of them, and start with --publication={}",
                    name),
        OwnLine(CreateForSomeTables(name, joins_roots))}}}
      .ToError();
}

}  // namespace

std::string CreatePublicationSql(const std::string& name, bool joins_roots,
                                 const std::vector<const CapturedTable*>& tables) {
  std::string list;
  for (const CapturedTable* table : tables) {
    list += (list.empty() ? " FOR TABLE ONLY " : ", ONLY ") + QuoteTable(table->table);
  }
  return fmt::format("CREATE PUBLICATION {}{}{};", QuoteIdentifier(name), list,
                     WithOptions(joins_roots, /*inserts_only=*/false));
}

std::string CreateInsertsPublicationSql(const CaptureOptions& options, bool joins_roots) {
  return CreateForAllTables(options.slot + std::string(kInsertsSuffix), joins_roots,
                            /*inserts_only=*/true);
}

std::vector<std::string> CandidatePublications(const CaptureOptions& options) {
  if (options.publication) return {*options.publication};
  return {options.slot, options.slot + std::string(kInsertsSuffix)};
}

PublicationPlan PlanPublications(const PublicationFacts& facts, const CaptureOptions& options) {
  if (options.publication) return UseNamed(facts, options);
  if (!facts.existing.empty()) return UseOurOwn(facts, options);

  const MembershipPlan selection = Select(facts, options);
  RequireUnkeyedAllowed(selection, facts, options);
  const bool joins_roots = JoinsRoots(options, facts.version);
  PublicationPlan plan;
  plan.names = CandidatePublications(options);
  plan.create_sql = {CreatePublicationSql(plan.names.front(), joins_roots, {}),
                     CreateInsertsPublicationSql(options, joins_roots)};
  for (const CapturedTable* table : selection.join) plan.join.push_back(*table);
  plan.warnings = InsertsOnlyWarning(selection);
  RequireRightToCreate(facts, plan, selection, joins_roots);
  return plan;
}

namespace {

void JoinTables(PgConnection* connection, const PublicationPlan& plan) {
  std::vector<const CapturedTable*> tables;
  for (const CapturedTable& table : plan.join) tables.push_back(&table);
  for (const RefusedChange& refused :
       ChangeMembers(connection, plan.names.front(), MemberChange::kAdd, tables)) {
    spdlog::warn("Only inserts of table {} are captured for now: {}. The relay will try again",
                 refused.table->qualified_name(), refused.error.what());
  }
}

}  // namespace

void CreatePublications(PgConnection* connection, const PublicationPlan& plan) {
  PgQueryOptions options;
  options.doing = "create the publication";
  options.begin_again_when_missing = true;  // A table was dropped since the catalog was read.
  if (!plan.create_sql.empty()) {
    connection->Query("BEGIN", options);
    for (const std::string& statement : plan.create_sql) {
      options.remedy_sql = statement;
      connection->Query(statement, options);
    }
    connection->Query("COMMIT", options);
    for (const std::string& name : plan.names) spdlog::info("Created publication \"{}\"", name);
  }
  JoinTables(connection, plan);
}

bool IsOwnPair(const CaptureOptions& options, const std::vector<std::string>& publications) {
  return !options.publication && publications.size() == 2;
}

void DropPublications(PgConnection* connection, const PublicationPlan& plan) {
  if (plan.create_sql.empty()) return;
  for (const std::string& name : plan.names) {
    connection->Query("DROP PUBLICATION IF EXISTS " + QuoteIdentifier(name));
  }
}

Halt PublicationsGone(const std::vector<std::string>& existing, const CaptureOptions& options,
                      const ServerView& view) {
  const bool joins_roots = JoinsRoots(options, view.identity.version);
  std::string gone, sql;
  bool are_several = false;
  for (const std::string& name : CandidatePublications(options)) {
    if (std::ranges::find(existing, name) != existing.end()) continue;
    are_several = !gone.empty();
    gone += (gone.empty() ? "" : " and ") + QuoteIdentifier(name);
    const bool inserts_only = !options.publication && name != options.slot;
    sql += OwnLine(inserts_only ? CreateForAllTables(name, joins_roots, /*inserts_only=*/true)
                                : CreatePublicationSql(name, joins_roots, {}));
    const bool is_maintained = !options.publication && !inserts_only;
    if (is_maintained && !view.role.superuser) sql += OwnLine(GiveToRole(name, view.role));
  }
  Remedy resnapshot = ResnapshotRemedy();
  resnapshot.what.insert(0, "otherwise run the same, and then ");
  return {ExitCode::kServerSetting,
          "no-publication",
          fmt::format("Publication{} {} {} gone.", are_several ? "s" : "", gone,
                      are_several ? "are" : "is"),
          "PostgreSQL reads publications as they were when the WAL was written, so creating it "
          "again helps only for changes from then on.",
          {{"if nothing was changed since, run", sql}, std::move(resnapshot)}};
}

namespace {

// With another form than before, rows of partitions would come to other topics in the middle of the
// stream, and those that the topics have would never be deleted.
void RequirePartitionForm(PgConnection* connection, const CaptureOptions& options,
                          const std::vector<std::string>& names) {
  const int version = connection->server_version();
  if (version < kFirstWithViaRoot) return;
  const PgResult other = connection->Query(fmt::format(
      "SELECT pubname, pubviaroot FROM pg_publication WHERE pubname IN ({}, {}) "
      "AND pubviaroot <> {} LIMIT 1",
      QuoteLiteral(names.front()), QuoteLiteral(names.back()), JoinsRoots(options, version)));
  if (other.rows() == 0) return;
  Remedy resnapshot = ResnapshotRemedy();
  resnapshot.what.insert(
      0,
      fmt::format("drop both publications (DROP PUBLICATION {}, {};), which are then made in the "
                  "other form, and ",
                  QuoteIdentifier(names.front()), QuoteIdentifier(names.back())));
  throw Halt{
      ExitCode::kServerSetting,
      "partition-form",
      fmt::format("Publication {} publishes partitions {}, unlike --partitions={}.",
                  QuoteIdentifier(other.String(0, 0)),
                  other.Bool(0, 1) ? "under the name of their root" : "as tables",
                  options.partitions == PartitionForm::kRoot ? "root" : "leaf"),
      "",
      {{"go on as before", fmt::format("--partitions={}", other.Bool(0, 1) ? "root" : "leaf")},
       std::move(resnapshot)}}
      .ToError();
}

}  // namespace

std::vector<std::string> FindPublications(PgConnection* connection, const CaptureOptions& options,
                                          bool expects_pair) {
  const std::vector<std::string> names =
      ExistingPublications(connection, CandidatePublications(options));
  if (!names.empty() && (options.publication || !expects_pair || names.size() == 2)) {
    if (IsOwnPair(options, names)) RequirePartitionForm(connection, options, names);
    return names;
  }
  throw PublicationsGone(names, options, LookAtStanding(connection)).ToError();
}

}  // namespace bw
