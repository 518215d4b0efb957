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
// key, is found elsewhere: in what the spool has kept, and in the catalog, which is as of now while
// the stream's rows are of their time. What comes of it:
enum class KeyCertainty {
  kKnown,
  kGuessed,  // The table has changed since; these are probably the columns.
  kUnknown,  // Rows get a null key, and deletes cannot be published.
};

struct FullKey {
  std::vector<std::string> columns;  // In table order.
  KeyCertainty certainty = KeyCertainty::kKnown;
};

// The key of a relation with these columns. `kept` is the spool's, which counts if it is a primary
// key's; `read_current` asks the catalog (none when the table is no more), and is only called when
// the relation is not as `kept` says. Pure but for that.
FullKey ChooseFullKey(const std::vector<TableKey::Column>& relation,
                      const std::optional<TableKey>& kept,
                      const std::function<std::optional<TableKey>()>& read_current);

// The index that identifies a table's rows, as the catalog has it.
struct IdentityKey {
  std::vector<std::string> columns;  // In table order.
  bool has_generated = false;        // One of them is generated: PostgreSQL does not send it.
  bool table_has_generated = false;  // Any column of the table, in the key or not.
};

// The key of a relation with another replica identity than FULL: the columns that the stream has
// marked, unless they are only a part of it, since the others are not sent: then none. The stream
// does not tell. That a column is generated is believed of the past, too: such a table is read
// again when it has a key. Where the spool has kept that there was no key, that may have been for a
// generated column, or for want of one that was added since: the first only where the table has
// generated columns. Of what changed more than once since, or was dropped, the marks are all that
// there is. Pure.
std::vector<std::string> ChooseMarkedKey(const TableKey& marked,
                                         const std::optional<TableKey>& kept,
                                         const std::optional<IdentityKey>& current);

// Whether `current` is another key than `kept`, as far as columns that were added, dropped or
// renamed since leave that certain. Not for a key of columns that `kept` does not have: they come
// with another form of the table, which the stream tells, or are hidden by a publication's column
// list, and the messages have no such key. Pure.
bool IsOtherKey(const TableKey& kept, const TableKey& current);

std::vector<TableKey::Column> KeyColumnsOf(const Table& table);
// What the spool keeps of a table whose key columns are marked; and without the schema, which takes
// far longer than the rest and may be refused.
TableKey TableKeyOf(uint32_t relation, const Table& table,
                    ReplicaIdentity identity = ReplicaIdentity::kDefault);
TableKey KeyFormOf(uint32_t relation, const Table& table);

}  // namespace bw
