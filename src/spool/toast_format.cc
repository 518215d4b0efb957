#include "spool/toast_format.h"

#include "base/bytes.h"
#include "spool/meta_format.h"

namespace bw {
namespace {

constexpr size_t kGenerationKeySize = kToastEntriesBegin.size() + sizeof(uint32_t);
constexpr char kValueTag = 'V';
constexpr char kRemovedTag = 'R';

void AppendField(std::string_view field, std::string* out) {
  AppendU32(out, static_cast<uint32_t>(field.size()));
  out->append(field);
}

std::string_view ReadField(ByteReader* reader) { return reader->ReadBytes(reader->ReadU32()); }

}  // namespace

std::string CellKey(const ToastRow& row, std::string_view column) {
  std::string cell;
  cell.reserve(3 * sizeof(uint32_t) + row.key.size() + column.size());
  AppendU32(&cell, row.relation);
  AppendU32(&cell, row.key_form);
  AppendField(row.key, &cell);
  cell.append(column);
  return cell;
}

uint32_t RelationOf(std::string_view cell) { return ByteReader(cell, "toast key").ReadU32(); }

uint32_t KeyFormOf(std::string_view cell) {
  return ByteReader(cell.substr(sizeof(uint32_t)), "toast key").ReadU32();
}

std::string GenerationKey(uint32_t generation) {
  std::string key(kToastEntriesBegin);
  AppendU32(&key, generation);
  return key;
}

std::string RelationBegin(uint32_t generation, uint32_t relation) {
  std::string key = GenerationKey(generation);
  AppendU32(&key, relation);
  return key;
}

std::string RelationEnd(uint32_t generation, uint32_t relation) {
  return relation == ~uint32_t{0} ? GenerationKey(generation + 1)
                                  : RelationBegin(generation, relation + 1);
}

std::string EntryKey(uint32_t generation, std::string_view cell) {
  std::string key = GenerationKey(generation);
  key.append(cell);
  return key;
}

std::string_view CellIn(std::string_view entry_key) {
  ByteReader reader(entry_key, "toast key");
  reader.ReadBytes(kGenerationKeySize);
  return entry_key.substr(kGenerationKeySize);
}

std::string EncodeToastEntry(std::string_view key, const std::optional<ToastValue>& value) {
  std::string body;
  if (!value) {
    body.push_back(kRemovedTag);
    return WrapMeta(key, body);
  }
  body.reserve(1 + 2 * sizeof(uint64_t) + value->text.size());
  body.push_back(kValueTag);
  AppendU64(&body, value->position.commit_lsn.value);
  AppendU64(&body, value->position.index);
  body.append(value->text);
  return WrapMeta(key, body);
}

std::optional<ToastValue> DecodeToastEntry(std::string_view key, std::string_view value) {
  ByteReader reader(UnwrapMeta(key, value), "toast entry");
  if (static_cast<char>(reader.ReadU8()) == kRemovedTag) return std::nullopt;
  ToastValue result;
  result.position.commit_lsn = Lsn{reader.ReadU64()};
  result.position.index = reader.ReadU64();
  result.text = reader.ReadBytes(reader.remaining());
  return result;
}

std::string ProofKey(uint32_t relation) {
  std::string key(kToastProofPrefix);
  AppendU32(&key, relation);
  return key;
}

uint32_t DecodeProofKey(std::string_view key) {
  return ByteReader(key.substr(kToastProofPrefix.size()), "toast proof's key").ReadU32();
}

std::string EncodeProof(const ToastProof& proof) {
  std::string body;
  AppendField(proof.table, &body);
  for (const auto& [name, column] : proof.columns) {
    AppendField(name, &body);
    AppendField(column.signature, &body);
    AppendU64(&body, column.since.value);
  }
  return body;
}

ToastProof DecodeProof(std::string_view body) {
  ByteReader reader(body, "toast proof");
  ToastProof proof;
  proof.table = ReadField(&reader);
  while (reader.remaining() > 0) {
    std::string name(ReadField(&reader));
    ToastProof::Column column;
    column.signature = ReadField(&reader);
    column.since = Lsn{reader.ReadU64()};
    proof.columns.emplace(std::move(name), std::move(column));
  }
  return proof;
}

}  // namespace bw
