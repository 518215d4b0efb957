#include "capture/change_assembler.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <variant>

#include "avro/schema_builder.h"
#include "base/bytes.h"
#include "base/halt.h"
#include "base/shown_text.h"
#include "capture/envelope_changes.h"
#include "capture/refused_row.h"

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
  toast_->OnAnnounced(message.id, transaction_
                                      ? Position{transaction_->commit_lsn, transaction_->next_index}
                                      : Position::EndOf(last_commit_lsn_));
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
  if (!relation->selected) toast_->OnUnfollowed(id);
  return relation->selected ? relation : nullptr;
}

void ChangeAssembler::TellKeyless(Operation operation, const CachedRelation& relation,
                                  const std::string& column) const {
  toast_->OnUnfollowed(relation.id);
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

void ChangeAssembler::EncodeKey(const RowEncoder& encoder, std::span<const TextValue> values,
                                std::span<const TextValue> old_values) {
  if (!encoder.has_key()) return;
  encoder.EncodeKey(values, old_values, &key_);
  change_.key = key_;
}

// False if it cannot be encoded: then no message has it, and the row is published without its
// tombstone. Else a row could not be mended by changing its key.
bool ChangeAssembler::EncodeOldKey(const RowEncoder& encoder, std::span<const TextValue> old_values,
                                   RowForm* form) {
  try {
    *form = encoder.EncodeKey(old_values, {}, &old_key_);
    return true;
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kRow) throw;
    return false;
  }
}

RowForm ChangeAssembler::EncodeValue(const RowEncoder& encoder, std::span<const TextValue> values) {
  const RowEncoder::Result result = encoder.EncodeValue(values, {}, &value_);
  change_.value = value_;
  NameUnsentFields();
  return result.form;
}

void ChangeAssembler::NameUnsentFields() {
  if (!toast_->refetched().empty()) change_.refetched = toast_->refetched();
  if (toast_->unavailable().empty()) return;
  change_.unavailable = toast_->unavailable();
  ++unavailable_values_;
}

template <typename Encode>
Assembled ChangeAssembler::Emit(Operation operation, CachedRelation* relation,
                                std::span<const TextValue> values, Encode encode) {
  old_key_.clear();
  key_.clear();
  value_.clear();
  change_.operation = operation;
  try {
    const Forms forms = encode();
    change_.schema_id = SchemaIdOf(relation, forms.row);
    if (change_.old_key && HaveDifferentKeys(forms.old_key, forms.row)) {
      change_.old_key_schema_id = SchemaIdOf(relation, forms.old_key);
    }
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kRow) throw;
    if (!hooks_.row_refused(error, change_.position)) {
      // Such a transaction is sent again after a restart, but must not move values twice.
      toast_->OnUnfollowed(relation->id);
      return Assembled::kNothing;
    }
    MakeRefused(operation, relation, values, error);
  }
  transaction_->has_changes = true;
  return Assembled::kChange;
}

// The old key is left out: what became of its row in the topics is told by the dead letter alone.
void ChangeAssembler::MakeRefused(Operation operation, CachedRelation* relation,
                                  std::span<const TextValue> values, const Error& error) {
  change_.operation = Operation::kRefused;
  change_.old_key.reset();
  change_.old_key_schema_id.reset();
  change_.key.reset();
  change_.unavailable.reset();
  change_.refetched.reset();
  change_.schema_id = EncodeRefusedKey(relation, values);
  value_.clear();
  AppendRefusedRow({operation, error.what(), relation->encoder.options().encoding}, relation->table,
                   values, &value_);
  change_.value = value_;
}

SchemaId ChangeAssembler::EncodeRefusedKey(CachedRelation* relation,
                                           std::span<const TextValue> values) {
  key_.clear();
  try {
    if (!relation->encoder.has_key()) return SchemaIdOf(relation, RowForm::kNative);
    RowForm form = RowForm::kNative;
    if (relation->envelope) {
      relation->envelope->EncodeKey(debezium::Row{values}, &key_);
    } else {
      form = relation->encoder.EncodeKey(values, {}, &key_);
    }
    const SchemaId id = SchemaIdOf(relation, form);
    change_.key = key_;
    return id;
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kRow) throw;
  }
  return hooks_.add_schema(SchemaOfRefusedTable(relation->table));
}

