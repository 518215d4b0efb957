#include "inspect/change_line.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/format.h"

namespace bw {
namespace {

// In quotes.
std::string JsonText(const std::string& text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

class LineWriter {
 public:
  explicit LineWriter(std::string* out) : out_(out) {}

  void Body(std::string_view name, const SpooledSchema* schema,
            const std::optional<std::string_view>& body) {
    *out_ += fmt::format(",\"{}\":", name);
    if (schema == nullptr || !body) {
      *out_ += "null";
      return;
    }
    try {
      schema->AppendJson(JsonStyle::kPlain, *body, out_);
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::kRow) throw;
      *out_ += "null";
      error_ = error.what();
    }
  }
  void Key(std::string_view name, const TableForm& form,
           const std::optional<std::string_view>& key) {
    Body(name, form.key ? &*form.key : nullptr, key);
  }
  void Finish() {
    if (!error_.empty()) *out_ += ",\"error\":" + JsonText(error_);
    out_->push_back('}');
  }

 private:
  std::string* const out_;
  std::string error_;
};

}  // namespace

std::optional<std::string> KeyJson(const TableForm& form,
                                   const std::optional<std::string_view>& key) {
  if (!key || !form.key) return std::nullopt;
  std::string json;
  form.key->AppendJson(JsonStyle::kPlain, *key, &json);
  return json;
}

std::string ChangeLine(const TableForm& form, const TableForm& of_old_key, const Change& change) {
  std::string line = fmt::format(
      R"({{"lsn":"{}","index":{},"op":"{}","table":{},"xid":{},"commit_time":"{}","schema":{})",
      change.position.commit_lsn.ToString(), change.position.index,
      static_cast<char>(change.operation), JsonText(form.text), change.xid,
      FormatTime(change.commit_time_us), change.schema_id.value);
  LineWriter writer(&line);
  if (change.old_key) writer.Key("old_key", of_old_key, change.old_key);
  writer.Key("key", form, change.key);
  if (change.operation == Operation::kRefused) {
    line += fmt::format(R"(,"refused_op":"{}","refused":{})",
                        static_cast<char>(RowOperation(change)), RefusedRowOf(change).details);
  } else if (change.operation != Operation::kTruncate) {
    std::optional<std::string_view> value = change.value;
    if (value && change.old_key && form.value.is_debezium()) {
      const debezium::Pair pair = debezium::SplitPair(*value);
      writer.Body("deleted", &form.value, pair.deleted);
      value = pair.created;
    }
    writer.Body("value", &form.value, value);
  }
  if (change.unavailable) line += ",\"unavailable\":" + JsonText(std::string(*change.unavailable));
  if (change.refetched) line += ",\"refetched\":" + JsonText(std::string(*change.refetched));
  writer.Finish();
  return line;
}

}  // namespace bw
