#include "capture/publication_keeper.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/log.h"
#include "capture/publication_setup.h"
#include "capture/sql_text.h"
#include "capture/table_catalog.h"

namespace bw {
namespace {

constexpr std::chrono::seconds kLookInterval{30};

}  // namespace

PublicationKeeper::PublicationKeeper(const CaptureOptions& options,
                                     std::vector<std::string> publications,
                                     SideConnection* connection)
    : options_(options), publications_(std::move(publications)), connection_(connection) {}

bool PublicationKeeper::KeepsPair() const {
  return !options_.publication && publications_.size() == 2;
}

void PublicationKeeper::Warn(const std::string& table, const std::string& text) {
  if (warned_.insert(table).second) spdlog::warn("{}", text);
}

void PublicationKeeper::OnRelationChanged(const CachedRelation& relation) {
  look_now_ = true;
  const std::string name = Printable(relation.name());
  if (relation.encoder.has_key() || !relation.selected) return;
  if (relation.identity == ReplicaIdentity::kFull || KeepsPair()) {
    spdlog::debug("Table {} has no key: its rows have a null key, its deletes emit nothing", name);
    return;
  }
  const std::string table = QuoteTable(relation.table.schema, relation.table.name);
  Warn(relation.name(),
       fmt::format("Table {} has no replica identity. If its publication publishes updates or "
                   "deletes, PostgreSQL refuses UPDATE and DELETE on it, also those of your "
                   "applications. Run one of:{}{}",
                   name, OwnLine(fmt::format("ALTER TABLE {} ADD PRIMARY KEY (<columns>);", table)),
                   OwnLine(fmt::format("ALTER TABLE {} REPLICA IDENTITY FULL;", table))));
}

void PublicationKeeper::EverySecond(TimePoint now) {
  if (!KeepsPair() || (!look_now_ && now - last_look_ < kLookInterval)) return;
  look_now_ = false;
  last_look_ = now;
  try {
    AddNewTables();
  } catch (const Error& error) {
    spdlog::debug("cannot look for new tables: {}", error.what());
    connection_->Reset();
  }
}

void PublicationKeeper::AddNewTables() {
  PgConnection* connection = connection_->Get();
  const std::string whole_name = WholePublicationName(options_);
  const std::vector<Publication> found = ReadPublications(connection, {whole_name});
  if (found.empty() || found.front().all_tables) return;
  const TableFilter filter(options_.tables, options_.exclude_tables);
  for (const CapturedTable& table : ReadTables(connection)) {
    if (table.is_partition() || !table.has_identity ||
        !filter.Selects(table.table.schema, table.table.name) ||
        found.front().Find(table.table.schema, table.table.name) != nullptr) {
      continue;
    }
    const std::string name = Printable(table.qualified_name());
    const std::string sql =
        fmt::format("ALTER PUBLICATION {} ADD TABLE {};", QuoteIdentifier(whole_name),
                    QuoteTable(table.table.schema, table.table.name));
    PgQueryOptions query;
    query.doing = fmt::format("add table {} to publication \"{}\"", name, whole_name);
    try {
      // The table may be locked for long; the next look tries again.
      connection->Query("SET lock_timeout = '2s'", query);
      connection->Query(sql, query);
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::kTransient) throw;
      Warn(table.qualified_name(),
           fmt::format("Of table {} only inserts are captured: {}. Let its owner run:{}", name,
                       error.what(), OwnLine(sql)));
      continue;
    }
    spdlog::warn(
        "Table {} is new and was added to publication \"{}\". Its inserts were captured from the "
        "beginning, its updates and deletes are captured from now on",
        name, whole_name);
  }
}

}  // namespace bw