Assembled ChangeAssembler::On(const InsertMessage& message) {
  CachedRelation* relation = CountRow(message.relation, message.values.size(), "Insert");
  if (relation == nullptr || !RequireKey(Operation::kInsert, *relation, message.values)) {
    return Assembled::kNothing;
  }
  const auto values = toast_->OnInsert(ToastRowOf(*relation), message.values);
  return Emit(Operation::kInsert, relation, message.values, [&] {
    EncodeKey(relation->encoder, message.values, {});
    if (relation->envelope) return EncodeEnvelope(*relation, values);
    return Forms{EncodeValue(relation->encoder, values)};
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
  const auto values = toast_->OnUpdate(ToastRowOf(*relation), message.values, message.old_values);
  return Emit(Operation::kUpdate, relation, message.values, [&] {
    try {
      return EncodeUpdate(*relation, message, values, has_old_key);
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::kRow || toast_->refetched().empty()) throw;
    }
    // The value of now may be one that the schema of then cannot hold: no reason to refuse the row.
    old_key_.clear();
    key_.clear();
    value_.clear();
    change_.old_key.reset();
    const auto sent = toast_->WithoutRefetched(ToastRowOf(*relation));
    return EncodeUpdate(*relation, message, sent, has_old_key);
  });
}

ChangeAssembler::Forms ChangeAssembler::EncodeUpdate(const CachedRelation& relation,
                                                     const UpdateMessage& message,
                                                     std::span<const TextValue> values,
                                                     bool has_old_key) {
  const RowEncoder& encoder = relation.encoder;
  EncodeKey(encoder, message.values, message.old_values);
  Forms forms;
  // An old tuple may also come because the key is TOASTed, or with REPLICA IDENTITY FULL.
  const bool has_encoded = has_old_key && EncodeOldKey(encoder, message.old_values, &forms.old_key);
  if (relation.envelope) return EncodeEnvelope(relation, message, values, has_encoded);
  forms.row = EncodeValue(encoder, values);
  if (old_key_.empty()) return forms;
  if (old_key_ != key_ || HaveDifferentKeys(forms.old_key, forms.row)) {
    change_.old_key = old_key_;
  }
  return forms;
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
  toast_->OnDelete(ToastRowOf(*relation), message.old_values);
  return Emit(Operation::kDelete, relation, message.old_values, [&] {
    Forms forms;
    if (relation->encoder.has_key()) {
      forms.row = relation->encoder.EncodeKey(message.old_values, {}, &key_);
      change_.key = key_;
    }
    if (relation->envelope) return EncodeEnvelope(*relation, message);
    return forms;
  });
}

Assembled ChangeAssembler::On(const TruncateMessage& message) {
  RequireTransaction("Truncate");
  const Position position{transaction_->commit_lsn, transaction_->next_index++};
  std::vector<CachedRelation*> selected;
  std::vector<std::string> names;
  for (const RelationId id : message.relations) {
    CachedRelation* relation = cache_->Find(id);
    if (relation == nullptr) {
      Violation(fmt::format("Truncate of relation {}, which was never announced", id.value));
    }
    if (!transaction_->is_captured) toast_->OnUnfollowed(id);
    if (!relation->selected) continue;
    selected.push_back(relation);
    names.push_back(relation->name());
  }
  const bool is_captured = transaction_->is_captured || position <= captured_.position;
  if (selected.empty() || is_captured || !hooks_.truncated) return Assembled::kNothing;
  if (!hooks_.truncated(fmt::format("{}", fmt::join(names, ", ")), transaction_->commit_lsn)) {
    return Assembled::kNothing;
  }
  change_ = Change{};
  change_.position = position;
  change_.operation = Operation::kTruncate;
  change_.xid = transaction_->xid;
  change_.commit_time_us = transaction_->commit_time_us;
  value_.clear();
  for (CachedRelation* relation : selected) AppendU32(&value_, AnySchemaIdOf(relation).value);
  change_.value = value_;
  change_.schema_id = TruncatedTables(change_).front();
  transaction_->has_changes = true;
  return Assembled::kChange;
}

// For the table's name alone.
SchemaId ChangeAssembler::AnySchemaIdOf(CachedRelation* relation) const {
  try {
    return SchemaIdOf(relation, RowForm::kNative);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kRow) throw;
    return hooks_.add_schema(SchemaOfRefusedTable(relation->table));
  }
}

}  // namespace bw
