#include "tail/table_offsets.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "base/error.h"
#include "base/shown_text.h"
#include "capture/pg_connection.h"
#include "capture/sql_text.h"

namespace bw {
namespace {

constexpr Duration kMaxTimeout = std::chrono::minutes(10);

struct LandingTable {
  int64_t oid = 0;
  std::string quoted;  // For SQL.
  bool has_topic = false;
};

class TableReader {
 public:
  TableReader(PgConnection* connection, const std::string& name)
      : connection_(connection), name_(name) {}

  LandingTable Find(bool needs_topic);
  std::vector<std::optional<int64_t>> NextOffsets(const LandingTable& table,
                                                  std::span<const TopicPartition> partitions);

 private:
  PgResult Query(const std::string& sql) {
    PgQueryOptions options;
    options.doing = fmt::format("read the offsets in table {}", name_);
    options.timeout = kMaxTimeout;
    options.remedy_sql =
        fmt::format("GRANT SELECT ON {} TO {};", name_, QuoteIdentifier(connection_->role()));
    return connection_->Query(sql, options);
  }
  [[noreturn]] void Refuse(const std::string& problem) const {
    throw UsageError(fmt::format("--from-table: {} {}", Printable(name_), problem));
  }
  void RequireUniqueIndex(const LandingTable& table);

  PgConnection* const connection_;
  const std::string name_;
};

LandingTable TableReader::Find(bool needs_topic) {
  const std::string name = QuoteLiteral(name_);
  // Our sessions have an empty search_path.
  const PgResult found = Query(fmt::format(
      "SELECT c.oid, n.nspname, c.relname, array(SELECT attname::text FROM pg_catalog.pg_attribute "
      "a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND attname IN "
      "('topic', 'partition', 'offset'))::text FROM pg_catalog.pg_class c JOIN "
      "pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = CASE WHEN "
      "pg_catalog.array_length(pg_catalog.parse_ident({0}), 1) = 1 THEN "
      "pg_catalog.to_regclass('public.' || {0}) ELSE pg_catalog.to_regclass({0}) END",
      name));
  if (found.rows() == 0) {
    Refuse(
        "does not exist in this database; write schema.table unless it is in public, and name "
        "the database with --postgres");
  }
  const std::string columns = found.String(0, 3);
  const auto has = [&](std::string_view column) {
    return columns.find(column) != std::string::npos;
  };
  if (!has("partition") || !has("offset")) {
    Refuse("lacks the columns partition and \"offset\", which say what it holds (docs/tail.md)");
  }
  if (needs_topic && !has("topic")) {
    Refuse("has no column topic, so it can hold the messages of one topic only");
  }
  LandingTable table{.oid = found.Int(0, 0),
                     .quoted = QuoteTable(found.String(0, 1), found.String(0, 2)),
                     .has_topic = has("topic")};
  RequireUniqueIndex(table);
  return table;
}

void TableReader::RequireUniqueIndex(const LandingTable& table) {
  const std::string_view columns =
      table.has_topic ? "topic, partition, \"offset\"" : "partition, \"offset\"";
  const PgResult found = Query(fmt::format(
      "SELECT 1 FROM pg_catalog.pg_index i WHERE i.indrelid = {0} AND i.indisunique AND "
      "i.indisvalid AND i.indpred IS NULL AND (SELECT array_agg(a.attname::text ORDER BY "
      "a.attname::text) FROM pg_catalog.pg_attribute a WHERE a.attrelid = i.indrelid AND a.attnum "
      "= ANY ((i.indkey::int2[])[0:{2} - 1])) IN ({1}) AND 0 <> ALL "
      "((i.indkey::int2[])[0:{2} - 1])",
      table.oid,
      table.has_topic ? "'{offset,partition}', '{offset,partition,topic}'" : "'{offset,partition}'",
      CatalogTerms(connection_->server_version()).key_size));
  if (found.rows() > 0) return;
  Refuse(fmt::format(
      "has no unique index over ({0}), without which two who fill it at the same "
      "time would add the same rows twice. Let its owner run{1}",
      columns, OwnLine(fmt::format("ALTER TABLE {} ADD UNIQUE ({});", table.quoted, columns))));
}

std::vector<std::optional<int64_t>> TableReader::NextOffsets(
    const LandingTable& table, std::span<const TopicPartition> partitions) {
  std::vector<std::string> asked;
  for (size_t i = 0; i < partitions.size(); ++i) {
    asked.push_back(
        fmt::format("({}, {}, {})", i, QuoteLiteral(partitions[i].topic), partitions[i].partition));
  }
  // One look into the unique index per partition.
  const PgResult found = Query(fmt::format(
      "SELECT (SELECT max(l.\"offset\") FROM {} l WHERE l.partition = v.p{}) + 1 FROM (VALUES {}) "
      "v(n, t, p) ORDER BY v.n",
      table.quoted, table.has_topic ? " AND l.topic = v.t" : "", fmt::join(asked, ", ")));
  std::vector<std::optional<int64_t>> offsets;
  for (int row = 0; row < found.rows(); ++row) {
    offsets.push_back(found.IsNull(row, 0) ? std::nullopt : std::optional(found.Int(row, 0)));
  }
  BW_CHECK(offsets.size() == partitions.size());
  return offsets;
}

}  // namespace

std::vector<std::optional<int64_t>> ReadTableOffsets(const std::string& conninfo,
                                                     const std::string& table,
                                                     std::span<const TopicPartition> partitions,
                                                     const Stop& stop) {
  if (partitions.empty()) return {};
  std::set<std::string_view> topics;
  for (const TopicPartition& partition : partitions) topics.insert(partition.topic);
  CaptureOptions options;
  // A string without database and host leaves them to libpq's environment.
  options.conninfo = conninfo.empty() ? "application_name=bottledwater" : conninfo;
  try {
    PgConnection connection(options, PgConnection::Mode::kSql, stop);
    TableReader reader(&connection, table);
    const LandingTable found = reader.Find(topics.size() > 1);
    return reader.NextOffsets(found, partitions);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kTransient) throw;
    throw Error(ErrorKind::kHalt,
                fmt::format("--from-table: {}. If the table is locked, then perhaps by the "
                            "transaction that runs this: commit it before",
                            error.what()),
                ExitCode::kTryAgain);
  }
}

}  // namespace bw
