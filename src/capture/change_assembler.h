#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>

#include "avro/row_form.h"
#include "base/error.h"
#include "capture/pgoutput_message.h"
#include "capture/relation_cache.h"
#include "capture/toast_values.h"
#include "spool/change.h"
#include "spool/spool_state.h"

namespace bw {

// The outcome of one message.
enum class Assembled {
  kNothing,           // Nothing to append: a Begin, a filtered row, a captured transaction, ...
  kChange,            // change() is to be appended.
  kTransaction,       // The transaction of the preceding changes ended: end().
  kEmptyTransaction,  // A transaction without a change for us ended: end(). Like idle WAL.
};

// A change that cannot be published completely, because no key identifies its row: it comes out
// without its old key, or not at all.
struct KeylessChange {
  Operation operation = Operation::kDelete;
  Position position;
  // The key column for which PostgreSQL sent no value; empty when the table has no known key.
  std::string column;
};

// Assembles decoded messages into changes with positions. A pure state machine: it reaches the
// outside only through its hooks.
//
// Invariants:
// - The index counts a transaction's Insert, Update, Delete and Truncate messages as PostgreSQL
//   sends them, whether or not they result in a change: decoding the same WAL again gives the same
//   positions, whatever our filters are.
// - Changes at or below `captured` are counted and dropped.
// - Positions of the resulting changes rise.
// - A message that is not valid in the current state is a Halt error that names the LSN; its
//   transaction is never ended.
class ChangeAssembler {
 public:
  struct Hooks {
    // The spool's id for a schema; called at a table's first row of each form.
    std::function<SchemaId(const TableSchema&)> add_schema;
    // A row that its schema cannot hold, decided by --on-error: throw to stop before it; return
    // true to have it come out as a kRefused change, false to continue without it.
    std::function<bool(const Error& error, Position position)> row_refused;
    // A TRUNCATE of selected tables, decided by --on-truncate: as row_refused, but true to have it
    // come out as a kTruncate change. May be empty.
    std::function<bool(const std::string& tables, Lsn commit_lsn)> truncated;
    // A transaction begins; called before anything of it counts. May be empty.
    std::function<void(const BeginMessage& message)> begun;
    // A relation is new to this connection, or was altered.
    std::function<void(const CachedRelation& relation)> relation_changed;
    // The first row of a relation in this form that is not captured yet is about to come out, or to
    // be dropped if the relation is not selected.
    std::function<void(const CachedRelation& relation, Position position)> relation_used;
    // Microseconds since 1970-01-01 UTC. Only for --envelope=debezium.
    std::function<int64_t()> wall_micros;
    // A change whose key, or old key, is not known.
    std::function<void(const CachedRelation& relation, const KeylessChange& change)> keyless;
  };

  // `captured` is the spool's when the connection began; `cache` and `toast` are the connection's.
  // Without `toast`, nothing but old tuples has unchanged TOASTed values.
  ChangeAssembler(const Progress& captured, RelationCache* cache, Hooks hooks,
                  ToastValues* toast = nullptr)
      : captured_(captured),
        cache_(cache),
        hooks_(std::move(hooks)),
        toast_(toast == nullptr ? &no_toast_ : toast) {}
  ChangeAssembler(const ChangeAssembler&) = delete;
  ChangeAssembler& operator=(const ChangeAssembler&) = delete;

  // `wal_start` is where in the WAL the server has the message from; only envelopes have it.
  Assembled Handle(const PgoutputMessage& message, Lsn wal_start = {});

  // After kChange, until the next Handle. Its views point into buffers of this object.
  const Change& change() const { return change_; }
  // After kTransaction and kEmptyTransaction.
  const TransactionEnd& end() const { return end_; }
  bool in_transaction() const { return transaction_.has_value(); }
  // Of the transaction being received, else of the newest one.
  Lsn commit_lsn() const { return transaction_ ? transaction_->commit_lsn : last_commit_lsn_; }
  // Of the transaction being received: its rows so far, and the table of the latest row or
  // announcement; "" for none.
  uint64_t rows_received() const { return transaction_ ? transaction_->next_index : 0; }
  std::string newest_table() const;
  // Rows with a placeholder for an unchanged TOASTed value, which was not found anywhere.
  uint64_t unavailable_values() const { return unavailable_values_; }

