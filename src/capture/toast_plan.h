#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "avro/table.h"
#include "avro/text_value.h"
#include "capture/pgoutput_message.h"
#include "capture/user_types.h"

namespace bw {

struct TableFingerprint;

// Which values of a table PostgreSQL may move out of line. Pure; built once per form of a table.
//
// heap_toast_insert_or_update() in PostgreSQL's heaptoast.c moves a value only if the tuple is
// longer than TOAST_TUPLE_THRESHOLD (2,032 bytes with 8 kB pages), or has a value out of line
// already (then down to toast_tuple_target, 128 bytes at least); and never a value of a fixed
// length, nor one of less than 24 bytes. The text tells neither how long the stored form is nor
// whether it could be compressed, so the length is an estimate from above. Where it is too small
// all the same, nothing is kept, and a later update has the marker: an entry is never wrong,
// because whatever is sent and not kept removes it.
class ToastPlan {
 public:
  struct Column {
    size_t index = 0;
    std::string name;
    uint32_t type_oid = 0;
  };

  ToastPlan() = default;
  ToastPlan(const Table& table, const UserTypes& types, ReplicaIdentity identity);
  // Leaves out the columns that `seen` does not have with this type, whose values cannot be relied
  // on; the whole table, if one of them is in the key. toast_proof.h says why.
  void KeepOnly(const TableFingerprint& seen);

  // Whether entries are kept for this table: it has columns that may be out of line, and a key to
  // find them by. With REPLICA IDENTITY FULL the old tuple has what an update leaves untouched.
  bool keeps() const { return keeps_; }
  // Those that may be out of line, without the key's, whose old values come with the update.
  const std::vector<Column>& columns() const { return columns_; }
  const std::vector<Column>& key() const { return key_; }
  uint32_t key_form() const { return key_form_; }
  // The key as PostgreSQL sent it: options that change how keys are published do not make it
  // another. A key column that is TOASTed is in `old_values`. False if one is not there.
  bool KeyOf(std::span<const TextValue> values, std::span<const TextValue> old_values,
             std::string* key) const;

  // Whether a tuple with these values may have any out of line. `has_external`: one is for sure.
  bool IsWide(std::span<const TextValue> values, bool has_external) const;
  // Whether this value of a wide tuple may be.
  bool MayBeExternal(const Column& column, const TextValue& value) const;

 private:
  size_t BytesMax(size_t index, const TextValue& value) const;

  bool keeps_ = false;
  std::vector<Column> columns_;
  std::vector<Column> key_;
  uint32_t key_form_ = 0;
  // Of each column, how many bytes are stored at most for a byte of text; 0: it has a fixed length.
  std::vector<size_t> bytes_per_byte_;
};

}  // namespace bw
