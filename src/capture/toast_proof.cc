#include "capture/toast_proof.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/error.h"
#include "capture/pg_connection.h"
#include "capture/postgres_server.h"
#include "capture/sql_text.h"

namespace bw {

// Arrays and domains are taken apart. A type's kind never changes.
const char* const kTextMayChange = R"(
  EXISTS (WITH RECURSIVE part(oid) AS (
      SELECT a.atttypid
      UNION
      SELECT CASE t.typtype WHEN 'd' THEN t.typbasetype ELSE t.typelem END
      FROM part JOIN pg_type t ON t.oid = part.oid
      WHERE t.typtype = 'd' OR (t.typelem <> 0 AND t.typlen = -1))
    SELECT FROM part LEFT JOIN pg_type t ON t.oid = part.oid
    WHERE t.oid IS NULL OR t.typtype IN ('c', 'e', 'p') OR t.typtype IN ('r', 'm') AND t.oid >= 16384
      OR t.typname LIKE 'reg%' AND t.oid < 16384 OR t.oid IN ('money'::regtype, 'aclitem'::regtype)))";

namespace {

constexpr int kFirstWithSchemasInPublications = 150000;
constexpr int kFirstToAnnounceAll = 150000;

// The table and those above it, which publications may name in its place.
constexpr const char* kChain = R"(
  WITH RECURSIVE above(oid, link) AS (
    SELECT c.oid, NULL::text
    UNION
    SELECT i.inhparent, concat_ws('/', i.inhrelid, i.xmin)
    FROM above JOIN pg_inherits i ON i.inhrelid = above.oid)
  SELECT string_agg(concat_ws('/', above.oid, above.link{version}
      , (SELECT string_agg(concat_ws('/', r.oid, r.xmin), ',' ORDER BY r.oid)
         FROM pg_publication_rel r JOIN published p ON p.oid = r.prpubid
         WHERE r.prrelid = above.oid)), '+' ORDER BY above.oid, above.link)
  FROM above JOIN pg_class l ON l.oid = above.oid)";

// A table may leave a published schema and enter it again: then its pg_class row is another.
constexpr const char* kSchemaVersion = R"(
      , CASE WHEN EXISTS (SELECT FROM pg_publication_namespace s JOIN published p ON p.oid = s.pnpubid)
        THEN l.xmin::text END
      , (SELECT string_agg(concat_ws('/', s.oid, s.xmin), ',' ORDER BY s.oid)
         FROM pg_publication_namespace s JOIN published p ON p.oid = s.pnpubid
         WHERE s.pnnspid = l.relnamespace))";

// Whether a row may come under a known key unseen: a publication that sends updates, but no
// inserts.
constexpr const char* kSendsAllRows = R"(NOT EXISTS (
  SELECT FROM pg_publication p JOIN published n ON n.oid = p.oid
  WHERE p.pubupdate AND NOT p.pubinsert))";

// Before 15, pgoutput does not announce a relation again when all of them are invalidated, as when
// ALTER PUBLICATION sets what a publication of all tables sends, or of so many tables
// (MAX_RELCACHE_INVAL_MSGS): rel_sync_cache_relation_cb() knows single ones only. So there the
// table's updates must come from shorter lists.
constexpr const char* kIsAnnounced = R"((NOT EXISTS (
  SELECT FROM pg_publication p JOIN published n ON n.oid = p.oid WHERE p.pubupdate AND (p.puballtables
    OR (SELECT count(*) FROM pg_publication_rel r WHERE r.prpubid = p.oid) >= 4096))
  AND EXISTS (SELECT FROM pg_publication p JOIN published n ON n.oid = p.oid
    JOIN pg_publication_rel r ON r.prpubid = p.oid WHERE p.pubupdate AND r.prrelid = c.oid)))";

std::string FingerprintQuery(const std::vector<uint32_t>& relations,
                             const std::vector<std::string>& publications, int server_version) {
  std::string names = "NULL";
  for (const std::string& name : publications) names += ", " + QuoteLiteral(name);
  const bool has_schemas = server_version >= kFirstWithSchemasInPublications;
  const bool announces_all = server_version >= kFirstToAnnounceAll;
  const std::string chain =
      fmt::format(kChain, fmt::arg("version", has_schemas ? kSchemaVersion : ""));
  return fmt::format(R"(
WITH published AS (SELECT oid, xmin::text AS version FROM pg_publication WHERE pubname IN ({names}))
SELECT c.oid, pg_current_wal_insert_lsn(), concat_ws(';', c.relfilenode,
  (SELECT string_agg(concat_ws('/', p.oid, p.version), ',' ORDER BY p.oid) FROM published p),
  ({chain})), a.attname, a.atttypid, concat_ws('/', a.attnum, a.xmin)
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.oid = ANY ('{{{relations}}}'::oid[]) AND c.relkind = 'r' AND NOT {unreliable}
  AND {sends_all_rows} AND {is_announced}
ORDER BY c.oid, a.attnum)",
                     fmt::arg("names", names), fmt::arg("chain", chain),
                     fmt::arg("relations", fmt::join(relations, ",")),
                     fmt::arg("unreliable", kTextMayChange),
                     fmt::arg("sends_all_rows", kSendsAllRows),
                     fmt::arg("is_announced", announces_all ? "true" : kIsAnnounced));
}

// A transaction gives up the lock on its own number after it has become visible: usually less than
// a millisecond after its commit record was written.
bool BecomesVisible(ServerCatalog* catalog, uint32_t xid, bool may_wait, const Stop& stop) {
  constexpr Duration kLookInterval{2};
  const int looks = may_wait ? 500 : 1;
  for (int look = 0; look < looks; ++look) {
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
    tables.back().columns[found.String(row, 3)] = {static_cast<uint32_t>(found.Int(row, 4)),
                                                   found.String(row, 5)};
  }
  return tables;
}

std::optional<TableFingerprint> LookAtTable(ServerCatalog* catalog, RelationId relation,
                                            uint32_t xid, bool may_wait,
                                            const std::vector<std::string>& publications,
                                            const Stop& stop) {
  if (!BecomesVisible(catalog, xid, may_wait, stop)) return std::nullopt;
  std::vector<TableFingerprint> found = catalog->ReadFingerprints({relation.value}, publications);
  if (found.empty()) return TableFingerprint{relation.value, {}, {}, {}};
  return std::move(found.front());
}

ToastProof MergeProof(const ToastProof* kept, const TableFingerprint& seen, Lsn since) {
  ToastProof proof;
  proof.table = seen.table;
  const bool is_same = kept != nullptr && kept->table == seen.table;
  for (const auto& [name, seen_column] : seen.columns) {
    ToastProof::Column& column = proof.columns[name];
    column = {seen_column.signature, since};
    if (!is_same) continue;
    const auto before = kept->columns.find(name);
    if (before == kept->columns.end() || before->second.signature != column.signature) continue;
    column.since = std::min(since, before->second.since);
  }
  return proof;
}

bool IsProven(const ToastProof& proof, const std::vector<ToastPlan::Column>& key,
              const std::string& column, const Position& position) {
  const auto is_proven = [&](const std::string& name) {
    const auto found = proof.columns.find(name);
    return found != proof.columns.end() && found->second.since <= position.commit_lsn;
  };
  return is_proven(column) && std::ranges::all_of(key, is_proven, &ToastPlan::Column::name);
}

}  // namespace bw
