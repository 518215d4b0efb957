#include "capture/snapshot_tables.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>

#include "base/halt.h"
#include "base/shown_text.h"
#include "capture/sql_text.h"

namespace bw {
namespace {

// Rows reach the stream if they pass the filter of any publication (PostgreSQL documentation, 31.3
// "Row Filters"); publications that do not publish inserts are ignored, unless there are no others.
std::vector<uint32_t> CombinedRowFilters(const std::vector<const PublishedTable*>& entries) {
  std::vector<uint32_t> filters;
  for (const PublishedTable* entry : entries) {
    if (entry->row_filter == 0) return {};
    filters.push_back(entry->row_filter);
  }
  return filters;
}

// A column list hides other columns. If it hides part of the key, the rest might be the same for
// several rows.
void KeepColumns(const std::vector<std::string>& published, CapturedTable* table) {
  std::vector<Column>& columns = table->table.columns;
  const auto key_columns = std::ranges::count_if(columns, &Column::key);
  std::erase_if(columns, [&](const Column& column) {
    return std::find(published.begin(), published.end(), column.name) == published.end();
  });
  if (std::ranges::count_if(columns, &Column::key) == key_columns) return;
  for (Column& column : columns) column.key = false;
  table->key_index.clear();
}

// From the last to the first, so that each finds its place.
void AddGeneratedColumns(const PublishedTable& entry, CapturedTable* table) {
  std::vector<Column>& columns = table->table.columns;
  for (auto it = table->generated_columns.rbegin(); it != table->generated_columns.rend(); ++it) {
    if (!entry.PublishesGenerated(it->column.name)) continue;
    columns.insert(columns.begin() + static_cast<std::ptrdiff_t>(it->place), it->column);
  }
}

std::optional<SnapshotTable> Publish(const CapturedTable& table,
                                     const std::vector<Publication>& publications) {
  std::vector<const PublishedTable*> all;
  std::vector<const PublishedTable*> with_inserts;
  for (const Publication& publication : publications) {
    const PublishedTable* entry = publication.Find(table.table);
    if (entry == nullptr) continue;
    all.push_back(entry);
    if (publication.publishes_insert) with_inserts.push_back(entry);
  }
  if (all.empty()) return std::nullopt;
  SnapshotTable result;
  result.described = table;
  result.row_filters = CombinedRowFilters(with_inserts.empty() ? all : with_inserts);
  // PostgreSQL refuses publications that differ in a table's columns.
  AddGeneratedColumns(*all.front(), &result.described);
  const std::vector<std::string>& published = all.front()->columns;
  if (!published.empty()) KeepColumns(published, &result.described);
  return result;
}

std::string Grants(std::span<const CapturedTable* const> tables, const std::string& role) {
  std::string grants;
  std::set<std::string> schemas;
  for (const CapturedTable* table : tables) {
    if (!table->may_use_schema && schemas.insert(table->table.schema).second) {
      grants += OwnLine(fmt::format("GRANT USAGE ON SCHEMA {} TO {};",
                                    QuoteIdentifier(table->table.schema), QuoteIdentifier(role)));
    }
    if (table->may_select) continue;
    grants += OwnLine(fmt::format("GRANT SELECT ON TABLE {} TO {};", QuoteTable(table->table),
                                  QuoteIdentifier(role)));
  }
  return grants;
}

// Policies do not apply to an owner unless they are forced, which the owner can undo.
std::string UnhideRows(std::span<const CapturedTable* const> tables, const std::string& role) {
  std::string hidden, unforce;
  for (const CapturedTable* table : tables) {
    if (!table->row_security) continue;
    hidden += (hidden.empty() ? "" : ", ") + Printable(table->qualified_name());
    if (table->row_security_forced) {
      unforce += OwnLine(
          fmt::format("ALTER TABLE {} NO FORCE ROW LEVEL SECURITY;", QuoteTable(table->table)));
    }
  }
  if (hidden.empty()) return "";
  return fmt::format("Row security policies would hide rows of {}. Let a superuser run:{}{}",
                     hidden,
                     OwnLine(fmt::format("ALTER ROLE {} BYPASSRLS;", QuoteIdentifier(role))),
                     unforce.empty() ? "" : OwnLine("or their owner:") + unforce);
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
    if (!filter.Selects(table.table)) continue;
    if (std::optional<SnapshotTable> published = Publish(table, publications)) {
      chosen.push_back(std::move(*published));
    }
  }
  // When a partitioned table and its partitions are in different publications, the stream names the
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

bool MayRead(const CapturedTable& table) {
  return table.may_use_schema && table.may_select && !table.row_security;
}

std::string ReadRemedies(std::span<const CapturedTable* const> tables, const std::string& role) {
  const std::string grants = Grants(tables, role);
  const std::string unhide = UnhideRows(tables, role);
  if (grants.empty()) return unhide;
  return "Let their owner run:" + grants + (unhide.empty() ? "" : OwnLine(unhide));
}

void RequireReadable(const std::vector<SnapshotTable>& tables, const std::string& role) {
  std::vector<const CapturedTable*> all;
  for (const SnapshotTable& table : tables) all.push_back(&table.described);
  const std::string remedies = ReadRemedies(all, role);
  if (remedies.empty()) return;
  throw Halt{ExitCode::kMissingRight,
             "missing-right",
             fmt::format("Role {} may not read all of the tables that are to be captured.",
                         Printable(role)),
             "",
             {{"let the relay read them", remedies}}}
      .ToError();
}

}  // namespace bw
