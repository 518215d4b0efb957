#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "avro/table.h"
#include "capture/pgoutput_message.h"
#include "spool/spool_state.h"

namespace bw {

// With REPLICA IDENTITY FULL the stream marks every column, so the key of such a table, its primary
// key, is found elsewhere: in the spool's notes, and in the catalog, which is as of now, while the
// rows are as of their transaction. How certain the result is:
enum class KeyCertainty {
  kKnown,
  kGuessed,  // The table was altered since; these are probably the columns.
  kUnknown,  // Rows get a null key, and deletes cannot be published.
};

struct FullKey {
  std::vector<std::string> columns;  // In table order.
  KeyCertainty certainty = KeyCertainty::kKnown;
};

// The key of a relation with these columns. `kept` is the spool's, which counts if it was a primary
// key; `read_current` asks the catalog (nothing if the table was dropped), and is called only when
// the relation differs from `kept`. Otherwise pure.
FullKey ChooseFullKey(const std::vector<TableKey::Column>& relation,
                      const std::optional<TableKey>& kept,
                      const std::function<std::optional<TableKey>()>& read_current);

// The index that identifies a table's rows, as the catalog has it.
struct IdentityKey {
  std::vector<std::string> columns;  // In table order.
  bool has_generated = false;        // One of them is generated: PostgreSQL does not send it.
  bool table_has_generated = false;  // Any column of the table is.
};

// The key of a relation with a replica identity other than FULL: the columns that the stream has
// marked, or none if these are only a part of the key, because the other columns are not sent. The
// stream does not tell that, but the catalog does, as of now: a column that is generated now is
// assumed to have been generated then (such a table is re-read when it gets a key). If the spool
// has noted that there was no key, then either a key column was generated, which is possible only
// if the table has generated columns, or the key was added since. If the table was altered several
// times since, or dropped, only the marks are left to go by. Pure.
std::vector<std::string> ChooseMarkedKey(const TableKey& marked,
                                         const std::optional<TableKey>& kept,
                                         const std::optional<IdentityKey>& current);

// Whether `current` is certainly another key than `kept`, given columns that were added, dropped or
// renamed since. False for a key with columns that `kept` lacks: either the table was altered,
// which the stream announces, or a publication's column list hides them, and the messages do not
// have that key. Pure.
bool IsOtherKey(const TableKey& kept, const TableKey& current);

std::vector<TableKey::Column> KeyColumnsOf(const Table& table);
// What the spool notes of a table whose key columns are marked. KeyFormOf leaves out the Avro
// schema, which takes far longer than the rest and may be refused.
TableKey TableKeyOf(uint32_t relation, const Table& table,
                    ReplicaIdentity identity = ReplicaIdentity::kDefault);
TableKey KeyFormOf(uint32_t relation, const Table& table);

}  // namespace bw
