#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/format.h"
#include "base/log.h"
#include "capture/event_trigger.h"
#include "capture/publication_members.h"
#include "capture/publication_setup.h"
#include "capture/snapshot_tables.h"
#include "capture/sql_text.h"
#include "preflight/least_rights.h"

namespace bw {
namespace {

constexpr int kFirstWithLogSnapshot = 160000;
// For a statement that nobody has asked PostgreSQL about.
constexpr int kAssumedVersion = kFirstWithViaRoot;

// One line of comment; our own line breaks become further ones.
std::string Comment(const std::string& text) {
  std::string lines = fmt::format("-- {}\n", ShownText(text));
  for (size_t at = 0; (at = lines.find('\n', at)) < lines.size() - 1; at += 4) {
    lines.insert(at + 1, "-- ");
  }
  return lines;
}

// The comment that begins a part.
std::string Heading(const std::string& text) { return fmt::format("\n{}", Comment(text)); }

class SqlText {
 public:
  SqlText(const RightsFacts& facts, const CaptureOptions& options)
      : facts_(facts),
        options_(options),
        role_(QuoteIdentifier(facts.role)),
        version_(facts.version == 0 ? kAssumedVersion : facts.version),
        joins_roots_(JoinsRoots(options, version_)),
        selection_(PlanMembership(facts.tables, /*members=*/{},
                                  TableFilter(options.tables, options.exclude_tables),
                                  joins_roots_)) {}

  std::string All() const {
    return Head() + Role() + Reading() + Publications() + Trigger() + Optional();
  }

 private:
  std::string Head() const {
    std::string head = Comment(fmt::format(
        "The least rights for bottledwater, slot \"{}\", as role {}. To be run by a superuser, in "
        "database {}.",
        options_.slot, role_, QuoteIdentifier(facts_.database)));
    if (!facts_.problem.empty()) {
      head += Comment(fmt::format("PostgreSQL could not be asked, so replace what is in <> ({})",
                                  facts_.problem));
    }
    return head;
  }

  std::string Role() const {
    return Heading("The role. Streaming takes REPLICATION, which no other right replaces.") +
           fmt::format("{} ROLE {} LOGIN REPLICATION;\n", facts_.role_exists ? "ALTER" : "CREATE",
                       role_) +
           (facts_.role_exists ? "" : Comment("A password, if it needs one: \\password " + role_)) +
           fmt::format("GRANT CONNECT ON DATABASE {} TO {};\n", QuoteIdentifier(facts_.database),
                       role_);
  }

  // As the snapshot would read them, when the publications are as they will be.
  std::vector<CapturedTable> TablesToRead() const {
    std::vector<CapturedTable> tables;
    for (const auto* list : {&selection_.join, &selection_.inserts_only}) {
      for (const CapturedTable* table : *list) tables.push_back(*table);
    }
    return tables;
  }

  std::string Reading() const {
    std::string text = Heading(
        "What the snapshot reads, and what is read again: whole tables, rights on single columns "
        "are not sufficient.");
    if (facts_.version == 0) {
      return text + fmt::format(
                        "GRANT USAGE ON SCHEMA <schema> TO {0};\n"
                        "GRANT SELECT ON TABLE <schema>.<table>, ... TO {0};\n",
                        role_);
    }
    std::map<std::string, std::vector<std::string>> by_schema;
    std::vector<std::string> hidden;
    for (const CapturedTable& table : TablesToRead()) {
      by_schema[table.table.schema].push_back(QuoteTable(table.table));
      if (facts_.with_policies.contains(table.name())) hidden.push_back(table.qualified_name());
    }
    for (const auto& [schema, tables] : by_schema) {
      text += fmt::format("GRANT USAGE ON SCHEMA {} TO {};\n", QuoteIdentifier(schema), role_);
      text += fmt::format("GRANT SELECT ON TABLE {} TO {};\n", fmt::join(tables, ", "), role_);
    }
    if (!hidden.empty()) {
      text += Comment("Row security policies would hide rows of " + FormatList(hidden));
      text += fmt::format("ALTER ROLE {} BYPASSRLS;\n", role_);
    }
    if (options_.tables.empty() || by_schema.empty()) text += LaterTables(by_schema);
    return text;
  }

