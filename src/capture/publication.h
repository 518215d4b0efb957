#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "capture/pg_connection.h"

namespace bw {

// A table as one publication publishes it: what pg_publication_tables has a row for. With
// publish_via_partition_root, the partitioned table stands for its partitions.
struct PublishedTable {
  std::string schema;
  std::string table;
  std::vector<std::string> columns;  // Empty for all (and before PostgreSQL 15).
  uint32_t row_filter = 0;           // The pg_publication_rel row that has it; 0 for none.
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
};

// Those of the named publications that exist, in the order of the names. Reads the catalog's rows
// only, and waits for nobody's lock on a table, as pg_publication_tables may.
std::vector<Publication> ReadPublications(PgConnection* connection,
                                          const std::vector<std::string>& names);
// The same, without what they publish.
std::vector<std::string> ExistingPublications(PgConnection* connection,
                                              const std::vector<std::string>& names);

}  // namespace bw