 private:
  struct Transaction {
    Lsn commit_lsn;
    int64_t commit_time_us = 0;
    uint32_t xid = 0;
    uint64_t next_index = 0;
    bool has_changes = false;  // Something came out of it.
    bool is_captured = false;  // All of it is at or below `captured`.
  };

  Assembled On(const BeginMessage& message);
  Assembled On(const CommitMessage& message);
  Assembled On(const OriginMessage& message);
  Assembled On(const RelationMessage& message);
  Assembled On(const TypeMessage& message);
  Assembled On(const InsertMessage& message);
  Assembled On(const UpdateMessage& message);
  Assembled On(const DeleteMessage& message);
  Assembled On(const TruncateMessage& message);
  Assembled On(const LogicalMessage& message);

  // Counts a row change. Null when it is filtered out, or captured already.
  CachedRelation* CountRow(RelationId id, size_t column_count, const char* what);
  // Whether the tuple has a value in each key column; tells the hook if not.
  bool RequireKey(Operation operation, const CachedRelation& relation,
                  std::span<const TextValue> values) const;
  void TellKeyless(Operation operation, const CachedRelation& relation,
                   const std::string& column) const;
  // The forms of a change's row (of its key, if that is all it has) and of its old key.
  struct Forms {
    RowForm row = RowForm::kNative;
    RowForm old_key = RowForm::kNative;
  };
  SchemaId SchemaIdOf(CachedRelation* relation, RowForm form) const;
  SchemaId AnySchemaIdOf(CachedRelation* relation) const;
  // The same changes as Debezium's envelopes, their key too: envelope_changes.cc. `values` are the
  // new row's.
  Forms EncodeEnvelope(const CachedRelation& relation, std::span<const TextValue> values);
  Forms EncodeEnvelope(const CachedRelation& relation, const UpdateMessage& message,
                       std::span<const TextValue> values, bool has_old_key);
  Forms EncodeEnvelope(const CachedRelation& relation, const DeleteMessage& message);
  void ForgetKeys();
  debezium::Event EventOf(char operation) const;
  // Runs `encode`, which returns Forms. A row error goes to the hook, and then there is nothing to
  // append, or a kRefused change with the texts of `values`.
  template <typename Encode>
  Assembled Emit(Operation operation, CachedRelation* relation, std::span<const TextValue> values,
                 Encode encode);
  void MakeRefused(Operation operation, CachedRelation* relation, std::span<const TextValue> values,
                   const Error& error);
  SchemaId EncodeRefusedKey(CachedRelation* relation, std::span<const TextValue> values);
  Forms EncodeUpdate(const CachedRelation& relation, const UpdateMessage& message,
                     std::span<const TextValue> values, bool has_old_key);
  // Encodes the key of the row into key_, and sets it in the change.
  void EncodeKey(const RowEncoder& encoder, std::span<const TextValue> values,
                 std::span<const TextValue> old_values);
  bool EncodeOldKey(const RowEncoder& encoder, std::span<const TextValue> old_values,
                    RowForm* form);
  // Encodes the value, in which unchanged TOASTed values are filled in by `toast_` already.
  RowForm EncodeValue(const RowEncoder& encoder, std::span<const TextValue> values);
  ToastValues::Row ToastRowOf(const CachedRelation& relation) const {
    return {relation, change_.position, change_.xid};
  }
  // Sets the change's `unavailable` and `refetched`.
  void NameUnsentFields();
  void RequireTransaction(const char* what) const;
  [[noreturn]] void Violation(const std::string& problem) const;

  const Progress captured_;
  RelationCache* const cache_;
  const Hooks hooks_;
  ToastValues no_toast_{nullptr, {}};
  ToastValues* const toast_;
  std::optional<Transaction> transaction_;
  std::optional<RelationId> newest_relation_;
  Lsn last_commit_lsn_;  // Of the newest transaction that ended on this connection.
  Lsn last_end_lsn_;
  Lsn wal_start_;  // Of the message being handled.
  Change change_;
  TransactionEnd end_;
  uint64_t unavailable_values_ = 0;
  std::string old_key_;
  std::string key_;
  std::string value_;
};

// The schemas of a table's rows of one form as the spool keeps them.
TableSchema MakeTableSchema(const Table& table, RowForm form = RowForm::kNative);

}  // namespace bw
