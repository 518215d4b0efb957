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
  if (entries && (!plan.keeps() || *entries != plan.key_form())) cache_->EraseRelation(relation);
  return plan.keeps() ? &plan : nullptr;
}

void ToastValues::OnUnfollowed(RelationId relation) {
  if (cache_ != nullptr) cache_->EraseRelation(relation.value);
}

std::span<const TextValue> ToastValues::OnInsert(const Row& row,
                                                 std::span<const TextValue> values) {
  return Change(row, values, {}, /*has_history=*/false);
}

std::span<const TextValue> ToastValues::OnUpdate(const Row& row, std::span<const TextValue> values,
                                                 std::span<const TextValue> old_values) {
  return Change(row, values, old_values, /*has_history=*/true);
}

void ToastValues::OnDelete(const Row& row, std::span<const TextValue> old_values) {
  const ToastPlan* const plan = Follow(row);
  if (plan == nullptr || !FindKeys(row, *plan, old_values, {})) return;
  EraseRow(row, *plan, key_);
}

std::span<const TextValue> ToastValues::Change(const Row& row, std::span<const TextValue> values,
                                               std::span<const TextValue> old_values,
                                               bool has_history) {
  unavailable_.clear();
  refetched_.clear();
  unknown_.clear();
  read_again_.clear();
  found_.clear();
  const ToastPlan* plan = Follow(row);
  if (plan != nullptr && !FindKeys(row, *plan, values, old_values)) plan = nullptr;
  if (!has_history) former_key_.reset();
  const bool has_external = std::ranges::any_of(values, IsUnchanged);
  const bool is_wide = plan != nullptr && plan->IsWide(values, has_external);
  const bool relies = is_wide && Rely(row);
  if (has_external) values = Fill(row, relies ? plan : nullptr, values, old_values);
  if (plan != nullptr) {
    if (former_key_ && *former_key_ != key_) EraseRow(row, *plan, *former_key_);
    if (relies) {
      Keep(row, *plan, values);
    } else {
      EraseRow(row, *plan, key_);
    }
  }
  // After Keep(): what is read again is not kept.
  if (!unknown_.empty()) {
    ReadAgain(row);
    NameFields(row);
  }
  return values;
}

// With the key that the row has since this change: under its former one there is another by now, or
// none.
std::optional<RowQuestion> ToastValues::QuestionFor(const Row& row) const {
  const bw::Table& table = row.relation.table;
  RowQuestion question{
      row.relation.id, row.relation.name(), row.xid, row.position.commit_lsn, {}, {}};
  for (size_t i = 0; i < table.columns.size(); ++i) {
    const Column& column = table.columns[i];
    if (!column.key) continue;
    if (filled_[i].kind != Kind::kText) return std::nullopt;
    question.key.push_back(
        {{column.name, column.type_oid, column.typmod}, std::string(filled_[i].text)});
  }
  if (question.key.empty()) return std::nullopt;
  for (const size_t index : unknown_) {
    const Column& column = table.columns[index];
    question.columns.push_back({column.name, column.type_oid, column.typmod});
  }
  return question;
}

void ToastValues::ReadAgain(const Row& row) {
  if (!read_) return;
  const std::optional<RowQuestion> question = QuestionFor(row);
  if (!question) return;
  row_now_ = read_(*question);
  if (row_now_.empty()) return;
  std::vector<size_t> still_unknown;
  for (size_t i = 0; i < unknown_.size(); ++i) {
    const std::optional<ReadValue>& value = row_now_.at(i);
    if (!value) {
      still_unknown.push_back(unknown_[i]);
      continue;
    }
    filled_[unknown_[i]] = value->is_null ? TextValue::Null() : TextValue::Text(value->text);
    read_again_.push_back(unknown_[i]);
  }
  unknown_ = std::move(still_unknown);
}

void ToastValues::NameFields(const Row& row) {
  unavailable_ = NamesOf(row, unknown_);
  refetched_ = NamesOf(row, read_again_);
  counts_.unavailable += unknown_.size();
  counts_.refetched += read_again_.size();
}

std::span<const TextValue> ToastValues::WithoutRefetched(const Row& row) {
  counts_.unavailable -= unknown_.size();
  counts_.refetched -= read_again_.size();
  for (const size_t index : read_again_) {
    filled_[index] = TextValue::UnchangedToast();
    unknown_.push_back(index);
  }
  read_again_.clear();
  std::ranges::sort(unknown_);
  NameFields(row);
  return filled_;
}

