// Records and meta entries of the spool. Input := one letter, and what LLVMFuzzerTestOneInput says.
// Checksums are made right where what is behind them is to be reached.

#include <optional>
#include <string>
#include <variant>

#include "base/bytes.h"
#include "base/crc32c.h"
#include "fuzz/fuzz_input.h"
#include "spool/meta_format.h"
#include "spool/record_format.h"

namespace bw {
namespace {

constexpr size_t kMessageBytesMax = 650;

bool SameChange(const Change& a, const Change& b) {
  return a.position == b.position && a.operation == b.operation && a.schema_id == b.schema_id &&
         a.xid == b.xid && a.commit_time_us == b.commit_time_us && a.old_key == b.old_key &&
         a.key == b.key && a.value == b.value && a.old_key_schema_id == b.old_key_schema_id;
}

std::string Encode(std::string_view key, const Record& record,
                   const std::optional<TransactionTally>& tally) {
  std::string value;
  if (const auto* change = std::get_if<Change>(&record)) {
    EncodeChange(key, *change, &value);
  } else {
    EncodeTransactionEnd(key, std::get<TransactionEnd>(record).end_lsn, tally ? &*tally : nullptr,
                         &value);
  }
  return value;
}

bool DecodeAnything(std::string_view key, std::string_view value) {
  return fuzz::Accepts(ErrorKind::kHalt, "its record at ", kMessageBytesMax, [&] {
    const Record record = DecodeRecord(key, value);
    // A record has one form only; nothing in it is passed over.
    const bool is_end = std::holds_alternative<TransactionEnd>(record);
    BW_CHECK(Encode(key, record, is_end ? TallyOfEnd(value) : std::nullopt) == value);
    BW_CHECK(std::holds_alternative<TransactionEnd>(record) == DecodePositionKey(key).is_end());
  });
}

std::string WithChecksum(std::string_view key, std::string_view body) {
  std::string value;
  AppendU32(&value, Crc32c(body, Crc32c(key)));
  return value.append(body);
}

std::optional<std::string_view> Field(fuzz::Input* input) {
  return input->Flag() ? std::optional(input->Text()) : std::nullopt;
}

void EncodeAnything(fuzz::Input input) {
  Change change;
  change.position = {Lsn{input.U64()}, input.U64()};
  if (change.position.is_end()) return;
  change.operation = static_cast<Operation>("rcud"[input.U8() % 4]);
  change.schema_id = SchemaId{input.U32()};
  change.xid = input.U32();
  change.commit_time_us = static_cast<int64_t>(input.U64());
  change.old_key = Field(&input);
  change.key = Field(&input);
  change.value = Field(&input);
  if (change.old_key && input.Flag()) change.old_key_schema_id = SchemaId{input.U32()};
  const std::string key(EncodePositionKey(change.position));
  std::string value;
  EncodeChange(key, change, &value);
  BW_CHECK(SameChange(std::get<Change>(DecodeRecord(key, value)), change));

  // A record is none under another key, when a bit of it is another, or when it is cut.
  std::string other_key = key;
  other_key.back() = static_cast<char>(other_key.back() ^ 1);
  BW_CHECK(!DecodeAnything(other_key, value));
  const size_t bit = input.U16() % (value.size() * 8);
  std::string damaged = value;
  damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
  BW_CHECK(!DecodeAnything(key, damaged));
  BW_CHECK(!DecodeAnything(key, std::string_view(value).substr(0, bit / 8)));
}

// --- meta ---------------------------------------------------------------------------------------

template <typename Run>
void Decode(std::string_view place, Run run) {
  fuzz::Accepts(ErrorKind::kHalt, place, kMessageBytesMax, run);
}

void DecodeMeta(std::string_view body) {
  Decode("spool progress entry", [&] { BW_CHECK(EncodeProgress(DecodeProgress(body)) == body); });
  Decode("spool", [&] {
    CheckFormatVersion(body);
    BW_CHECK(body == EncodeFormatVersion());
  });
  Decode("spool schema key", [&] { BW_CHECK(EncodeSchemaKey(DecodeSchemaKey(body)) == body); });
  Decode("its remedies", [&] {
    const std::vector<std::string> remedies = DecodeRemedies(body);
    BW_CHECK(DecodeRemedies(EncodeRemedies(remedies)) == remedies);
  });
  Decode("a schema", [&] {
    const TableSchema schema = DecodeTableSchema(body);
    BW_CHECK(DecodeTableSchema(EncodeTableSchema(schema)) == schema);
  });
}

bool SameIdentity(const SpoolState& a, const SpoolState& b) {
  return a.lineage == b.lineage && a.predecessor == b.predecessor && a.source == b.source &&
         a.phase == b.phase;
}

void CheckIdentityRoundTrip(const SpoolState& state) {
  SpoolState read;
  DecodeIdentity(EncodeIdentity(state), &read);
  BW_CHECK(SameIdentity(read, state));
}

void DecodeIdentityOf(std::string_view body) {
  Decode("its identity", [&] {
    SpoolState state;
    DecodeIdentity(body, &state);
    CheckIdentityRoundTrip(state);
  });
}

void EncodeAnyMeta(fuzz::Input input) {
  SpoolState state;
  state.lineage = input.Utf8();
  state.predecessor = input.Utf8();
  state.source.system_identifier = input.Utf8();
  state.source.database = input.Text();
  state.source.slot = input.Utf8();
  state.source.timeline = input.U32();
  state.phase = static_cast<SpoolPhase>(input.U8() % 3);
  CheckIdentityRoundTrip(state);
  // Names as PostgreSQL has them: in an SQL_ASCII database any bytes.
  TableSchema schema;
  schema.schema = input.Text();
  schema.table = input.Text();
  if (input.Flag()) schema.key_json = "{}";
  schema.value_json = "{}";
  BW_CHECK(DecodeTableSchema(EncodeTableSchema(schema)) == schema);
}

void UnwrapAnything(std::string_view value) {
  Decode("its meta entry captured",
         [&] { BW_CHECK(WrapMeta(kMetaCaptured, UnwrapMeta(kMetaCaptured, value)) == value); });
  const std::string wrapped = WrapMeta(kMetaCaptured, value);
  BW_CHECK(UnwrapMeta(kMetaCaptured, wrapped) == value);
  // Another entry's value is none.
  BW_CHECK(!fuzz::Accepts(ErrorKind::kHalt, "its meta entry published", kMessageBytesMax,
                          [&] { UnwrapMeta(kMetaPublished, wrapped); }));
}

}  // namespace
}  // namespace bw

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  bw::fuzz::Input input(data, size);
  switch (input.U8()) {
    case 'r': {  // A key and a value, as they are.
      const std::string_view key = input.Text();
      bw::DecodeAnything(key, input.Rest());
      break;
    }
    case 'k': {  // A key of the right size and a value without its checksum.
      const std::string_view key = input.Bytes(bw::kPositionKeySize);
      bw::DecodeAnything(key, bw::WithChecksum(key, input.Rest()));
      break;
    }
    case 'c':  // The members of a Change.
      bw::EncodeAnything(input);
      break;
    case 'm':  // The body of a meta or schemas entry.
      bw::DecodeMeta(input.Rest());
      break;
    case 'i':  // The identity.
      bw::DecodeIdentityOf(input.Rest());
      break;
    case 's':  // The members of an identity and of a TableSchema.
      bw::EncodeAnyMeta(input);
      break;
    case 'w':  // A meta entry's value, or its body.
      bw::UnwrapAnything(input.Rest());
      break;
    default:
      return -1;
  }
  return 0;
}