  std::string LaterTables(const std::map<std::string, std::vector<std::string>>& by_schema) const {
    std::string text = Comment("For tables that are made later, run by each role that makes some:");
    for (const auto& [schema, tables] : by_schema) {
      text +=
          Comment(fmt::format("ALTER DEFAULT PRIVILEGES IN SCHEMA {} GRANT SELECT ON TABLES TO {};",
                              QuoteIdentifier(schema), role_));
    }
    return text;
  }

  std::string Publications() const {
    std::string text = "\n";
    if (options_.publication) {
      text += ThePublication();
    } else if (facts_.existing.size() == 1) {
      text += Comment(fmt::format("Publication {} exists, and is used as it is.",
                                  QuoteIdentifier(facts_.existing.front().name)));
    } else {
      text += ThePair();
    }
    return text + WithoutIdentity();
  }

  // --publication: its form is the owner's own.
  std::string ThePublication() const {
    const std::string name = QuoteIdentifier(*options_.publication);
    if (!facts_.existing.empty()) {
      return Comment(fmt::format("Publication {} exists, and is used as it is.", name));
    }
    return Comment(
               "The publication, which the relay never alters. The owner of the tables may make "
               "it, "
               "with CREATE on the database.") +
           CreateWithTables(*options_.publication);
  }

  std::string CreateWithTables(const std::string& name) const {
    std::string sql = CreatePublicationSql(name, joins_roots_, selection_.join) + "\n";
    if (facts_.version != 0) return sql;
    return sql.insert(sql.find(" WITH ("), " FOR TABLE ONLY <schema>.<table>, ...");
  }

  std::string ThePair() const {
    std::string text = Comment(
        "The publications: tables with a key by name, and the inserts of all, since a table "
        "without a key in the first would make UPDATE and DELETE on it fail. Only a superuser may "
        "make the second.");
    if (facts_.existing.empty()) {
      text += CreateWithTables(options_.slot) +
              CreateInsertsPublicationSql(options_, joins_roots_) + "\n";
    } else {
      text += Comment(
          "They exist; tables that are missing in the first are added by the relay, "
          "or by their owners.");
    }
    return text +
           Comment(
               "So that the relay can take out a table that loses its key, and can add those "
               "that its role owns. For other tables it shows the statement to their owner.") +
           fmt::format("ALTER PUBLICATION {} OWNER TO {};\n", QuoteIdentifier(options_.slot),
                       role_);
  }

  std::string WithoutIdentity() const {
    if (selection_.inserts_only.empty()) return "";
    std::string text = Heading(
        "These tables have no replica identity. For each, run one of the statements of "
        "its own before the relay starts, or start it with --allow-unkeyed (inserts "
        "only) or --exclude-tables.");
    for (const CapturedTable* table : selection_.inserts_only) {
      text +=
          Comment(table->qualified_name() + IdentityNote(*table) + ":" + IdentityRemedies(*table));
    }
    return text;
  }

  std::string Trigger() const {
    if (!options_.install_event_trigger || options_.publication) return "";
    return Heading("--install-event-trigger, which the relay then finds in place.") +
           EventTriggerSql(options_.slot, joins_roots_, version_) + "\n";
  }

  std::string Optional() const {
    if (facts_.version < kFirstWithLogSnapshot) return "";
    return Heading("Not needed: lets the relay keep the WAL on the server's disk shorter.") +
           Comment(fmt::format(
               "GRANT EXECUTE ON FUNCTION pg_catalog.pg_log_standby_snapshot() TO {};", role_));
  }

  const RightsFacts& facts_;
  const CaptureOptions& options_;
  const std::string role_;  // Quoted.
  const int version_;
  const bool joins_roots_;
  const MembershipPlan selection_;
};

}  // namespace

std::string LeastRightsSql(const RightsFacts& facts, const CaptureOptions& options) {
  return SqlText(facts, options).All();
}

}  // namespace bw
