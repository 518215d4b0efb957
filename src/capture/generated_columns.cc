#include "capture/generated_columns.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <unordered_set>
#include <utility>

#include "base/format.h"
#include "base/shown_text.h"

namespace bw {

std::string UnsentGeneratedColumns(const std::vector<CapturedTable>& tables,
                                   const std::vector<Publication>& publications,
                                   const TableFilter& filter) {
  std::vector<std::string> unsent;
  for (const CapturedTable& table : tables) {
    if (table.generated_columns.empty() || !filter.Selects(table.table)) continue;
    const PublishedTable* entry = nullptr;
    for (const Publication& publication : publications) {
      if (entry == nullptr) entry = publication.Find(table.table);
    }
    if (entry == nullptr) continue;
    std::vector<std::string> names;
    for (const GeneratedColumn& generated : table.generated_columns) {
      if (!entry->PublishesGenerated(generated.column.name)) names.push_back(generated.column.name);
    }
    if (names.empty()) continue;
    unsent.push_back(fmt::format("{} ({})", table.qualified_name(), FormatList(names)));
  }
  if (unsent.empty()) return "";
  return fmt::format(
      "PostgreSQL does not send the stored generated columns of {}: messages do not have them",
      Printable(FormatList(unsent)));
}

void RefuseFullIdentities(std::vector<CapturedTable>* tables) {
  std::unordered_set<uint32_t> roots;
  for (CapturedTable& table : *tables) {
    table.full_is_no_remedy = !table.generated_columns.empty() || table.has_virtual_columns;
    if (table.partitioned || table.identity != ReplicaIdentity::kFull) continue;
    if (!table.full_is_no_remedy) continue;
    table.full_is_refused = true;
    if (table.is_partition()) roots.insert(table.root_oid);
  }
  // Every level above may be published in its place.
  for (CapturedTable& table : *tables) {
    const uint32_t root = table.is_partition() ? table.root_oid : table.oid;
    if (table.partitioned && roots.contains(root)) table.full_is_refused = true;
    if (table.full_is_refused) table.has_identity = false;
  }
}

void GeneratedColumnsNote::TellOnce(PgConnection* connection,
                                    const std::vector<std::string>& publications,
                                    const std::vector<CapturedTable>& tables,
                                    const TableFilter& filter) {
  if (std::exchange(told_, true)) return;
  const std::string text =
      UnsentGeneratedColumns(tables, ReadPublications(connection, publications), filter);
  if (!text.empty()) spdlog::info("{}", text);
}

}  // namespace bw
