#include "capture/snapshot_tables.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>

#include "base/error.h"
#include "base/log.h"
#include "capture/sql_text.h"

namespace bw {
namespace {

// Rows reach the stream if they pass the filter of any publication (PostgreSQL documentation, 31.3
// "Row Filters"); a publication that does not publish inserts has no say in which rows are there,
// unless there are only such.
std::vector<uint32_t> CombinedRowFilters(const std::vector<const PublishedTable*>& entries) {
  std::vector<uint32_t> filters;
  for (const PublishedTable* entry : entries) {
    if (entry->row_filter == 0) return {};
    filters.push_back(entry->row_filter);
  }
  return filters;
}

std::optional<SnapshotTable> Publish(const CapturedTable& table,
                                     const std::vector<Publication>& publications) {
  std::vector<const PublishedTable*> all;
  std::vector<const PublishedTable*> with_inserts;
  for (const Publication& publication : publications) {
    const PublishedTable* entry = publication.Find(table.table.schema, table.table.name);
    if (entry == nullptr) continue;
    all.push_back(entry);
    if (publication.publishes_insert) with_inserts.push_back(entry);
  }
  if (all.empty()) return std::nullopt;
  SnapshotTable result;
  result.described = table;
  result.row_filters = CombinedRowFilters(with_inserts.empty() ? all : with_inserts);
  // PostgreSQL refuses publications with different column lists for one table.
  const std::vector<std::string>& published = all.front()->columns;
  if (!published.empty()) {
    std::erase_if(result.described.table.columns, [&](const Column& column) {
      return std::find(published.begin(), published.end(), column.name) == published.end();
    });
  }
  return result;
}

}  // namespace

std::string SnapshotTable::CopySql(const CopySource& source) const {
  std::string columns = source.with_ctid ? "ctid" : "";
  for (const Column& column : described.table.columns) {
    columns += (columns.empty() ? "" : ", ") + QuoteIdentifier(column.name);
  }
  return fmt::format("COPY (SELECT {} FROM {}{}) TO STDOUT", columns, source.relation,
                     source.condition.empty() ? "" : " WHERE " + source.condition);
}

std::vector<SnapshotTable> ChooseSnapshotTables(const std::vector<CapturedTable>& tables,
                                                const std::vector<Publication>& publications,
                                                const TableFilter& filter) {
  std::vector<SnapshotTable> chosen;
  for (const CapturedTable& table : tables) {
    if (!filter.Selects(table.table.schema, table.table.name)) continue;
    if (std::optional<SnapshotTable> published = Publish(table, publications)) {
      chosen.push_back(std::move(*published));
    }
  }
  // When different publications hold a partitioned table and its partitions, the stream names the
  // topmost one.
  std::set<uint32_t> roots;
  for (const SnapshotTable& table : chosen) roots.insert(table.described.oid);
  std::erase_if(chosen, [&](const SnapshotTable& table) {
    return table.described.is_partition() && roots.contains(table.described.root_oid);
  });
  std::stable_sort(chosen.begin(), chosen.end(), [](const auto& left, const auto& right) {
    return left.described.bytes > right.described.bytes;
  });
  return chosen;
}

void RequireReadable(const std::vector<SnapshotTable>& tables, const std::string& role) {
  std::string grants;
  std::string hidden;
  std::set<std::string> schemas;
  for (const SnapshotTable& table : tables) {
    const Table& described = table.described.table;
    if (!table.described.may_select) {
      if (schemas.insert(described.schema).second) {
        grants += OwnLine(fmt::format("GRANT USAGE ON SCHEMA {} TO {};",
                                      QuoteIdentifier(described.schema), QuoteIdentifier(role)));
      }
      grants +=
          OwnLine(fmt::format("GRANT SELECT ON TABLE {} TO {};",
                              QuoteTable(described.schema, described.name), QuoteIdentifier(role)));
    } else if (table.described.row_security) {
      hidden += (hidden.empty() ? "" : ", ") + Printable(table.described.qualified_name());
    }
  }
  if (!grants.empty()) {
    throw HaltError(ExitCode::kMissingRight,
                    fmt::format("role {} may not read tables that are to be captured. Let their "
                                "owner run:{}",
                                Printable(role), grants));
  }
  if (!hidden.empty()) {
    throw HaltError(ExitCode::kMissingRight,
                    fmt::format("row security policies would hide rows of {} from the snapshot. "
                                "Let a superuser run:{}",
                                hidden,
                                OwnLine(fmt::format("ALTER ROLE {} BYPASSRLS;",
                                                    QuoteIdentifier(role)))));
  }
}

}  // namespace bw
