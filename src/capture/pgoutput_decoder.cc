#include "capture/pgoutput_decoder.h"

#include <fmt/format.h>

#include <string>

#include "base/halt.h"

namespace bw {
namespace {

// If the sum would overflow, the timestamp is left as it is: it is only for display.
int64_t ReadTimeMicros(ByteReader* reader) {
  int64_t sum = 0;
  const auto since_2000 = static_cast<int64_t>(reader->ReadU64());
  return __builtin_add_overflow(since_2000, kPostgresEpochUs, &sum) ? since_2000 : sum;
}

Lsn ReadLsn(ByteReader* reader) { return Lsn{reader->ReadU64()}; }

RelationId ReadRelationId(ByteReader* reader) { return RelationId{reader->ReadU32()}; }

std::string_view ReadLengthAndBytes(ByteReader* reader) {
  const uint32_t length = reader->ReadU32();
  // The field is a signed int32; a negative length would otherwise read as 2 GiB or more.
  if (length > reader->remaining()) {
    reader->Fail(fmt::format("a length of {}, with {} bytes left", static_cast<int32_t>(length),
                             reader->remaining()));
  }
  return reader->ReadBytes(length);
}

// TupleData := column count: int16 | (kind: 'n' | 'u' | 't' length: int32 bytes)*
void ReadTuple(ByteReader* reader, std::vector<TextValue>* values) {
  const uint16_t count = reader->ReadU16();
  if (count > reader->remaining()) {
    reader->Fail(fmt::format("{} columns in {} bytes", count, reader->remaining()));
  }
  values->clear();
  for (uint16_t i = 0; i < count; ++i) {
    const uint8_t kind = reader->ReadU8();
    switch (kind) {
      case 'n':
        values->push_back(TextValue::Null());
        break;
      case 'u':
        values->push_back(TextValue::UnchangedToast());
        break;
      case 't':
        values->push_back(TextValue::Text(ReadLengthAndBytes(reader)));
        break;
      default:
        // 'b' would be the binary format, which we never ask for.
        reader->Fail(fmt::format("column {} has the unknown kind 0x{:02x}", i + 1, kind));
    }
  }
}

void ExpectTupleMark(ByteReader* reader, uint8_t mark, char expected) {
  if (mark != static_cast<uint8_t>(expected)) {
    reader->Fail(fmt::format("0x{:02x} where the tuple mark '{}' belongs", mark, expected));
  }
}

PgoutputMessage DecodeBegin(ByteReader reader) {
  BeginMessage message;
  message.commit_lsn = ReadLsn(&reader);
  message.commit_time_us = ReadTimeMicros(&reader);
  message.xid = reader.ReadU32();
  reader.ExpectEnd();
  return message;
}

PgoutputMessage DecodeCommit(ByteReader reader) {
  CommitMessage message;
  const uint8_t flags = reader.ReadU8();
  if (flags != 0) reader.Fail(fmt::format("unknown flags 0x{:02x}", flags));
  message.commit_lsn = ReadLsn(&reader);
  message.end_lsn = ReadLsn(&reader);
  message.commit_time_us = ReadTimeMicros(&reader);
  reader.ExpectEnd();
  return message;
}

PgoutputMessage DecodeOrigin(ByteReader reader) {
  OriginMessage message;
  message.origin_commit_lsn = ReadLsn(&reader);
  message.name = reader.ReadCString();
  reader.ExpectEnd();
  return message;
}

PgoutputMessage DecodeType(ByteReader reader) {
  TypeMessage message;
  message.oid = reader.ReadU32();
  message.schema = reader.ReadCString();
  if (message.schema.empty()) message.schema = "pg_catalog";
  message.name = reader.ReadCString();
  reader.ExpectEnd();
  return message;
}

PgoutputMessage DecodeLogicalMessage(ByteReader reader) {
  LogicalMessage message;
  message.transactional = (reader.ReadU8() & 1) != 0;
  message.lsn = ReadLsn(&reader);
  message.prefix = reader.ReadCString();
  message.content = ReadLengthAndBytes(&reader);
  reader.ExpectEnd();
  return message;
}

[[noreturn]] void RefuseUnknown(std::string_view bytes) {
  constexpr size_t kShownBytes = 16;
  std::string hex;
  for (const char c : bytes.substr(0, kShownBytes)) {
    hex += fmt::format("{:02x}", static_cast<uint8_t>(c));
  }
  const char type = bytes[0];
  // Messages of protocol 2 and 3 (streamed and prepared transactions), which we do not ask for.
  const bool of_later_protocol = std::string_view("SEcAbPKrp").find(type) != std::string_view::npos;
  throw UnexpectedHalt(fmt::format(
      "PostgreSQL sent a pgoutput message of {} 0x{:02x} ({} bytes, beginning {}); this "
      "relay uses protocol 1",
      of_later_protocol ? "a later protocol's type" : "the unknown type",
      static_cast<uint8_t>(type), bytes.size(), hex));
}

}  // namespace

PgoutputMessage PgoutputDecoder::Decode(std::string_view bytes) {
  if (bytes.empty()) {
    throw UnexpectedHalt("PostgreSQL sent an empty pgoutput message");
  }
  const std::string_view body = bytes.substr(1);
  switch (bytes[0]) {
    case 'B':
      return DecodeBegin(ByteReader(body, "pgoutput Begin message"));
    case 'C':
      return DecodeCommit(ByteReader(body, "pgoutput Commit message"));
    case 'O':
      return DecodeOrigin(ByteReader(body, "pgoutput Origin message"));
    case 'R':
      return DecodeRelation(ByteReader(body, "pgoutput Relation message"));
    case 'Y':
      return DecodeType(ByteReader(body, "pgoutput Type message"));
    case 'I':
      return DecodeInsert(ByteReader(body, "pgoutput Insert message"));
    case 'U':
      return DecodeUpdate(ByteReader(body, "pgoutput Update message"));
    case 'D':
      return DecodeDelete(ByteReader(body, "pgoutput Delete message"));
    case 'T':
      return DecodeTruncate(ByteReader(body, "pgoutput Truncate message"));
    case 'M':
      return DecodeLogicalMessage(ByteReader(body, "pgoutput logical decoding message"));
    default:
      RefuseUnknown(bytes);
  }
}

PgoutputMessage PgoutputDecoder::DecodeRelation(ByteReader reader) {
  RelationMessage message;
  message.id = ReadRelationId(&reader);
  message.schema = reader.ReadCString();
  if (message.schema.empty()) message.schema = "pg_catalog";
  message.name = reader.ReadCString();
  if (message.name.empty()) reader.Fail("a relation without a name");
  const uint8_t identity = reader.ReadU8();
  if (identity != 'd' && identity != 'n' && identity != 'f' && identity != 'i') {
    reader.Fail(fmt::format("unknown replica identity 0x{:02x}", identity));
  }
  message.identity = static_cast<ReplicaIdentity>(identity);

  const uint16_t count = reader.ReadU16();
  columns_.clear();
  for (uint16_t i = 0; i < count; ++i) {
    RelationColumn column;
    column.key = (reader.ReadU8() & 1) != 0;
    column.name = reader.ReadCString();
    if (column.name.empty()) reader.Fail(fmt::format("column {} has no name", i + 1));
    column.type_oid = reader.ReadU32();
    column.typmod = static_cast<int32_t>(reader.ReadU32());
    columns_.push_back(column);
  }
  reader.ExpectEnd();
  message.columns = columns_;
  return message;
}

PgoutputMessage PgoutputDecoder::DecodeInsert(ByteReader reader) {
  InsertMessage message;
  message.relation = ReadRelationId(&reader);
  ExpectTupleMark(&reader, reader.ReadU8(), 'N');
  ReadTuple(&reader, &values_);
  reader.ExpectEnd();
  message.values = values_;
  return message;
}

PgoutputMessage PgoutputDecoder::DecodeUpdate(ByteReader reader) {
  UpdateMessage message;
  message.relation = ReadRelationId(&reader);
  uint8_t mark = reader.ReadU8();
  if (mark == 'K' || mark == 'O') {
    message.old_tuple = static_cast<OldTuple>(mark);
    ReadTuple(&reader, &old_values_);
    message.old_values = old_values_;
    mark = reader.ReadU8();
  }
  ExpectTupleMark(&reader, mark, 'N');
  ReadTuple(&reader, &values_);
  reader.ExpectEnd();
  message.values = values_;
  return message;
}

PgoutputMessage PgoutputDecoder::DecodeDelete(ByteReader reader) {
  DeleteMessage message;
  message.relation = ReadRelationId(&reader);
  const uint8_t mark = reader.ReadU8();
  if (mark != 'K' && mark != 'O') {
    reader.Fail(fmt::format("0x{:02x} where the tuple mark 'K' or 'O' belongs", mark));
  }
  message.old_tuple = static_cast<OldTuple>(mark);
  ReadTuple(&reader, &old_values_);
  reader.ExpectEnd();
  message.old_values = old_values_;
  return message;
}

PgoutputMessage PgoutputDecoder::DecodeTruncate(ByteReader reader) {
  const uint32_t count = reader.ReadU32();
  reader.ReadU8();  // CASCADE and RESTART IDENTITY: not visible in a topic.
  if (count > reader.remaining() / sizeof(uint32_t)) {
    reader.Fail(fmt::format("{} relations in {} bytes", count, reader.remaining()));
  }
  truncated_.clear();
  for (uint32_t i = 0; i < count; ++i) truncated_.push_back(ReadRelationId(&reader));
  reader.ExpectEnd();
  return TruncateMessage{truncated_};
}

}  // namespace bw
