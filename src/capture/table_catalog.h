#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "capture/captured_table.h"
#include "capture/full_key.h"
#include "capture/pg_connection.h"
#include "capture/pgoutput_message.h"
#include "spool/spool_state.h"

namespace bw {

// SQL, for a pg_class c: whether a publication can contain it. As is_publishable_class() in the
// server's pg_publication.c: permanent ordinary and partitioned tables that are not part of the
// system (FirstNormalObjectId).
inline constexpr const char* kPublishableTable =
    "c.relkind IN ('r', 'p') AND c.relpersistence = 'p' AND c.oid >= 16384";

// Every table that FOR ALL TABLES publishes, including partitions and partitioned tables, ordered
// by name. Reads only, and never waits for a lock on a table; inside a transaction with an imported
// snapshot, as of that snapshot. A table that is dropped in the meantime may be included. Columns
// have the types that the stream's would have, with these forms.
std::vector<CapturedTable> ReadTables(PgConnection* connection, const TypeForms& forms);

// The primary key of one table as it is in the catalog now, whatever its replica identity: without
// columns when the table has none, or one whose columns are not all in the stream; nothing when the
// table was dropped. Reads only catalog rows, so it never waits for a lock on a table.
std::optional<TableKey> ReadPrimaryKey(PgConnection* connection, RelationId relation);

// What the catalog says of columns beyond what the stream does: by table, then by name.
using FactsByTable = std::map<uint32_t, std::map<std::string, ColumnFacts>>;
// Of these tables, as they are in the catalog now, or in an imported snapshot. Never waits for a
// lock on a table.
FactsByTable ReadColumnFacts(PgConnection* connection, const std::vector<uint32_t>& oids);
// Sets those of the table's columns that are known. A column that was dropped or renamed since has
// none.
void SetFacts(const FactsByTable& facts, uint32_t oid, Table* table);

struct TableComments {
  std::optional<std::string> of_table;
  std::map<std::string, std::string> of_columns;  // By name.
};
using CommentsByTable = std::map<uint32_t, TableComments>;
// As ReadColumnFacts. The first 2,000 characters of each. A table has none if one of them has a
// character that the session's encoding lacks.
CommentsByTable ReadComments(PgConnection* connection, const std::vector<uint32_t>& oids);
void SetComments(const CommentsByTable& comments, uint32_t oid, Table* table);

// The index that identifies the table's rows as it is in the catalog now; with REPLICA IDENTITY
// FULL, that is the primary key. Without columns when there is none; nothing when the table was
// dropped. Never waits for a lock on a table either.
std::optional<IdentityKey> ReadIdentityKey(PgConnection* connection, RelationId relation);

}  // namespace bw
