#include "capture/toast_values.h"

#include <algorithm>

#include "avro/name.h"

namespace bw {
namespace {

using Kind = TextValue::Kind;

bool IsUnchanged(const TextValue& value) { return value.kind == Kind::kUnchangedToast; }

}  // namespace

void ToastValues::OnAnnounced(RelationId relation, const Position& position) {
  Table& table = tables_[relation.value];
  table = Table();
  table.announced = position;
}

ToastValues::Table& ToastValues::TableOf(const CachedRelation& relation) {
  Table& table = tables_[relation.id.value];
  if (!table.plan) table.plan.emplace(relation.table, relation.user_types, relation.identity);
  return table;
}

const ToastPlan* ToastValues::Follow(const Row& row) {
  if (cache_ == nullptr || !cache_->enabled()) return nullptr;
  const ToastPlan& plan = *TableOf(row.relation).plan;
  const uint32_t relation = row.relation.id.value;
  const std::optional<uint32_t> entries = cache_->EntriesOf(relation);
  const bool follows = plan.keeps() && row.key;
  if (entries && (!follows || *entries != plan.key_form())) cache_->EraseRelation(relation);
  return follows ? &plan : nullptr;
}

void ToastValues::OnUnfollowed(RelationId relation) {
  if (cache_ != nullptr) cache_->EraseRelation(relation.value);
}

std::span<const TextValue> ToastValues::OnInsert(const Row& row,
                                                 std::span<const TextValue> values) {
  return OnUpdate(row, std::nullopt, values, {});
}

std::span<const TextValue> ToastValues::OnUpdate(const Row& row,
                                                 std::optional<std::string_view> former_key,
                                                 std::span<const TextValue> values,
                                                 std::span<const TextValue> old_values) {
  unavailable_.clear();
  const ToastPlan* const plan = Follow(row);
  const bool has_external = std::ranges::any_of(values, IsUnchanged);
  if (has_external) values = Fill(row, plan, former_key, values, old_values);
  if (plan != nullptr) Keep(row, *plan, former_key, values, has_external);
  return values;
}

void ToastValues::OnDelete(const Row& row) {
  const ToastPlan* const plan = Follow(row);
  if (plan == nullptr) return;
  const ToastRow gone{row.relation.id.value, plan->key_form(), *row.key};
  for (const ToastPlan::Column& column : plan->columns()) cache_->Erase(gone, column.name);
}

// A null in an old tuple means "not sent", as RowEncoder::EncodeValue has it.
std::span<const TextValue> ToastValues::Fill(const Row& row, const ToastPlan* plan,
                                             std::optional<std::string_view> former_key,
                                             std::span<const TextValue> values,
                                             std::span<const TextValue> old_values) {
  filled_.assign(values.begin(), values.end());
  found_.assign(values.size(), std::nullopt);
  for (size_t i = 0; i < filled_.size(); ++i) {
    if (!IsUnchanged(filled_[i])) continue;
    if (!old_values.empty() && old_values[i].kind == Kind::kText) {
      filled_[i] = old_values[i];
      ++counts_.old_tuple;
    } else if (plan != nullptr && former_key && FillFromCache(row, *plan, *former_key, i)) {
      filled_[i] = TextValue::Text(found_[i]->text);
      ++counts_.cache;
    } else {
      AddUnavailable(row, i);
      ++counts_.unavailable;
    }
  }
  return filled_;
}

void ToastValues::AddUnavailable(const Row& row, size_t index) {
  std::vector<std::string>& names = TableOf(row.relation).field_names;
  if (names.empty()) names = FieldNames(row.relation.table);
  if (!unavailable_.empty()) unavailable_ += ',';
  unavailable_ += names[index];
}

bool ToastValues::FillFromCache(const Row& row, const ToastPlan& plan, std::string_view former_key,
                                size_t index) {
  const std::string& column = row.relation.table.columns[index].name;
  const ToastRow former{row.relation.id.value, plan.key_form(), former_key};
  found_[index] = cache_->Find(former, column);
  // A transaction of which nothing was captured is sent again after a crash, and may have left
  // values behind that are of a later change than this one.
  const bool is_earlier = found_[index] && found_[index]->position < row.position;
  if (is_earlier && IsCertain(row, plan, column, found_[index]->position)) return true;
  found_[index].reset();
  return false;
}

bool ToastValues::IsCertain(const Row& row, const ToastPlan& plan, const std::string& column,
                            const Position& position) {
  const Table& table = TableOf(row.relation);
  if (position >= table.announced) return true;
  LookAt(row);
  const ToastProof* const proof = cache_->FindProof(row.relation.id.value);
  return table.looked && proof != nullptr && IsProven(*proof, plan.key(), column, position);
}

// Once for each announcement.
void ToastValues::LookAt(const Row& row) {
  Table& table = TableOf(row.relation);
  if (table.looked || !look_ || table.invisible_xid == row.xid) return;
  const uint32_t relation = row.relation.id.value;
  const std::optional<TableFingerprint> seen = look_(row.relation.id, row.xid);
  table.looked = seen.has_value();
  if (!seen) {
    table.invisible_xid = row.xid;
    return;
  }
  cache_->NoteProof(relation, MergeProof(cache_->FindProof(relation), *seen, seen->lsn));
}

void ToastValues::Keep(const Row& row, const ToastPlan& plan,
                       std::optional<std::string_view> former_key,
                       std::span<const TextValue> values, bool has_external) {
  const uint32_t relation = row.relation.id.value;
  const ToastRow now{relation, plan.key_form(), *row.key};
  const bool has_moved = former_key != row.key;
  if (former_key && has_moved) {
    const ToastRow former{relation, plan.key_form(), *former_key};
    for (const ToastPlan::Column& column : plan.columns()) cache_->Erase(former, column.name);
  }
  const bool is_wide = plan.IsWide(values, has_external);
  bool kept_any = false;
  for (const ToastPlan::Column& column : plan.columns()) {
    const TextValue& value = values[column.index];
    const ToastValue* const found =
        has_external && found_[column.index].has_value() ? &*found_[column.index] : nullptr;
    if (!has_moved && (found != nullptr || IsUnchanged(value))) continue;  // It is as it was.
    if (value.kind != Kind::kText || !is_wide || !plan.MayBeExternal(column, value)) {
      cache_->Erase(now, column.name);
      continue;
    }
    const Position sent = found != nullptr ? found->position : row.position;
    cache_->Put(now, column.name, {sent, std::string(value.text)});
    kept_any = true;
  }
  // So that the table is known from its first entry on: a later look needs one to compare with.
  if (kept_any && cache_->FindProof(relation) == nullptr) LookAt(row);
}

}  // namespace bw
