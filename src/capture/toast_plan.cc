#include "capture/toast_plan.h"

#include <algorithm>
#include <iterator>

#include "avro/postgres_type_name.h"
#include "avro/type_oid.h"
#include "base/bytes.h"
#include "base/crc32c.h"
#include "capture/toast_proof.h"

namespace bw {
namespace {

// pg_type.dat: the built-in types with typlen > 0 or that are always short, in order.
constexpr uint32_t kFixed[] = {16,   18,   19,   20,   21,   23,   24,   26,   27,   28,   29,
                               600,  601,  603,  628,  700,  701,  718,  774,  790,  829,  650,
                               869,  1082, 1083, 1114, 1184, 1186, 1266, 2202, 2203, 2204, 2205,
                               2206, 2950, 3220, 3734, 3769, 4089, 4096, 4191, 5069};
constexpr uint32_t kNameArray = 1003;
// Of a column of a fixed length, and of what a column may take beside its value: alignment, length.
constexpr size_t kFixedBytes = 64;
constexpr size_t kColumnOverhead = 8;
// Arrays, composites and jsonb have headers for each element; an array of int8 takes 8 bytes for
// the 2 of "1,", a jsonb 12 for the 3 of "1, ".
constexpr size_t kStructuredFactor = 8;
constexpr size_t kStructuredHeader = 64;

bool IsFixed(uint32_t oid, const UserTypes& types) {
  if (!IsUserTypeOid(oid)) return std::ranges::find(kFixed, oid) != std::end(kFixed);
  const auto found = types.find(oid);
  if (found == types.end()) return false;
  if (!found->second.labels.empty()) return true;
  return found->second.base_oid != 0 && IsFixed(found->second.base_oid, types);
}

// Types whose stored form is no longer than their text and a header.
bool IsStoredAsText(uint32_t oid, const UserTypes& types) {
  switch (oid) {
    case type_oid::kText:
    case type_oid::kVarchar:
    case type_oid::kBpchar:
    case type_oid::kJson:
    case type_oid::kBytea:
    case type_oid::kNumeric:
    case type_oid::kBit:
    case type_oid::kVarbit:
    case 142:  // xml
      return true;
    default:
      break;
  }
  const auto found = types.find(oid);
  return found != types.end() && found->second.base_oid != 0 &&
         IsStoredAsText(found->second.base_oid, types);
}

size_t BytesPerByte(uint32_t oid, const UserTypes& types) {
  if (IsFixed(oid, types)) return 0;
  if (IsStoredAsText(oid, types)) return 1;
  return oid == kNameArray ? kFixedBytes : kStructuredFactor;
}

}  // namespace

ToastPlan::ToastPlan(const Table& table, const UserTypes& types, ReplicaIdentity identity) {
  for (size_t i = 0; i < table.columns.size(); ++i) {
    const bw::Column& column = table.columns[i];
    bytes_per_byte_.push_back(BytesPerByte(column.type_oid, types));
    if (column.key) {
      key_.push_back({i, column.name, column.type_oid});
      // Names are never empty and have no NUL.
      key_form_ = Crc32c(std::string_view("\0", 1), Crc32c(column.name, key_form_));
    } else if (bytes_per_byte_.back() != 0) {
      columns_.push_back({i, column.name, column.type_oid});
    }
  }
  keeps_ = !columns_.empty() && !key_.empty() && identity != ReplicaIdentity::kFull;
}

void ToastPlan::KeepOnly(const TableFingerprint& seen) {
  const auto is_out = [&](const Column& column) {
    const auto found = seen.columns.find(column.name);
    return found == seen.columns.end() || found->second.type_oid != column.type_oid;
  };
  std::erase_if(columns_, is_out);
  keeps_ = keeps_ && !columns_.empty() && std::ranges::none_of(key_, is_out);
}

bool ToastPlan::KeyOf(std::span<const TextValue> values, std::span<const TextValue> old_values,
                      std::string* key) const {
  key->clear();
  for (const Column& column : key_) {
    const bool is_toasted = values[column.index].kind == TextValue::Kind::kUnchangedToast;
    if (is_toasted && old_values.empty()) return false;
    const TextValue& value = is_toasted ? old_values[column.index] : values[column.index];
    if (value.kind != TextValue::Kind::kText) return false;
    AppendU32(key, static_cast<uint32_t>(value.text.size()));
    key->append(value.text);
  }
  return true;
}

size_t ToastPlan::BytesMax(size_t index, const TextValue& value) const {
  if (value.kind != TextValue::Kind::kText) return 0;
  const size_t factor = bytes_per_byte_[index];
  if (factor == 0) return std::min(value.text.size(), kFixedBytes);
  if (factor == 1) return value.text.size();
  return value.text.size() * factor + kStructuredHeader;
}

bool ToastPlan::IsWide(std::span<const TextValue> values, bool has_external) const {
  constexpr size_t kThreshold = 2'000;
  if (has_external) return true;
  size_t bytes = values.size() / 8;
  for (size_t i = 0; i < values.size(); ++i) bytes += BytesMax(i, values[i]) + kColumnOverhead;
  return bytes > kThreshold;
}

bool ToastPlan::MayBeExternal(const Column& column, const TextValue& value) const {
  constexpr size_t kPointerBytes = 24;
  return BytesMax(column.index, value) + kColumnOverhead > kPointerBytes;
}

}  // namespace bw
