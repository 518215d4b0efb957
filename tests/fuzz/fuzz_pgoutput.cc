// What a replication connection carries. Input := (length: 2 bytes | message)*, the messages of one
// connection: each is decoded alone, and all together are assembled to changes.

#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "avro/compiled_schema.h"
#include "avro/json_writer.h"
#include "base/utf8.h"
#include "capture/change_assembler.h"
#include "capture/full_key.h"
#include "capture/pgoutput_decoder.h"
#include "capture/pgoutput_message.h"
#include "capture/replication_frame.h"
#include "fuzz/fuzz_input.h"
#include "support/pgoutput_builder.h"

namespace bw {
namespace {

constexpr size_t kMessageBytesMax = 310;

// --- Back to bytes ------------------------------------------------------------------------------

pgoutput::Row RowOf(std::span<const TextValue> values) {
  pgoutput::Row row;
  for (const TextValue& value : values) {
    switch (value.kind) {
      case TextValue::Kind::kNull:
        row.push_back(pgoutput::Cell::Null());
        break;
      case TextValue::Kind::kUnchangedToast:
        row.push_back(pgoutput::Cell::Toast());
        break;
      case TextValue::Kind::kText:
        row.emplace_back(std::string(value.text), false);
        break;
    }
  }
  return row;
}

uint64_t Since2000(int64_t since_1970_us) {
  return static_cast<uint64_t>(since_1970_us) - static_cast<uint64_t>(kPostgresEpochUs);
}

struct Encoder {
  std::string operator()(const BeginMessage& m) const {
    return pgoutput::Begin(m.commit_lsn.value, m.xid, Since2000(m.commit_time_us));
  }
  std::string operator()(const CommitMessage& m) const {
    return pgoutput::Commit(m.commit_lsn.value, m.end_lsn.value, Since2000(m.commit_time_us));
  }
  std::string operator()(const OriginMessage& m) const {
    return pgoutput::Origin(m.origin_commit_lsn.value, m.name);
  }
  std::string operator()(const RelationMessage& m) const {
    std::vector<pgoutput::ColumnSpec> columns;
    for (const RelationColumn& column : m.columns) {
      columns.push_back({std::string(column.name), column.type_oid, column.key, column.typmod});
    }
    return pgoutput::Relation(m.id.value, m.schema, m.name, columns, static_cast<char>(m.identity));
  }
  std::string operator()(const TypeMessage& m) const {
    return pgoutput::Type(m.oid, m.schema, m.name);
  }
  std::string operator()(const InsertMessage& m) const {
    return pgoutput::Insert(m.relation.value, RowOf(m.values));
  }
  std::string operator()(const UpdateMessage& m) const {
    if (m.old_tuple == OldTuple::kNone) return pgoutput::Update(m.relation.value, RowOf(m.values));
    return pgoutput::UpdateFrom(m.relation.value, static_cast<char>(m.old_tuple),
                                RowOf(m.old_values), RowOf(m.values));
  }
  std::string operator()(const DeleteMessage& m) const {
    return pgoutput::Delete(m.relation.value, static_cast<char>(m.old_tuple), RowOf(m.old_values));
  }
  std::string operator()(const TruncateMessage& m) const {
    std::vector<uint32_t> ids;
    for (const RelationId id : m.relations) ids.push_back(id.value);
    return pgoutput::Truncate(ids);
  }
  std::string operator()(const LogicalMessage& m) const {
    return pgoutput::Message(m.prefix, m.content);
  }
};

std::string Encode(const PgoutputMessage& message) { return std::visit(Encoder(), message); }

// Whether the decoder keeps every bit of such a message: not the flags that mean nothing to us, nor
// the LSN of a logical message, nor a time that is too far off.
bool IsKeptWhole(const PgoutputMessage& message) {
  return std::holds_alternative<InsertMessage>(message) ||
         std::holds_alternative<UpdateMessage>(message) ||
         std::holds_alternative<DeleteMessage>(message) ||
         std::holds_alternative<TypeMessage>(message) ||
         std::holds_alternative<OriginMessage>(message);
}

// --- One message --------------------------------------------------------------------------------

std::optional<std::string> Recoded(PgoutputDecoder* decoder, std::string_view bytes) {
  std::optional<std::string> recoded;
  fuzz::Accepts(ErrorKind::kHalt, "pgoutput", kMessageBytesMax,
                [&] { recoded = Encode(decoder->Decode(bytes)); });
  return recoded;
}

// `used` has decoded other messages before: nothing of them may show.
void CheckDecoder(PgoutputDecoder* used, std::string_view bytes) {
  PgoutputDecoder fresh;
  const std::optional<std::string> recoded = Recoded(&fresh, bytes);
  BW_CHECK(Recoded(used, bytes) == recoded);
  if (!recoded) return;
  if (IsKeptWhole(fresh.Decode(bytes))) BW_CHECK(*recoded == bytes);
  BW_CHECK(recoded->size() <= bytes.size() + std::string_view("pg_catalog").size());
  BW_CHECK(bytes[0] == 'M' || bytes[0] == 'B' || bytes[0] == 'C' ||
           Recoded(&fresh, *recoded) == recoded);
  // A message ends where it ends: neither a part of it nor more than it is one.
  BW_CHECK(!Recoded(&fresh, bytes.substr(0, bytes.size() - 1)));
  BW_CHECK(!Recoded(&fresh, std::string(bytes) + '\0'));
}

void CheckFrame(std::string_view bytes) {
  fuzz::Accepts(ErrorKind::kHalt, "frame", kMessageBytesMax, [&] {
    const Frame frame = DecodeFrame(bytes);
    if (const auto* data = std::get_if<XLogData>(&frame)) {
      BW_CHECK(data->bytes.size() + 25 == bytes.size());
    } else {
      BW_CHECK(bytes.size() == 18);
    }
  });
}

// --- The connection -----------------------------------------------------------------------------

class Connection {
 public:
  Connection()
      : cache_(TableFilter({}, {"filtered"}), KeyOf), assembler_({}, &cache_, MakeHooks()) {}

