#include "spool/record_format.h"

#include "base/bytes.h"
#include "base/crc32c.h"
#include "spool/corruption.h"

namespace bw {
namespace {

constexpr char kChangeTag = 'C';
constexpr char kEndTag = 'E';
constexpr uint8_t kHasOldKey = 1;
constexpr uint8_t kHasKey = 2;
constexpr uint8_t kHasValue = 4;
constexpr uint8_t kHasOldKeySchema = 8;
constexpr uint8_t kHasUnavailable = 16;
constexpr uint8_t kHasRefetched = 32;
constexpr uint8_t kAllFields =
    kHasOldKey | kHasKey | kHasValue | kHasOldKeySchema | kHasUnavailable | kHasRefetched;
constexpr size_t kCrcSize = 4;

[[noreturn]] void Corrupt(std::string_view key, const std::string& problem) {
  const std::string where =
      key.size() == kPositionKeySize ? DecodePositionKey(key).ToString() : "a key of wrong length";
  throw CorruptSpool("its record at " + where + ": " + problem);
}

// Leaves room for the checksum, which FinishRecord fills in.
size_t BeginRecord(std::string* out) {
  const size_t start = out->size();
  out->append(kCrcSize, '\0');
  return start;
}

void FinishRecord(std::string_view key, size_t start, std::string* out) {
  const std::string_view body = std::string_view(*out).substr(start + kCrcSize);
  StoreBigEndian(Crc32c(body, Crc32c(key)), out->data() + start);
}

void AppendField(const std::optional<std::string_view>& field, std::string* out) {
  if (!field) return;
  AppendU32(out, static_cast<uint32_t>(field->size()));
  out->append(*field);
}

std::string_view ReadField(ByteReader* reader) { return reader->ReadBytes(reader->ReadU32()); }

bool IsOfRow(Operation operation) {
  return operation == Operation::kSnapshot || operation == Operation::kInsert ||
         operation == Operation::kUpdate || operation == Operation::kDelete;
}

Change DecodeChange(const Position& position, ByteReader* reader) {
  Change change;
  change.position = position;
  change.operation = static_cast<Operation>(reader->ReadU8());
  const bool is_refused = change.operation == Operation::kRefused;
  const bool is_truncate = change.operation == Operation::kTruncate;
  if (!is_refused && !is_truncate && !IsOfRow(change.operation)) reader->Fail("unknown operation");
  const uint8_t fields = reader->ReadU8();
  if ((fields & ~kAllFields) != 0) reader->Fail("unknown fields");
  if ((fields & kHasOldKeySchema) && !(fields & kHasOldKey)) reader->Fail("a schema of no key");
  change.schema_id = SchemaId{reader->ReadU32()};
  change.xid = reader->ReadU32();
  change.commit_time_us = static_cast<int64_t>(reader->ReadU64());
  if (fields & kHasOldKey) change.old_key = ReadField(reader);
  if (fields & kHasKey) change.key = ReadField(reader);
  if (fields & kHasValue) change.value = ReadField(reader);
  if (fields & kHasOldKeySchema) change.old_key_schema_id = SchemaId{reader->ReadU32()};
  if (fields & kHasUnavailable) change.unavailable = ReadField(reader);
  if (fields & kHasRefetched) change.refetched = ReadField(reader);
  if (is_refused && (!change.value || change.value->empty() || !IsOfRow(RowOperation(change)))) {
    reader->Fail("a refused row without its operation");
  }
  if (is_truncate && (fields != kHasValue || change.value->empty() || change.value->size() % 4)) {
    reader->Fail("a TRUNCATE that does not name its tables");
  }
  return change;
}

std::optional<TransactionTally> ReadTally(ByteReader* reader) {
  if (reader->remaining() == 0) return std::nullopt;
  TransactionTally tally;
  tally.xid = reader->ReadU32();
  tally.commit_time_us = static_cast<int64_t>(reader->ReadU64());
  while (reader->remaining() > 0) {
    const SchemaId id{reader->ReadU32()};
    tally.changes.emplace_back(id, reader->ReadU64());
  }
  return tally;
}

}  // namespace

std::vector<SchemaId> TruncatedTables(const Change& change) {
  std::vector<SchemaId> tables;
  ByteReader reader(change.value.value(), "TRUNCATE");
  while (reader.remaining() > 0) tables.push_back(SchemaId{reader.ReadU32()});
  return tables;
}

PositionKey EncodePositionKey(const Position& position) {
  PositionKey key;
  StoreBigEndian(position.commit_lsn.value, key.bytes.data());
  StoreBigEndian(position.index, key.bytes.data() + sizeof(uint64_t));
  return key;
}

std::string KeyAfter(const Position& position) {
  return std::string(EncodePositionKey(position)) + '\0';
}

Position DecodePositionKey(std::string_view key) {
  if (key.size() != kPositionKeySize) Corrupt(key, "its key has the wrong length");
  ByteReader reader(key, "spool key");
  const Lsn commit_lsn{reader.ReadU64()};
  return Position{commit_lsn, reader.ReadU64()};
}

void EncodeChange(std::string_view key, const Change& change, std::string* out) {
  const size_t start = BeginRecord(out);
  out->push_back(kChangeTag);
  out->push_back(static_cast<char>(change.operation));
  AppendU8(out, static_cast<uint8_t>((change.old_key ? kHasOldKey : 0) |
                                     (change.key ? kHasKey : 0) | (change.value ? kHasValue : 0) |
                                     (change.old_key_schema_id ? kHasOldKeySchema : 0) |
                                     (change.unavailable ? kHasUnavailable : 0) |
                                     (change.refetched ? kHasRefetched : 0)));
  AppendU32(out, change.schema_id.value);
  AppendU32(out, change.xid);
  AppendU64(out, static_cast<uint64_t>(change.commit_time_us));
  AppendField(change.old_key, out);
  AppendField(change.key, out);
  AppendField(change.value, out);
  if (change.old_key_schema_id) AppendU32(out, change.old_key_schema_id->value);
  AppendField(change.unavailable, out);
  AppendField(change.refetched, out);
  FinishRecord(key, start, out);
}

void EncodeTransactionEnd(std::string_view key, Lsn end_lsn, const TransactionTally* tally,
                          std::string* out) {
  const size_t start = BeginRecord(out);
  out->push_back(kEndTag);
  AppendU64(out, end_lsn.value);
  if (tally != nullptr) {
    AppendU32(out, tally->xid);
    AppendU64(out, static_cast<uint64_t>(tally->commit_time_us));
    for (const auto& [schema_id, changes] : tally->changes) {
      AppendU32(out, schema_id.value);
      AppendU64(out, changes);
    }
  }
  FinishRecord(key, start, out);
}

std::optional<TransactionTally> TallyOfEnd(std::string_view value) {
  ByteReader reader(value, "spool record");
  reader.ReadBytes(kCrcSize + sizeof(kEndTag) + sizeof(uint64_t));
  return ReadTally(&reader);
}

Record DecodeRecord(std::string_view key, std::string_view value) {
  try {
    ByteReader reader(value, "spool record");
    const uint32_t stored_crc = reader.ReadU32();
    if (stored_crc != Crc32c(value.substr(kCrcSize), Crc32c(key))) {
      reader.Fail("its checksum does not match");
    }
    const char tag = static_cast<char>(reader.ReadU8());
    const Position position = DecodePositionKey(key);
    if (position.is_end() != (tag == kEndTag))
      reader.Fail("a record of the wrong kind for its key");
    Record record;
    if (tag == kChangeTag) {
      record = DecodeChange(position, &reader);
    } else if (tag == kEndTag) {
      record = TransactionEnd{position.commit_lsn, Lsn{reader.ReadU64()}};
      ReadTally(&reader);
    } else {
      reader.Fail("unknown kind of record");
    }
    reader.ExpectEnd();
    return record;
  } catch (const Error& error) {
    Corrupt(key, error.what());
  }
}

}  // namespace bw
