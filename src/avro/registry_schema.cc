#include "avro/registry_schema.h"

#include <avro.h>

#include <algorithm>
#include <optional>
#include <set>
#include <vector>

#include "avro/json_text.h"
#include "avro/json_writer.h"
#include "base/delete_by.h"
#include "base/error.h"
#include "base/json_depth.h"
#include "base/log.h"
#include "base/utf8.h"

namespace bw {
namespace {

constexpr int kSchemaDepthMax = 64;

using Schema = std::unique_ptr<avro_obj_t, DeleteBy<avro_schema_decref>>;

// Its function is a macro.
struct ClassDeleter {
  void operator()(avro_value_iface_t* value_class) const { avro_value_iface_decref(value_class); }
};
using ValueClass = std::unique_ptr<avro_value_iface_t, ClassDeleter>;

[[noreturn]] void FailBody(const std::string& problem) {
  throw RowError("its Avro body does not fit its schema: " + problem);
}

void Require(int result) {
  if (result != 0) FailBody(Printable(avro_strerror()));
}

// Whether a type contains itself.
class RecursionCheck {
 public:
  bool IsRecursive(avro_schema_t schema) {
    if (is_avro_link(schema)) schema = avro_schema_link_target(schema);
    if (std::ranges::find(path_, schema) != path_.end()) return true;
    if (!seen_.insert(schema).second) return false;
    path_.push_back(schema);
    const bool found = ContainsRecursion(schema);
    path_.pop_back();
    return found;
  }

 private:
  bool ContainsRecursion(avro_schema_t schema) {
    if (is_avro_array(schema)) return IsRecursive(avro_schema_array_items(schema));
    if (is_avro_map(schema)) return IsRecursive(avro_schema_map_values(schema));
    if (is_avro_union(schema)) {
      for (size_t i = 0; i < avro_schema_union_size(schema); ++i) {
        if (IsRecursive(avro_schema_union_branch(schema, static_cast<int>(i)))) return true;
      }
    }
    if (is_avro_record(schema)) {
      for (size_t i = 0; i < avro_schema_record_size(schema); ++i) {
        if (IsRecursive(avro_schema_record_field_get_by_index(schema, static_cast<int>(i)))) {
          return true;
        }
      }
    }
    return false;
  }

