#include "capture/change_assembler.h"

#include <fmt/format.h>

#include <variant>

#include "avro/schema_builder.h"
#include "base/halt.h"
#include "base/shown_text.h"
#include "capture/envelope_changes.h"

namespace bw {

namespace {

// Whether keys of these two forms have different schemas.
bool HaveDifferentKeys(RowForm left, RowForm right) {
  return (left == RowForm::kTextBesideInKey) != (right == RowForm::kTextBesideInKey);
}

}  // namespace

TableSchema MakeTableSchema(const Table& table, RowForm form) {
  return {table.schema, table.name, BuildKeySchema(table, form), BuildValueSchema(table, form)};
}

Assembled ChangeAssembler::Handle(const PgoutputMessage& message, Lsn wal_start) {
  wal_start_ = wal_start;
  return std::visit([this](const auto& typed) { return On(typed); }, message);
}

void ChangeAssembler::Violation(const std::string& problem) const {
  throw UnexpectedHalt(fmt::format("PostgreSQL's stream is inconsistent at commit LSN {}: {}",
                                   commit_lsn().ToString(), problem));
}

void ChangeAssembler::RequireTransaction(const char* what) const {
  if (!transaction_) Violation(fmt::format("{} outside of a transaction", what));
}

Assembled ChangeAssembler::On(const BeginMessage& message) {
  if (transaction_) {
    Violation(fmt::format("Begin of {} inside of a transaction", message.commit_lsn.ToString()));
  }
  if (!message.commit_lsn.valid()) Violation("Begin with commit LSN 0/0");
  // Adjacent transactions share an LSN: one's end is the next one's start.
  if (message.commit_lsn <= last_commit_lsn_ || message.commit_lsn < last_end_lsn_) {
    Violation(fmt::format("a transaction of {} follows it", message.commit_lsn.ToString()));
  }
  if (hooks_.begun) hooks_.begun(message);
  Transaction transaction;
  transaction.commit_lsn = message.commit_lsn;
  transaction.commit_time_us = message.commit_time_us;
  transaction.xid = message.xid;
  // Not by captured_.end_lsn: beyond the newest change, it is only what a server has said about its
  // idle WAL, and a server that was restored since may have changes there.
  transaction.is_captured = Position::EndOf(message.commit_lsn) <= captured_.position;
  transaction_ = transaction;
  return Assembled::kNothing;
}

Assembled ChangeAssembler::On(const CommitMessage& message) {
  RequireTransaction("Commit");
  if (message.commit_lsn != transaction_->commit_lsn) {
    Violation(fmt::format("Commit of {}", message.commit_lsn.ToString()));
  }
  if (message.end_lsn <= message.commit_lsn) {
    Violation(fmt::format("it ends at {}", message.end_lsn.ToString()));
  }
  const bool was_captured = transaction_->is_captured;
  const bool has_changes = transaction_->has_changes;
  last_commit_lsn_ = message.commit_lsn;
  last_end_lsn_ = message.end_lsn;
  end_ = {message.commit_lsn, message.end_lsn, transaction_->xid, transaction_->commit_time_us};
  transaction_.reset();
  if (was_captured) return Assembled::kNothing;
  return has_changes ? Assembled::kTransaction : Assembled::kEmptyTransaction;
}

Assembled ChangeAssembler::On(const OriginMessage&) {
  RequireTransaction("Origin");
  return Assembled::kNothing;
}

std::string ChangeAssembler::newest_table() const {
  const CachedRelation* relation = newest_relation_ ? cache_->Find(*newest_relation_) : nullptr;
  return relation == nullptr ? "" : relation->name();
}

Assembled ChangeAssembler::On(const RelationMessage& message) {
  newest_relation_ = message.id;
  const uint32_t xid = transaction_ ? transaction_->xid : 0;
  if (cache_->AddRelation(message, xid) && hooks_.relation_changed) {
    hooks_.relation_changed(*cache_->Find(message.id));
  }
  return Assembled::kNothing;
}

Assembled ChangeAssembler::On(const TypeMessage& message) {
  cache_->AddType(message);
  return Assembled::kNothing;
}

Assembled ChangeAssembler::On(const LogicalMessage&) { return Assembled::kNothing; }

CachedRelation* ChangeAssembler::CountRow(RelationId id, size_t column_count, const char* what) {
  RequireTransaction(what);
  const Position position{transaction_->commit_lsn, transaction_->next_index++};
  newest_relation_ = id;
  CachedRelation* relation = cache_->Find(id);
  if (relation == nullptr) {
    Violation(fmt::format("{} for relation {}, which was never announced", what, id.value));
  }
  if (column_count != relation->table.columns.size()) {
    Violation(fmt::format("{} with {} columns for table {}, which has {}", what, column_count,
                          Printable(relation->name()), relation->table.columns.size()));
  }
  if (transaction_->is_captured || position <= captured_.position) return nullptr;
  change_ = Change{};
  change_.position = position;
  change_.xid = transaction_->xid;
  change_.commit_time_us = transaction_->commit_time_us;
  if (!relation->used && hooks_.relation_used) hooks_.relation_used(*relation, position);
  relation->used = true;
  return relation->selected ? relation : nullptr;
}

void ChangeAssembler::TellKeyless(Operation operation, const CachedRelation& relation,
                                  const std::string& column) const {
  if (hooks_.keyless) hooks_.keyless(relation, {operation, change_.position, column});
}

// Index columns of an identity are NOT NULL, so a null is a column that was not sent: the row is of
// a partition whose replica identity has other columns than its root's.
bool ChangeAssembler::RequireKey(Operation operation, const CachedRelation& relation,
                                 std::span<const TextValue> values) const {
  const std::string* column = relation.encoder.NullInKey(values);
  if (column != nullptr) TellKeyless(operation, relation, *column);
  return column == nullptr;
}

SchemaId ChangeAssembler::SchemaIdOf(CachedRelation* relation, RowForm form) const {
  std::optional<SchemaId>& id = relation->schema_ids[static_cast<size_t>(form)];
  if (!id) {
    id = hooks_.add_schema(relation->envelope
                               ? MakeEnvelopeSchema(relation->table, *relation->envelope, form)
                               : MakeTableSchema(relation->table, form));
  }
  return *id;
}

template <typename Encode>
Assembled ChangeAssembler::Emit(Operation operation, CachedRelation* relation, Encode encode) {
  old_key_.clear();
  key_.clear();
  value_.clear();
  try {
    const Forms forms = encode();
    change_.schema_id = SchemaIdOf(relation, forms.row);
    if (change_.old_key && HaveDifferentKeys(forms.old_key, forms.row)) {
      change_.old_key_schema_id = SchemaIdOf(relation, forms.old_key);
    }
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kRow) throw;
    hooks_.row_refused(error, change_.position);
    return Assembled::kNothing;
  }
  change_.operation = operation;
  transaction_->has_changes = true;
  return Assembled::kChange;
}

