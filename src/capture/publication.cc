#include "capture/publication.h"

#include <fmt/format.h>

#include <algorithm>

#include "capture/sql_text.h"

namespace bw {
namespace {

constexpr int kFirstWithViaRoot = 130000;
constexpr int kFirstWithRowFilter = 150000;

std::vector<PublishedTable> ReadPublishedTables(PgConnection* connection, const std::string& name) {
  const bool has_filters = connection->server_version() >= kFirstWithRowFilter;
  // One row per column: a text array would need parsing.
  const PgResult found = connection->Query(fmt::format(
      "SELECT schemaname, tablename, {} FROM pg_publication_tables p {} WHERE pubname = {} "
      "ORDER BY schemaname, tablename {}",
      has_filters ? "coalesce(rowfilter, ''), coalesce(u.name, '')" : "'', ''",
      has_filters ? "LEFT JOIN LATERAL unnest(attnames) WITH ORDINALITY u(name, n) ON true" : "",
      QuoteLiteral(name), has_filters ? ", u.n" : ""));
  std::vector<PublishedTable> tables;
  for (int row = 0; row < found.rows(); ++row) {
    const bool same = !tables.empty() && tables.back().schema == found.Text(row, 0) &&
                      tables.back().table == found.Text(row, 1);
    if (!same) {
      tables.push_back({found.String(row, 0), found.String(row, 1), {}, found.String(row, 2)});
    }
    if (!found.Text(row, 3).empty()) tables.back().columns.push_back(found.String(row, 3));
  }
  return tables;
}

}  // namespace

const PublishedTable* Publication::Find(const std::string& schema, const std::string& table) const {
  const auto found = std::find_if(tables.begin(), tables.end(), [&](const PublishedTable& entry) {
    return entry.schema == schema && entry.table == table;
  });
  return found == tables.end() ? nullptr : &*found;
}

std::vector<Publication> ReadPublications(PgConnection* connection,
                                          const std::vector<std::string>& names) {
  std::vector<Publication> publications;
  for (const std::string& name : names) {
    const PgResult found = connection->Query(
        fmt::format("SELECT puballtables, pubinsert, pubupdate, pubdelete, {} FROM pg_publication "
                    "WHERE pubname = {}",
                    connection->server_version() >= kFirstWithViaRoot ? "pubviaroot" : "false",
                    QuoteLiteral(name)));
    if (found.rows() == 0) continue;
    Publication publication;
    publication.name = name;
    publication.all_tables = found.Bool(0, 0);
    publication.publishes_insert = found.Bool(0, 1);
    publication.publishes_update = found.Bool(0, 2);
    publication.publishes_delete = found.Bool(0, 3);
    publication.via_root = found.Bool(0, 4);
    publication.tables = ReadPublishedTables(connection, name);
    publications.push_back(std::move(publication));
  }
  return publications;
}

}  // namespace bw
