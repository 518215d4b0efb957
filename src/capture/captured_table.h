#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "avro/table.h"
#include "capture/pgoutput_message.h"
#include "spool/spool_state.h"

namespace bw {

// A table that a publication can hold, as the catalog describes it.
struct CapturedTable {
  uint32_t oid = 0;
  // Columns as the stream carries them (no generated ones), the key's marked: those of the replica
  // identity index, or with REPLICA IDENTITY FULL those of the primary key.
  Table table;
  ReplicaIdentity identity = ReplicaIdentity::kDefault;
  std::string key_index;  // Empty for a table without a key.
  // The generated columns of the index that would be the key, as a list for people. PostgreSQL does
  // not send them, and the rest would be one key for several rows: the table has no key.
  std::string generated_key_columns;
  bool partitioned = false;
  uint32_t root_oid = 0;  // Of the partitioned table on top, for a partition; else 0.
  // Whether PostgreSQL lets UPDATE and DELETE pass when they are published, and sends the key with
  // them. A partitioned table has an identity of its own, and each leaf's must have its key: what
  // is sent of an old row are the columns of the leaf's identity, under the root's name.
  bool has_identity = false;
  // The leaves of a partitioned table with an identity that stand in the way of has_identity.
  std::vector<TableName> unfit_leaves;
  // A unique index that would do as replica identity; empty when there is none.
  std::string candidate_index;

  bool may_select = false;           // Our role may read it.
  bool row_security = false;         // A policy would hide rows from our role;
  bool row_security_forced = false;  // which owns the table.
  int64_t rows_estimate = -1;        // The planner's; -1 for unknown.
  int64_t bytes = 0;                 // On disk, with partitions, as of the last VACUUM or ANALYZE.

  bool keyed() const { return !key_index.empty(); }
  bool is_partition() const { return root_oid != 0; }
  std::string qualified_name() const { return table.schema + "." + table.name; }
};

}  // namespace bw
