#include "capture/toast_proof.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/error.h"
#include "capture/pg_connection.h"
#include "capture/postgres_server.h"
#include "capture/sql_text.h"

namespace bw {
namespace {

constexpr int kFirstWithSchemasInPublications = 150000;

// A partition that was created as one, and was not rewritten since, is left out: it cannot have
// brought rows. So new partitions, and those that are dropped, do not change the fingerprint.
constexpr const char* kPartitions = R"((
  WITH RECURSIVE member(oid, since) AS (
    SELECT i.inhrelid, i.xmin::text FROM pg_inherits i WHERE i.inhparent = c.oid AND c.relkind = 'p'
    UNION ALL
    SELECT i.inhrelid, i.xmin::text FROM member m JOIN pg_inherits i ON i.inhparent = m.oid)
  SELECT string_agg(concat_ws('/', m.oid, l.relfilenode, m.since), ',' ORDER BY m.oid)
  FROM member m JOIN pg_class l ON l.oid = m.oid LEFT JOIN pg_type t ON t.oid = l.reltype
  WHERE NOT (coalesce(t.xmin::text = m.since, false)
    AND (l.relkind <> 'r' OR l.relfilenode = l.oid))))";

std::string FingerprintQuery(const std::vector<uint32_t>& relations,
                             const std::vector<std::string>& publications, int server_version) {
  std::string names = "NULL";
  for (const std::string& name : publications) names += ", " + QuoteLiteral(name);
  const std::string of_schemas =
      server_version < kFirstWithSchemasInPublications
          ? "NULL"
          : R"((SELECT string_agg(concat_ws('/', s.oid, s.xmin), ',' ORDER BY s.oid)
  FROM pg_publication_namespace s JOIN published p ON p.oid = s.pnpubid
  WHERE s.pnnspid = c.relnamespace))";
  return fmt::format(R"(
WITH published AS (SELECT oid, xmin::text AS version FROM pg_publication WHERE pubname IN ({names}))
SELECT c.oid, pg_current_wal_insert_lsn(), hashtextextended(concat_ws(';', c.relkind, c.relfilenode,
  {partitions},
  (SELECT string_agg(concat_ws('/', p.oid, p.version), ',' ORDER BY p.oid) FROM published p),
  (SELECT string_agg(concat_ws('/', r.oid, r.xmin), ',' ORDER BY r.oid)
   FROM pg_publication_rel r JOIN published p ON p.oid = r.prpubid
   WHERE r.prrelid = c.oid OR r.prrelid IN (SELECT relid FROM pg_partition_ancestors(c.oid))),
  {of_schemas}), 0), a.attname, concat_ws('/', a.attnum, a.xmin)
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.oid = ANY ('{{{relations}}}'::oid[]) ORDER BY c.oid, a.attnum)",
                     fmt::arg("names", names), fmt::arg("partitions", kPartitions),
                     fmt::arg("of_schemas", of_schemas),
                     fmt::arg("relations", fmt::join(relations, ",")));
}

// A transaction gives up the lock on its own number after it has become visible: usually less than
// a millisecond after its commit record was written.
bool BecomesVisible(ServerCatalog* catalog, uint32_t xid, const Stop& stop) {
  constexpr Duration kLookInterval{2};
  constexpr int kLooksMax = 500;
  for (int look = 0; look < kLooksMax; ++look) {
    if (!catalog->IsEnding(xid)) return true;
    if (stop.WaitFor(kLookInterval)) throw TransientError("the session was stopped");
  }
  return false;
}

}  // namespace

std::vector<TableFingerprint> ReadFingerprints(PgConnection* connection,
                                               const std::vector<uint32_t>& relations,
                                               const std::vector<std::string>& publications) {
  std::vector<TableFingerprint> tables;
  if (relations.empty()) return tables;
  PgQueryOptions options;
  options.doing = "look whether a table was rewritten";
  const PgResult found = connection->Query(
      FingerprintQuery(relations, publications, connection->server_version()), options);
  for (int row = 0; row < found.rows(); ++row) {
    const auto relation = static_cast<uint32_t>(found.Int(row, 0));
    if (tables.empty() || tables.back().relation != relation) {
      tables.push_back({relation, found.String(row, 2), {}, found.LsnAt(row, 1)});
    }
    tables.back().columns.emplace(found.String(row, 3), found.String(row, 4));
  }
  return tables;
}

std::optional<TableFingerprint> LookAtTable(ServerCatalog* catalog, RelationId relation,
                                            uint32_t xid,
                                            const std::vector<std::string>& publications,
                                            const Stop& stop) {
  if (!BecomesVisible(catalog, xid, stop)) return std::nullopt;
  std::vector<TableFingerprint> found = catalog->ReadFingerprints({relation.value}, publications);
  if (found.empty()) return std::nullopt;
  return std::move(found.front());
}

ToastProof MergeProof(const ToastProof* kept, const TableFingerprint& seen, Lsn since) {
  ToastProof proof;
  proof.table = seen.table;
  const bool is_same = kept != nullptr && kept->table == seen.table;
  for (const auto& [name, signature] : seen.columns) {
    ToastProof::Column& column = proof.columns[name];
    column = {signature, since};
    if (!is_same) continue;
    const auto before = kept->columns.find(name);
    if (before == kept->columns.end() || before->second.signature != signature) continue;
    column.since = std::min(since, before->second.since);
  }
  return proof;
}

bool IsProven(const ToastProof& proof, const std::vector<std::string>& key,
              const std::string& column, const Position& position) {
  const auto is_proven = [&](const std::string& name) {
    const auto found = proof.columns.find(name);
    return found != proof.columns.end() && found->second.since <= position.commit_lsn;
  };
  return is_proven(column) && std::ranges::all_of(key, is_proven);
}

}  // namespace bw
