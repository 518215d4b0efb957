#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "avro/table.h"
#include "base/format.h"
#include "capture/pgoutput_message.h"
#include "capture/user_types.h"
#include "spool/spool_state.h"

namespace bw {

// A stored generated column. PostgreSQL 18 sends it where the publication says so
// (publish_generated_columns, or a column list); older versions, and our own publications, never
// do.
struct GeneratedColumn {
  Column column;
  size_t place = 0;  // How many of Table::columns come before it.
};

// A table that a publication can hold, as the catalog describes it.
struct CapturedTable {
  uint32_t oid = 0;
  // Columns as the stream carries them (no generated ones), with the key columns marked: those of
  // the replica identity index, or with REPLICA IDENTITY FULL those of the primary key.
  Table table;
  std::vector<GeneratedColumn> generated_columns;
  UserTypes user_types;  // Of which the columns consist.
  ReplicaIdentity identity = ReplicaIdentity::kDefault;
  std::string key_index;  // Empty for a table without a key.
  // The generated columns of the index that would be the key, as a list for messages. PostgreSQL
  // does not send them, and without them several rows could share a key: the table has no key.
  std::string generated_key_columns;
  bool partitioned = false;
  uint32_t root_oid = 0;             // Of a partition: its topmost partitioned table; else 0.
  bool has_virtual_columns = false;  // Generated ones that no version sends. Since PostgreSQL 18.
  // REPLICA IDENTITY FULL counts generated columns in PostgreSQL 18: it refuses UPDATE and DELETE
  // where they are published without these columns. Whether it would for this table, and whether it
  // does: for the table, or for a partition of it.
  bool full_is_no_remedy = false;
  bool full_is_refused = false;
  // Whether PostgreSQL allows UPDATE and DELETE when they are published, and sends the key with
  // them. A partitioned table has a replica identity of its own, and that of each leaf must contain
  // its key: of an old row, PostgreSQL sends the columns of the leaf's identity, under the root's
  // name.
  bool has_identity = false;
  // The leaves that prevent a partitioned table with an identity from having has_identity, and
  // whether PostgreSQL refuses UPDATE and DELETE of one of them: it has no identity at all.
  std::vector<TableName> unfit_leaves;
  bool refuses_in_leaves = false;
  // A unique index that could be the replica identity; empty when there is none.
  std::string candidate_index;

  bool may_use_schema = false;       // Our role may look into its schema, ...
  bool may_select = false;           // ... and read the table.
  bool row_security = false;         // A policy would hide rows from our role, ...
  bool row_security_forced = false;  // ... which owns the table: forced on owners.
  int64_t rows_estimate = -1;        // The planner's; -1 if unknown.
  int64_t bytes = 0;                 // On disk, with partitions, as of the last VACUUM or ANALYZE.

  bool keyed() const { return !key_index.empty(); }
  bool is_partition() const { return root_oid != 0; }
  TableName name() const { return {table.schema, table.name}; }
  std::string qualified_name() const { return name().qualified(); }
};

// "public.a, public.b and 3 more", of a range of TableNames.
template <class Names>
std::string FormatTables(const Names& names, size_t max = 10) {
  std::vector<std::string> texts;
  for (const TableName& name : names) texts.push_back(name.qualified());
  return FormatList(texts, max);
}

}  // namespace bw
