#include "tail/message_decoder.h"

#include <fmt/format.h>

#include "base/ask_until_answered.h"
#include "base/bytes.h"
#include "publish/message_encoder.h"
#include "tail/bytes_json.h"

namespace bw {
namespace {

// The schema's id; nothing for bytes that are not in the wire format.
std::optional<int32_t> SchemaIdIn(std::string_view bytes) {
  if (bytes.size() < kWireFormatHeaderBytes || bytes[0] != '\0') return std::nullopt;
  ByteReader reader(bytes, "message");
  reader.ReadU8();
  const uint32_t id = reader.ReadU32();
  return id >= 1 && id <= INT32_MAX ? std::optional(static_cast<int32_t>(id)) : std::nullopt;
}

// Of which the first byte may well be 0.
bool HasSizeOfNumberOrUuid(std::string_view bytes) {
  return bytes.size() == 8 || bytes.size() == 16;
}

}  // namespace

MessageDecoder::MessageDecoder(const HttpSchemaRegistryOptions& options, const RawParts& raw,
                               const Stop& stop)
    : options_(options), raw_(raw), stop_(stop) {}

void MessageDecoder::Append(std::string_view bytes, const MessagePart& part, std::string* out) {
  const std::optional<int32_t> id = SchemaIdIn(bytes);
  if (!id) return AppendBytesAsJson(bytes, out);
  const bool may_be_other = !part.is_relays && HasSizeOfNumberOrUuid(bytes);
  const std::pair messages(std::string(part.topic), part.is_key);
  if ((part.is_key ? raw_.keys : raw_.values) || (may_be_other && not_avro_.contains(messages))) {
    return AppendBase64Object(bytes, out);
  }
  try {
    AppendDecoded(bytes, *id, out);
  } catch (const Error& error) {
    const bool no_registry = error.kind() == ErrorKind::kUsage && !has_answered_;
    if (!may_be_other || (error.kind() != ErrorKind::kRow && !no_registry)) throw;
    not_avro_.insert(messages);
    spdlog::warn(
        "Topic {}: {} of {} bytes that begin with a NUL are taken for numbers or UUIDs and shown "
        "as base64. As Avro: {}",
        part.topic, part.is_key ? "keys" : "values", bytes.size(), error.what());
    AppendBase64Object(bytes, out);
  }
}

void MessageDecoder::AppendDecoded(std::string_view bytes, int32_t id, std::string* out) {
  const Known& known = SchemaOf(id);
  const std::string_view body = bytes.substr(kWireFormatHeaderBytes);
  if (known.avro) {
    known.avro->AppendJson(body, out);
  } else if (known.is_json) {
    AppendBytesAsJson(body, out);
  } else {
    AppendBase64Object(bytes, out);
  }
}

const MessageDecoder::Known& MessageDecoder::SchemaOf(int32_t id) {
  if (const auto found = known_.find(id); found != known_.end()) return found->second;
  if (!source_) {
    source_.emplace(options_, stop_);
    away_.emplace(fmt::format("Schema registry {}", source_->url()));
  }
  const std::optional<StoredSchema> stored =
      AskUntilAnswered(&*away_, stop_, [&] { return Ask(id); });
  if (!stored) {
    throw RowError(fmt::format(
        "its schema id {} is not known to the registry {}: name the registry that it came from "
        "with --schema-registry, or see the bytes with --raw (of keys only: --raw-keys)",
        id, source_->url()));
  }
  return known_.emplace(id, Understand(id, *stored)).first->second;
}

std::optional<StoredSchema> MessageDecoder::Ask(int32_t id) {
  try {
    auto stored = source_->SchemaOf(id);
    has_answered_ = true;
    return stored;
  } catch (const Error& error) {
    const bool is_guess = options_.url == HttpSchemaRegistryOptions().url;
    if (error.kind() != ErrorKind::kTransient || has_answered_ || !is_guess || stop_.requested()) {
      throw;
    }
    throw UsageError(fmt::format(
        "--schema-registry: the topic holds Avro, and its schemas are in a registry; name that, or "
        "see the bytes with --raw (of keys only: --raw-keys) ({})",
        error.what()));
  }
}

MessageDecoder::Known MessageDecoder::Understand(int32_t id, const StoredSchema& stored) const {
  Known known;
  std::string problem;
  if (stored.type == "JSON") {
    known.is_json = true;
  } else if (stored.type != "AVRO") {
    problem = "of type " + stored.type;
  } else if (stored.has_references) {
    problem = "one that refers to others";
  } else {
    try {
      known.avro = RegistrySchema::Parse(stored.text);
    } catch (const Error& error) {
      problem = error.what();
    }
  }
  if (!problem.empty()) {
    spdlog::warn("Schema id {} is {}: its messages are shown as base64", id, problem);
  }
  return known;
}

}  // namespace bw
