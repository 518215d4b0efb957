#include "capture/publication.h"

#include <fmt/format.h>

#include <algorithm>

#include "capture/sql_text.h"
#include "capture/table_catalog.h"

namespace bw {
namespace {

constexpr int kFirstWithGenerated = 180000;  // And generated columns in column lists.
constexpr int kFirstWithRowFilter = 150000;  // And with column lists, and FOR TABLES IN SCHEMA.

// The OIDs of a publication's tables by name or schema, and of their partitions: computed as in
// pg_get_publication_tables(), which opens tables in some versions.
std::string MembersQuery(int version) {
  const std::string of_schemas = fmt::format(R"(
  UNION SELECT c.oid
  FROM p JOIN pg_publication_namespace s ON s.pnpubid = p.oid
  JOIN pg_class c ON c.relnamespace = s.pnnspid
  WHERE {})",
                                             kPublishableTable);
  return fmt::format(R"(
named(oid) AS (
  SELECT r.prrelid FROM pg_publication_rel r, p WHERE r.prpubid = p.oid {schemas}),
below(oid) AS (
  SELECT i.inhrelid FROM named JOIN pg_class c ON c.oid = named.oid AND c.relkind = 'p'
  JOIN pg_inherits i ON i.inhparent = c.oid
  UNION
  SELECT i.inhrelid FROM below b JOIN pg_inherits i ON i.inhparent = b.oid),
member(oid) AS (
  SELECT c.oid FROM pg_class c, p WHERE p.puballtables AND {publishable}
    AND CASE WHEN p.viaroot THEN NOT c.relispartition ELSE c.relkind = 'r' END
  UNION SELECT named.oid FROM named, p
    WHERE p.viaroot AND named.oid NOT IN (SELECT below.oid FROM below)
  UNION SELECT c.oid FROM pg_class c, p WHERE NOT p.viaroot AND c.relkind = 'r'
    AND c.oid IN (SELECT named.oid FROM named UNION SELECT below.oid FROM below)))",
                     fmt::arg("publishable", kPublishableTable),
                     fmt::arg("schemas", version < kFirstWithRowFilter ? "" : of_schemas));
}

// One row per column of a column list, because a text array would need parsing. A table that is
// published by its schema has neither filter nor column list. PieceReader gets the filter's text,
// with the table locked, because pg_get_expr() takes a lock.
std::string PublishedTablesQuery(int version, const std::string& name) {
  const std::string publication = fmt::format(
      "p AS (SELECT oid, puballtables, {} AS viaroot FROM pg_publication WHERE pubname = {})",
      version >= kFirstWithViaRoot ? "pubviaroot" : "false", QuoteLiteral(name));
  const char* const kDetails = R"(
LEFT JOIN pg_publication_rel r ON r.prrelid = m.oid AND r.prpubid = (SELECT oid FROM p)
  AND NOT EXISTS (SELECT FROM pg_publication_namespace s
                  WHERE s.pnpubid = r.prpubid AND s.pnnspid = c.relnamespace)
LEFT JOIN pg_attribute a ON a.attrelid = m.oid AND a.attnum = ANY (r.prattrs::int2[]))";
  const bool has_details = version >= kFirstWithRowFilter;
  return fmt::format(
      "WITH RECURSIVE {}, {} SELECT n.nspname, c.relname, {} FROM member m "
      "JOIN pg_class c ON c.oid = m.oid JOIN pg_namespace n ON n.oid = c.relnamespace {} "
      "ORDER BY n.nspname, c.relname {}",
      publication, MembersQuery(version),
      has_details ? "CASE WHEN r.prqual IS NULL THEN 0 ELSE r.oid END, coalesce(a.attname, '')"
                  : "0, ''",
      has_details ? kDetails : "", has_details ? ", a.attnum" : "");
}

std::vector<PublishedTable> ReadPublishedTables(PgConnection* connection, const std::string& name) {
  PgQueryOptions options;
  options.doing = fmt::format("read what publication \"{}\" publishes", name);
  const PgResult found =
      connection->Query(PublishedTablesQuery(connection->server_version(), name), options);
  std::vector<PublishedTable> tables;
  for (int row = 0; row < found.rows(); ++row) {
    const bool same = !tables.empty() && tables.back().schema == found.Text(row, 0) &&
                      tables.back().table == found.Text(row, 1);
    if (!same) {
      tables.push_back({found.String(row, 0),
                        found.String(row, 1),
                        {},
                        static_cast<uint32_t>(found.Int(row, 2))});
    }
    if (!found.Text(row, 3).empty()) tables.back().columns.push_back(found.String(row, 3));
  }
  return tables;
}

}  // namespace

bool PublishedTable::PublishesGenerated(const std::string& column) const {
  return columns.empty() ? with_generated : std::ranges::find(columns, column) != columns.end();
}

const PublishedTable* Publication::Find(const std::string& schema, const std::string& table) const {
  const auto found = std::find_if(tables.begin(), tables.end(), [&](const PublishedTable& entry) {
    return entry.schema == schema && entry.table == table;
  });
  return found == tables.end() ? nullptr : &*found;
}

bool IsPublished(const std::vector<Publication>& publications, const Table& table) {
  return std::ranges::any_of(
      publications, [&](const Publication& publication) { return publication.Find(table); });
}

std::vector<Publication> ReadPublications(PgConnection* connection,
                                          const std::vector<std::string>& names) {
  const int version = connection->server_version();
  std::vector<Publication> publications;
  for (const std::string& name : names) {
    const PgResult found = connection->Query(fmt::format(
        "SELECT puballtables, pubinsert, pubupdate, pubdelete, {}, {} FROM pg_publication "
        "WHERE pubname = {}",
        version >= kFirstWithViaRoot ? "pubviaroot" : "false",
        version >= kFirstWithGenerated ? "pubgencols = 's'" : "false", QuoteLiteral(name)));
    if (found.rows() == 0) continue;
    Publication publication;
    publication.name = name;
    publication.all_tables = found.Bool(0, 0);
    publication.publishes_insert = found.Bool(0, 1);
    publication.publishes_update = found.Bool(0, 2);
    publication.publishes_delete = found.Bool(0, 3);
    publication.via_root = found.Bool(0, 4);
    publication.tables = ReadPublishedTables(connection, name);
    for (PublishedTable& table : publication.tables) table.with_generated = found.Bool(0, 5);
    publications.push_back(std::move(publication));
  }
  return publications;
}

std::vector<std::string> ExistingPublications(PgConnection* connection,
                                              const std::vector<std::string>& names) {
  std::vector<std::string> existing;
  for (const std::string& name : names) {
    const PgResult found =
        connection->Query("SELECT FROM pg_publication WHERE pubname = " + QuoteLiteral(name));
    if (found.rows() > 0) existing.push_back(name);
  }
  return existing;
}

}  // namespace bw