Assembled ChangeAssembler::On(const InsertMessage& message) {
  CachedRelation* relation = CountRow(message.relation, message.values.size(), "Insert");
  if (relation == nullptr || !RequireKey(Operation::kInsert, *relation, message.values)) {
    return Assembled::kNothing;
  }
  return Emit(Operation::kInsert, relation, [&] {
    if (relation->envelope) return EncodeEnvelope(*relation, message);
    const RowEncoder& encoder = relation->encoder;
    const Forms forms{encoder.EncodeValue(message.values, {}, &value_).form};
    change_.value = value_;
    if (!encoder.has_key()) return forms;
    encoder.EncodeKey(message.values, {}, &key_);
    change_.key = key_;
    return forms;
  });
}

Assembled ChangeAssembler::On(const UpdateMessage& message) {
  CachedRelation* relation = CountRow(message.relation, message.values.size(), "Update");
  if (message.old_tuple != OldTuple::kNone && message.old_values.size() != message.values.size()) {
    Violation(fmt::format("Update with {} old and {} new columns", message.old_values.size(),
                          message.values.size()));
  }
  if (relation == nullptr || !RequireKey(Operation::kUpdate, *relation, message.values)) {
    return Assembled::kNothing;
  }
  // The new row is worth publishing even if its old key is unknown.
  const bool has_old_key = message.old_tuple != OldTuple::kNone && relation->encoder.has_key() &&
                           RequireKey(Operation::kUpdate, *relation, message.old_values);
  return Emit(Operation::kUpdate, relation, [&] {
    if (relation->envelope) return EncodeEnvelope(*relation, message, has_old_key);
    const RowEncoder& encoder = relation->encoder;
    const RowEncoder::Result result =
        encoder.EncodeValue(message.values, message.old_values, &value_);
    change_.value = value_;
    if (result.has_unavailable_value) ++unavailable_values_;
    Forms forms{result.form};
    if (!encoder.has_key()) return forms;
    encoder.EncodeKey(message.values, message.old_values, &key_);
    change_.key = key_;
    // An old tuple may also come because the key is TOASTed, or with REPLICA IDENTITY FULL.
    if (!has_old_key) return forms;
    forms.old_key = encoder.EncodeKey(message.old_values, {}, &old_key_);
    if (old_key_ != key_ || HaveDifferentKeys(forms.old_key, forms.row)) {
      change_.old_key = old_key_;
    }
    return forms;
  });
}

Assembled ChangeAssembler::On(const DeleteMessage& message) {
  CachedRelation* relation = CountRow(message.relation, message.old_values.size(), "Delete");
  if (relation == nullptr) return Assembled::kNothing;
  // Without a key there can be no tombstone, but an envelope holds the whole row.
  const bool is_whole = message.old_tuple == OldTuple::kFull;
  if (!relation->encoder.has_key() && !(relation->envelope && is_whole)) {
    TellKeyless(Operation::kDelete, *relation, "");
    return Assembled::kNothing;
  }
  if (!RequireKey(Operation::kDelete, *relation, message.old_values)) return Assembled::kNothing;
  return Emit(Operation::kDelete, relation, [&] {
    if (relation->envelope) return EncodeEnvelope(*relation, message);
    const Forms forms{relation->encoder.EncodeKey(message.old_values, {}, &key_)};
    change_.key = key_;
    return forms;
  });
}

Assembled ChangeAssembler::On(const TruncateMessage& message) {
  RequireTransaction("Truncate");
  std::string tables;
  for (const RelationId id : message.relations) {
    const CachedRelation* relation = cache_->Find(id);
    if (relation == nullptr) {
      Violation(fmt::format("Truncate of relation {}, which was never announced", id.value));
    }
    if (!relation->selected) continue;
    if (!tables.empty()) tables += ", ";
    tables += relation->name();
  }
  if (!tables.empty() && !transaction_->is_captured && hooks_.truncated) {
    hooks_.truncated(tables, transaction_->commit_lsn);
  }
  return Assembled::kNothing;
}

}  // namespace bw