  // False when the connection ends with an error.
  bool Receive(std::string_view bytes) {
    const Lsn before = assembler_.commit_lsn();
    return fuzz::Accepts(ErrorKind::kHalt, "", 2000, [&] {
      const Assembled result = assembler_.Handle(decoder_.Decode(bytes));
      BW_CHECK(assembler_.commit_lsn() >= before);
      if (result == Assembled::kChange) CheckChange(assembler_.change());
      if (result == Assembled::kTransaction || result == Assembled::kEmptyTransaction) {
        BW_CHECK(!assembler_.in_transaction());
        BW_CHECK(assembler_.end().end_lsn > assembler_.end().commit_lsn);
        BW_CHECK(Position::EndOf(assembler_.end().commit_lsn) > newest_);
        newest_ = Position::EndOf(assembler_.end().commit_lsn);
      }
    });
  }

 private:
  static FullKey KeyOf(RelationId id, const Table& table, ReplicaIdentity identity) {
    if (identity == ReplicaIdentity::kFull) return {{"id"}};
    return {KeyFormOf(id.value, table).key};
  }

  ChangeAssembler::Hooks MakeHooks() {
    ChangeAssembler::Hooks hooks;
    hooks.add_schema = [this](const TableSchema& schema) {
      schemas_.push_back(schema);
      return SchemaId{static_cast<uint32_t>(schemas_.size())};
    };
    hooks.row_refused = [this](const Error& error, Position) {
      BW_CHECK(error.kind() == ErrorKind::kRow);
      return std::exchange(is_dead_letter_, !is_dead_letter_);
    };
    hooks.truncated = [this](const std::string&, Lsn) {
      return std::exchange(is_dead_letter_, !is_dead_letter_);
    };
    return hooks;
  }

  // Every body is one of its schema.
  static void CheckBody(const std::string& schema_json, std::string_view body) {
    std::string json;
    try {
      AppendJson(CompiledSchema::Parse(schema_json), JsonStyle::kAvroJson, body, &json);
    } catch (const Error& error) {
      // The server vouches for the UTF-8 of its text types.
      BW_CHECK(error.kind() == ErrorKind::kRow);
    }
  }

  void CheckChange(const Change& change) {
    BW_CHECK(change.position > newest_);
    newest_ = change.position;
    BW_CHECK(change.schema_id.value >= 1 && change.schema_id.value <= schemas_.size());
    const TableSchema& schema = schemas_[change.schema_id.value - 1];
    BW_CHECK(change.value.has_value() == (change.operation != Operation::kDelete));
    if (change.operation == Operation::kTruncate) {
      for (const SchemaId id : TruncatedTables(change)) BW_CHECK(id.value <= schemas_.size());
      return;
    }
    BW_CHECK(change.key.has_value() == schema.key_json.has_value());
    if (change.operation == Operation::kRefused) {
      BW_CHECK(RefusedRowOf(change).details.starts_with("{\"reason\":"));
      BW_CHECK(IsValidUtf8(RefusedRowOf(change).details));
      BW_CHECK(!change.old_key);
    } else if (change.value) {
      CheckBody(schema.value_json, *change.value);
    }
    if (change.key) CheckBody(*schema.key_json, *change.key);
    if (change.old_key) {
      BW_CHECK(change.operation == Operation::kUpdate);
      BW_CHECK(change.old_key != change.key || change.old_key_schema_id);
      CheckBody(*schemas_[change.old_key_schema().value - 1].key_json, *change.old_key);
    }
  }

  std::vector<TableSchema> schemas_;
  bool is_dead_letter_ = false;  // The next refused row.
  Position newest_;
  PgoutputDecoder decoder_;
  RelationCache cache_;
  ChangeAssembler assembler_;
};

}  // namespace
}  // namespace bw

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  bw::fuzz::Input input(data, size);
  bw::PgoutputDecoder decoder;
  bw::Connection connection;
  bool is_open = true;
  while (!input.empty()) {
    // A copy of its own, so that a read beyond it is seen.
    const std::string message(input.Bytes(input.U16()));
    bw::CheckDecoder(&decoder, message);
    bw::CheckFrame(message);
    if (is_open) is_open = connection.Receive(message);
  }
  return 0;
}