  std::vector<avro_schema_t> path_;
  std::set<avro_schema_t> seen_;
};

// --- A decoded value as JSON --------------------------------------------------------------------

void AppendValue(avro_value_t* value, std::string* out);

void AppendUtf8Text(std::string_view text, std::string* out) {
  if (!IsValidUtf8(text)) FailBody("a string that is not UTF-8");
  AppendJsonString(text, out);
}

void AppendElements(avro_value_t* value, bool named, std::string* out) {
  size_t count = 0;
  Require(avro_value_get_size(value, &count));
  *out += named ? '{' : '[';
  for (size_t i = 0; i < count; ++i) {
    avro_value_t element;
    const char* name = nullptr;
    Require(avro_value_get_by_index(value, i, &element, &name));
    if (i > 0) *out += ',';
    if (named) {
      AppendUtf8Text(name, out);
      *out += ':';
    }
    AppendValue(&element, out);
  }
  *out += named ? '}' : ']';
}

void AppendText(avro_value_t* value, std::string* out) {
  const char* text = nullptr;
  size_t size = 0;
  Require(avro_value_get_string(value, &text, &size));
  AppendUtf8Text({text, size - 1}, out);  // The size counts a NUL at the end.
}

void AppendBytes(avro_value_t* value, bool fixed, std::string* out) {
  const void* bytes = nullptr;
  size_t size = 0;
  Require(fixed ? avro_value_get_fixed(value, &bytes, &size)
                : avro_value_get_bytes(value, &bytes, &size));
  AppendJsonHex({static_cast<const char*>(bytes), size}, out);
}

template <class Number, class Get>
Number NumberOf(Get get) {
  Number number{};
  Require(get(&number));
  return number;
}

void AppendSymbol(avro_value_t* value, std::string* out) {
  const int index = NumberOf<int>([&](int* number) { return avro_value_get_enum(value, number); });
  const char* symbol = avro_schema_enum_get(avro_value_get_schema(value), index);
  if (symbol == nullptr) FailBody("an unknown symbol of an enum");
  AppendUtf8Text(symbol, out);
}

void AppendScalar(avro_value_t* value, std::string* out) {
  switch (avro_value_get_type(value)) {
    case AVRO_BOOLEAN:
      *out += NumberOf<int>([&](int* b) { return avro_value_get_boolean(value, b); }) != 0
                  ? "true"
                  : "false";
      break;
    case AVRO_INT32:
      AppendJsonInteger(NumberOf<int32_t>([&](int32_t* n) { return avro_value_get_int(value, n); }),
                        out);
      break;
    case AVRO_INT64:
      AppendJsonInteger(
          NumberOf<int64_t>([&](int64_t* n) { return avro_value_get_long(value, n); }), out);
      break;
    case AVRO_FLOAT:
      AppendJsonFloat(NumberOf<float>([&](float* n) { return avro_value_get_float(value, n); }),
                      out);
      break;
    case AVRO_DOUBLE:
      AppendJsonFloat(NumberOf<double>([&](double* n) { return avro_value_get_double(value, n); }),
                      out);
      break;
    case AVRO_NULL:
      *out += "null";
      break;
    default:
      FailBody("a value of an unknown type");
  }
}

void AppendValue(avro_value_t* value, std::string* out) {
  switch (avro_value_get_type(value)) {
    case AVRO_STRING:
      return AppendText(value, out);
    case AVRO_BYTES:
      return AppendBytes(value, /*fixed=*/false, out);
    case AVRO_FIXED:
      return AppendBytes(value, /*fixed=*/true, out);
    case AVRO_ENUM:
      return AppendSymbol(value, out);
    case AVRO_RECORD:
    case AVRO_MAP:
      return AppendElements(value, /*named=*/true, out);
    case AVRO_ARRAY:
      return AppendElements(value, /*named=*/false, out);
    case AVRO_UNION: {
      avro_value_t branch;
      Require(avro_value_get_current_branch(value, &branch));
      return AppendValue(&branch, out);
    }
    default:
      AppendScalar(value, out);
  }
}

std::optional<CompiledSchema> TryOurs(std::string_view json) {
  try {
    return CompiledSchema::Parse(json);
  } catch (const Error&) {
    return std::nullopt;
  }
}

}  // namespace

// --- Schemas of others --------------------------------------------------------------------------

class RegistrySchema::Foreign {
 public:
  explicit Foreign(std::string_view json) {
    avro_schema_t schema = nullptr;
    if (avro_schema_from_json_length(json.data(), json.size(), &schema) != 0) {
      throw RowError("not an Avro schema: " + Printable(avro_strerror()));
    }
    schema_.reset(schema);
    if (RecursionCheck().IsRecursive(schema)) throw RowError("an Avro schema that is recursive");
    class_.reset(avro_generic_class_from_schema(schema));
    if (!class_ || avro_generic_value_new(class_.get(), &value_) != 0) {
      throw RowError("an Avro schema that avro-c cannot use: " + Printable(avro_strerror()));
    }
  }
  ~Foreign() {
    if (value_.iface != nullptr) avro_value_decref(&value_);
  }
  Foreign(const Foreign&) = delete;
  Foreign& operator=(const Foreign&) = delete;

  void AppendJson(std::string_view body, std::string* out) {
    const size_t start = out->size();
    const std::unique_ptr<std::remove_pointer_t<avro_reader_t>, decltype(&avro_reader_free)> reader(
        avro_reader_memory(body.data(), static_cast<int64_t>(body.size())), &avro_reader_free);
    try {
      Require(avro_value_reset(&value_));
      Require(avro_value_read(reader.get(), &value_));
      char more = 0;
      if (avro_read(reader.get(), &more, 1) == 0) FailBody("bytes after its end");
      AppendValue(&value_, out);
    } catch (const Error&) {
      out->resize(start);
      throw;
    }
  }

 private:
  Schema schema_;
  ValueClass class_;
  avro_value_t value_{};
};

RegistrySchema::RegistrySchema(CompiledSchema ours) : schema_(std::move(ours)) {}
RegistrySchema::RegistrySchema(std::unique_ptr<Foreign> foreign) : schema_(std::move(foreign)) {}
RegistrySchema::RegistrySchema(RegistrySchema&&) noexcept = default;
RegistrySchema& RegistrySchema::operator=(RegistrySchema&&) noexcept = default;
RegistrySchema::~RegistrySchema() = default;

RegistrySchema RegistrySchema::Parse(std::string_view json) {
  if (IsNestedDeeperThan(json, kSchemaDepthMax)) {
    throw RowError("an Avro schema that is nested too deeply");
  }
  if (auto ours = TryOurs(json)) return RegistrySchema(std::move(*ours));
  return RegistrySchema(std::make_unique<Foreign>(json));
}

void RegistrySchema::AppendJson(std::string_view body, std::string* out) const {
  if (const auto* foreign = std::get_if<std::unique_ptr<Foreign>>(&schema_)) {
    return (*foreign)->AppendJson(body, out);
  }
  try {
    bw::AppendJson(std::get<CompiledSchema>(schema_), JsonStyle::kPlain, body, out);
  } catch (const Error& error) {
    // Not a damaged spool, as what reads that would say.
    throw RowError(std::string("its Avro body does not fit its schema: ") + error.what());
  }
}

}  // namespace bw