bool ToastValues::FindKeys(const Row& row, const ToastPlan& plan, std::span<const TextValue> values,
                           std::span<const TextValue> old_values) {
  bool found = plan.KeyOf(values, old_values, &key_);
  former_key_.emplace();
  if (old_values.empty()) {
    *former_key_ = key_;
  } else {
    found = plan.KeyOf(old_values, {}, &*former_key_) && found;
  }
  if (!found) cache_->EraseRelation(row.relation.id.value);
  return found;
}

void ToastValues::EraseRow(const Row& row, const ToastPlan& plan, std::string_view key) {
  const ToastRow gone{row.relation.id.value, plan.key_form(), key};
  for (const ToastPlan::Column& column : plan.columns()) cache_->Erase(gone, column.name);
}

// A null in an old tuple means "not sent", as RowEncoder::EncodeValue has it.
std::span<const TextValue> ToastValues::Fill(const Row& row, const ToastPlan* plan,
                                             std::span<const TextValue> values,
                                             std::span<const TextValue> old_values) {
  filled_.assign(values.begin(), values.end());
  found_.assign(values.size(), std::nullopt);
  for (size_t i = 0; i < filled_.size(); ++i) {
    if (!IsUnchanged(filled_[i])) continue;
    if (!old_values.empty() && old_values[i].kind == Kind::kText) {
      filled_[i] = old_values[i];
      ++counts_.old_tuple;
    } else if (plan != nullptr && former_key_ && FillFromCache(row, *plan, i)) {
      filled_[i] = TextValue::Text(found_[i]->text);
      ++counts_.cache;
    } else {
      unknown_.push_back(i);
    }
  }
  return filled_;
}

std::string ToastValues::NamesOf(const Row& row, const std::vector<size_t>& indexes) {
  std::vector<std::string>& names = TableOf(row.relation).field_names;
  if (names.empty()) names = FieldNames(row.relation.table);
  std::string list;
  for (const size_t index : indexes) {
    if (!list.empty()) list += ',';
    list += names[index];
  }
  return list;
}

bool ToastValues::FillFromCache(const Row& row, const ToastPlan& plan, size_t index) {
  const std::string& column = row.relation.table.columns[index].name;
  const auto kept = std::ranges::find(plan.columns(), index, &ToastPlan::Column::index);
  if (kept == plan.columns().end()) return false;
  const ToastRow former{row.relation.id.value, plan.key_form(), *former_key_};
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
  if (position >= TableOf(row.relation).announced) return true;
  const ToastProof* const proof = cache_->FindProof(row.relation.id.value);
  return proof != nullptr && IsProven(*proof, plan.key(), column, position);
}

bool ToastValues::Rely(const Row& row) {
  Table& table = TableOf(row.relation);
  if (table.looked) return table.plan->keeps();
  if (!look_ || invisible_xid_ == row.xid) return false;
  const uint32_t relation = row.relation.id.value;
  const bool may_wait = !invisible_xid_;
  const std::optional<TableFingerprint> seen = look_(row.relation.id, row.xid, may_wait);
  if (!seen) {
    invisible_xid_ = row.xid;
    return false;
  }
  table.looked = true;
  table.plan->KeepOnly(*seen);
  if (!table.plan->keeps()) {
    cache_->EraseRelation(relation);
    return false;
  }
  cache_->NoteProof(relation, MergeProof(cache_->FindProof(relation), *seen, seen->lsn));
  return true;
}

void ToastValues::Keep(const Row& row, const ToastPlan& plan, std::span<const TextValue> values) {
  const ToastRow now{row.relation.id.value, plan.key_form(), key_};
  const bool has_moved = former_key_ != key_;
  for (const ToastPlan::Column& column : plan.columns()) {
    const TextValue& value = values[column.index];
    const ToastValue* const found =
        !found_.empty() && found_[column.index].has_value() ? &*found_[column.index] : nullptr;
    if (!has_moved && (found != nullptr || IsUnchanged(value))) continue;  // It is as it was.
    if (value.kind != Kind::kText || !plan.MayBeExternal(column, value)) {
      cache_->Erase(now, column.name);
      continue;
    }
    const Position sent = found != nullptr ? found->position : row.position;
    cache_->Put(now, column.name, {sent, std::string(value.text)});
  }
}

}  // namespace bw
