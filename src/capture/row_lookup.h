#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/lsn.h"
#include "capture/pgoutput_message.h"

// One row of a table, by its key, as it is now.

namespace bw {

class PgConnection;
class PgResult;

struct RowQuestion {
  struct Column {
    std::string name;
    uint32_t type_oid = 0;
    int32_t typmod = -1;
  };
  struct KeyPart {
    Column column;
    std::string text;  // As PostgreSQL sent it, in the database's encoding.
  };

  RelationId relation;
  std::string table;  // For messages.
  // The transaction that sent the row: an answer from before it would be older than the row.
  uint32_t xid = 0;
  Lsn commit_lsn;
  std::vector<KeyPart> key;
  std::vector<Column> columns;  // Whose values are wanted.
};

// A value as the stream would send it.
struct ReadValue {
  bool is_null = false;
  std::string text;
};

// By RowQuestion::columns. Nothing where the table has no such column now: not of this name, type
// and modifier. Empty when there is no answer, or no such row.
using ReadRow = std::vector<std::optional<ReadValue>>;

// Asks through one connection. Used by one thread. Errors are those of PgConnection, which is not
// to be used again then: a transaction may be open.
class RowLookup {
 public:
  // Sets what the connection needs: timeouts that are short for a lock (nobody's statement queues
  // behind ours for longer) and for each statement.
  explicit RowLookup(PgConnection* connection);

  // Nothing when the transaction is not yet visible to this connection, or the server does not have
  // it.
  std::optional<ReadRow> Find(const RowQuestion& question);

 private:
  // A table as the catalog had it; `version` changes with all that the SELECT relies on.
  struct Column {
    std::string name;
    std::string quoted;
    uint32_t type_oid = 0;
    int32_t typmod = -1;
    std::string key_type;  // To write a key's literal with; empty if it must not be compared.
    bool has_collation = false;
  };
  struct Description {
    std::string version;
    std::string name;  // Quoted; empty when the table is gone.
    bool is_partitioned = false;
    std::vector<Column> columns;

    // Null without one of this name, type and modifier.
    const Column* Find(const RowQuestion::Column& wanted) const;
  };

  Description Describe(const RowQuestion& question);
  // Begins a transaction in which the table has this name and these columns; false, and none, if it
  // has not.
  bool Lock(const RowQuestion& question, const Description& table);
  // Ends it. Nothing when the question's transaction is not visible.
  std::optional<ReadRow> Select(const RowQuestion& question, const Description& table,
                                const std::string& sql);
  // Empty if the table has not got that key.
  std::string SelectSql(const RowQuestion& question, const Description& table) const;
  bool IsReplayed(Lsn commit_lsn);

  PgConnection* const connection_;
  bool is_standby_ = false;
  std::unordered_map<uint32_t, Description> tables_;
};

}  // namespace bw
