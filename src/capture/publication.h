#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "avro/table.h"
#include "capture/pg_connection.h"

namespace bw {

// The first version with publish_via_partition_root.
inline constexpr int kFirstWithViaRoot = 130000;

// A table as one publication publishes it, like a row of pg_publication_tables. With
// publish_via_partition_root, the partitioned table represents its partitions.
struct PublishedTable {
  std::string schema;
  std::string table;
  std::vector<std::string> columns;  // Empty for all (and before PostgreSQL 15).
  uint32_t row_filter = 0;           // OID of the pg_publication_rel row; 0 for none.
  // Without a column list: whether the stored generated ones are among all. Since PostgreSQL 18.
  bool with_generated = false;

  // Whether the stream has this stored generated column.
  bool PublishesGenerated(const std::string& column) const;
};

struct Publication {
  std::string name;
  bool all_tables = false;
  bool publishes_insert = false;
  bool publishes_update = false;
  bool publishes_delete = false;
  bool via_root = false;
  std::vector<PublishedTable> tables;

  const PublishedTable* Find(const std::string& schema, const std::string& table) const;
  const PublishedTable* Find(const Table& table) const { return Find(table.schema, table.name); }
};

// Whether any of them publishes the table under its own name.
bool IsPublished(const std::vector<Publication>& publications, const Table& table);

// Those of the named publications that exist, in the order of the names. Reads only catalog rows,
// so unlike pg_publication_tables it never waits for a lock on a table.
std::vector<Publication> ReadPublications(PgConnection* connection,
                                          const std::vector<std::string>& names);
// The same, without what they publish.
std::vector<std::string> ExistingPublications(PgConnection* connection,
                                              const std::vector<std::string>& names);

}  // namespace bw
