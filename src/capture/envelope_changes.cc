#include "capture/envelope_changes.h"

#include "capture/change_assembler.h"
#include "debezium/spooled_schema.h"

// What ChangeAssembler makes of a change with --envelope=debezium.

namespace bw {
namespace {

constexpr char kCreate = 'c';
constexpr char kUpdate = 'u';
constexpr char kDelete = 'd';

}  // namespace

TableSchema MakeEnvelopeSchema(const Table& table, const debezium::EnvelopeEncoder& encoder,
                               RowForm form) {
  return {table.schema, table.name, encoder.KeySchema(), encoder.ValueSchema(form)};
}

debezium::Event ChangeAssembler::EventOf(char operation) const {
  debezium::Event event;
  event.operation = operation;
  event.lsn = wal_start_;
  event.previous_end = last_end_lsn_.valid() ? last_end_lsn_ : captured_.end_lsn;
  event.xid = transaction_->xid;
  event.source_us = transaction_->commit_time_us;
  event.now_us = hooks_.wall_micros ? hooks_.wall_micros() : 0;
  return event;
}

// The cache of TOASTed values knows rows by the relay's own keys, whatever the messages' are.
void ChangeAssembler::ForgetKeys() {
  key_.clear();
  old_key_.clear();
  change_.key.reset();
}

ChangeAssembler::Forms ChangeAssembler::EncodeEnvelope(const CachedRelation& relation,
                                                       std::span<const TextValue> values) {
  const debezium::EnvelopeEncoder& encoder = *relation.envelope;
  const debezium::Row after{values};
  ForgetKeys();
  const Forms forms{encoder.Encode(EventOf(kCreate), {}, after, RowForm::kNative, &value_).form};
  change_.value = value_;
  if (!relation.encoder.has_key()) return forms;
  encoder.EncodeKey(after, &key_);
  change_.key = key_;
  return forms;
}

// An update that changes the key is a delete of the old one and then a create, as in Debezium: its
// consumers take a key for a row's identity.
ChangeAssembler::Forms ChangeAssembler::EncodeEnvelope(const CachedRelation& relation,
                                                       const UpdateMessage& message,
                                                       std::span<const TextValue> values,
                                                       bool has_old_key) {
  const debezium::EnvelopeEncoder& encoder = *relation.envelope;
  const bool is_whole = message.old_tuple == OldTuple::kFull;
  const debezium::Row old{message.old_values, {}, is_whole};
  const debezium::Row after{values, message.old_values};
  ForgetKeys();
  if (relation.encoder.has_key()) {
    encoder.EncodeKey(after, &key_);
    change_.key = key_;
  }
  if (has_old_key) encoder.EncodeKey(old, &old_key_);
  const bool is_other_key = has_old_key && old_key_ != key_;
  debezium::EnvelopeEncoder::Result result;
  if (is_other_key) {
    change_.old_key = old_key_;
    // Both in one form: they share the change's schema.
    std::string deleted;
    std::string created;
    result = encoder.Encode(EventOf(kDelete), old, {}, RowForm::kNative, &deleted);
    result = encoder.Encode(EventOf(kCreate), {}, after, result.form, &created);
    if (result.form != RowForm::kNative) {
      deleted.clear();
      encoder.Encode(EventOf(kDelete), old, {}, result.form, &deleted);
    }
    debezium::AppendPair(deleted, created, &value_);
  } else {
    const debezium::Row before = is_whole ? old : debezium::Row{};
    result = encoder.Encode(EventOf(kUpdate), before, after, RowForm::kNative, &value_);
  }
  NameUnsentFields();
  change_.value = value_;
  return {result.form};
}

ChangeAssembler::Forms ChangeAssembler::EncodeEnvelope(const CachedRelation& relation,
                                                       const DeleteMessage& message) {
  const debezium::EnvelopeEncoder& encoder = *relation.envelope;
  const debezium::Row before{message.old_values, {}, message.old_tuple == OldTuple::kFull};
  ForgetKeys();
  const Forms forms{encoder.Encode(EventOf(kDelete), before, {}, RowForm::kNative, &value_).form};
  change_.value = value_;
  if (!relation.encoder.has_key()) return forms;
  encoder.EncodeKey(before, &key_);
  change_.key = key_;
  return forms;
}

}  // namespace bw
