#pragma once

#include <vector>

#include "capture/captured_table.h"
#include "capture/pg_connection.h"

namespace bw {

// SQL, for a pg_class c: whether a publication can contain it. As is_publishable_class() in the
// server's pg_publication.c: permanent ordinary and partitioned tables that are not part of the
// system (FirstNormalObjectId).
inline constexpr const char* kPublishableTable =
    "c.relkind IN ('r', 'p') AND c.relpersistence = 'p' AND c.oid >= 16384";

// SQL, for a pg_attribute a: what PostgresTypeName() needs for a user-defined type, else null. A
// domain has its base type's name, as in pgoutput's Type message.
inline constexpr const char* kTypeNameOfColumn = R"(
  CASE WHEN a.atttypid >= 10000 THEN (
    WITH RECURSIVE base(oid, typname, typtype, typbasetype) AS (
      SELECT oid, typname, typtype, typbasetype FROM pg_type WHERE oid = a.atttypid
      UNION ALL
      SELECT b.oid, b.typname, b.typtype, b.typbasetype
      FROM base JOIN pg_type b ON base.typtype = 'd' AND b.oid = base.typbasetype)
    SELECT typname FROM base WHERE typtype <> 'd') END)";

// SQL, for a pg_class c: the index that identifies rows (indexrelid, indkey, indnkeyatts), as
// RelationGetIndexList() in the server's relcache.c chooses it: a deferrable primary key does not
// count. With FULL, ours is the primary key.
inline constexpr const char* kKeyIndex = R"(
  SELECT i.indexrelid, i.indkey, i.indnkeyatts FROM pg_index i
  WHERE i.indrelid = c.oid AND i.indisvalid AND i.indimmediate AND i.indisunique
    AND i.indpred IS NULL
    AND CASE c.relreplident WHEN 'i' THEN i.indisreplident WHEN 'n' THEN false
        ELSE i.indisprimary END
  LIMIT 1)";

// Every table that FOR ALL TABLES publishes, including partitions and partitioned tables, ordered
// by name. Reads only, and never waits for a lock on a table; inside a transaction with an imported
// snapshot, as of that snapshot. A table that is dropped in the meantime may be included.
std::vector<CapturedTable> ReadTables(PgConnection* connection);

}  // namespace bw
