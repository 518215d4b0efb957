#include "spool/meta_format.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>

#include "base/bytes.h"
#include "base/crc32c.h"
#include "base/name_text.h"
#include "base/parse_whole.h"
#include "base/shown_text.h"
#include "base/utf8.h"
#include "spool/corruption.h"

namespace bw {
namespace {

using Json = nlohmann::json;

constexpr uint32_t kUint32Max = std::numeric_limits<uint32_t>::max();

// Applies `read` to the parsed body. Shows only the beginning of nlohmann_json's reason, which may
// repeat the text.
template <typename Read>
auto ReadJson(std::string_view body, const char* what, const Read& read) {
  constexpr size_t kReasonBytesMax = 200;
  try {
    return read(Json::parse(body));
  } catch (const Json::exception& error) {
    throw CorruptSpool(std::string(what) +
                       " cannot be read: " + Printable(Utf8Prefix(error.what(), kReasonBytesMax)));
  }
}

// For JSON that may hold text from outside, in any encoding.
std::string DumpAnything(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string ReadName(const Json& json) {
  const auto name = NameOfText(json.get<std::string>());
  if (!name) throw CorruptSpool("a name cannot be read");
  return *name;
}

// An entry's name says again what is in it.
void RequireName(std::string_view expected, std::string_view name, const char* what) {
  if (name == expected) return;
  throw CorruptSpool("its meta entry " + Printable(name) + " is of another " + what);
}

TableName ReadTable(const Json& json) {
  return {ReadName(json.at("schema")), ReadName(json.at("table"))};
}

uint32_t ReadNumber(const Json& json, const char* name, uint32_t max) {
  const Json& number = json.at(name);
  if (!number.is_number_unsigned() || number.get<uint64_t>() > max) {
    throw CorruptSpool(std::string("its identity has no ") + name + " from 0 to " +
                       std::to_string(max));
  }
  return number.get<uint32_t>();
}

std::string NameForPeople(std::string_view name) {
  return name.size() == 4 && name[0] == '\0' ? "schemas entry" : "meta entry " + std::string(name);
}

}  // namespace

std::string WrapMeta(std::string_view name, std::string_view body) {
  std::string value;
  AppendU32(&value, Crc32c(body, Crc32c(name)));
  value.append(body);
  return value;
}

std::string_view UnwrapMeta(std::string_view name, std::string_view value) {
  if (value.size() < 4) throw CorruptSpool("its " + NameForPeople(name) + " is too short");
  ByteReader reader(value, "spool meta entry");
  const uint32_t stored_crc = reader.ReadU32();
  const std::string_view body = value.substr(4);
  if (stored_crc != Crc32c(body, Crc32c(name))) {
    throw CorruptSpool("the checksum of its " + NameForPeople(name) + " does not match");
  }
  return body;
}

std::string EncodeProgress(const Progress& progress) {
  std::string body;
  AppendU64(&body, progress.position.commit_lsn.value);
  AppendU64(&body, progress.position.index);
  AppendU64(&body, progress.end_lsn.value);
  return body;
}

Progress DecodeProgress(std::string_view body) {
  ByteReader reader(body, "spool progress entry");
  const Position position{Lsn{reader.ReadU64()}, reader.ReadU64()};
  const Progress progress{position, Lsn{reader.ReadU64()}};
  reader.ExpectEnd();
  return progress;
}

std::string EncodeHistory(const CapturedHistory& history) {
  std::string body;
  AppendU64(&body, history.changes_end.value);
  AppendU64(&body, history.last.commit_lsn.value);
  AppendU64(&body, history.last.end_lsn.value);
  AppendU32(&body, history.last.xid);
  AppendU64(&body, static_cast<uint64_t>(history.last.commit_time_us));
  AppendU32(&body, history.last.publications);
  return body;
}

CapturedHistory DecodeHistory(std::string_view body) {
  ByteReader reader(body, "spool history entry");
  CapturedHistory history;
  history.changes_end = Lsn{reader.ReadU64()};
  history.last.commit_lsn = Lsn{reader.ReadU64()};
  history.last.end_lsn = Lsn{reader.ReadU64()};
  history.last.xid = reader.ReadU32();
  history.last.commit_time_us = static_cast<int64_t>(reader.ReadU64());
  history.last.publications = reader.ReadU32();
  reader.ExpectEnd();
  return history;
}

std::string EncodeIdentity(const SpoolState& state) {
  Json json{{"lineage", state.lineage},
            {"predecessor", state.predecessor},
            {"system_identifier", state.source.system_identifier},
            {"database", TextOfName(state.source.database)},
            {"slot", state.source.slot},
            {"timeline", state.source.timeline},
            {"phase", static_cast<int>(state.phase)}};
  if (state.supersedes) json["supersedes"] = *state.supersedes;
  return json.dump();
}

void DecodeIdentity(std::string_view body, SpoolState* state) {
  ReadJson(body, "its identity", [state](const Json& json) {
    state->lineage = json.at("lineage");
    state->predecessor = json.at("predecessor");
    if (json.contains("supersedes")) {
      state->supersedes = json.at("supersedes").get<std::vector<std::string>>();
    }
    state->source.system_identifier = json.at("system_identifier");
    state->source.database = ReadName(json.at("database"));
    state->source.slot = json.at("slot");
    state->source.timeline = ReadNumber(json, "timeline", kUint32Max);
    constexpr auto kPhaseMax = static_cast<uint32_t>(SpoolPhase::kStreaming);
    state->phase = static_cast<SpoolPhase>(ReadNumber(json, "phase", kPhaseMax));
  });
}

std::string EncodeSnapshots(const std::vector<SnapshotMark>& snapshots) {
  Json json = Json::array();
  for (const SnapshotMark& snapshot : snapshots) {
    Json tables = Json::array();
    for (const TableName& table : snapshot.tables) {
      tables.push_back(Json::array({TextOfName(table.schema), TextOfName(table.table)}));
    }
    json.push_back({{"commit_lsn", snapshot.commit_lsn.value},
                    {"purges", snapshot.purges},
                    {"tables", std::move(tables)}});
  }
  return json.dump();
}

std::vector<SnapshotMark> DecodeSnapshots(std::string_view body) {
  return ReadJson(body, "its snapshots", [](const Json& all) {
    std::vector<SnapshotMark> snapshots;
    for (const Json& json : all) {
      SnapshotMark& snapshot = snapshots.emplace_back();
      const Json& commit_lsn = json.at("commit_lsn");
      // The tombstones' commit LSN is one below.
      if (!commit_lsn.is_number_unsigned() || commit_lsn.get<uint64_t>() < 2) {
        throw CorruptSpool("its snapshots have no commit LSN");
      }
      snapshot.commit_lsn = Lsn{commit_lsn.get<uint64_t>()};
      snapshot.purges = json.at("purges");
      for (const Json& table : json.at("tables")) {
        snapshot.tables.push_back({ReadName(table.at(0)), ReadName(table.at(1))});
      }
    }
    return snapshots;
  });
}

// They may contain names of tables.
std::string EncodeRemedies(const std::vector<std::string>& remedies) {
  return DumpAnything(remedies);
}

std::vector<std::string> DecodeRemedies(std::string_view body) {
  return ReadJson(body, "its remedies",
                  [](const Json& json) { return json.get<std::vector<std::string>>(); });
}

std::string EncodeRegistryIds(const std::map<std::string, int32_t>& ids) {
  return DumpAnything(ids);
}

std::map<std::string, int32_t> DecodeRegistryIds(std::string_view body) {
  return ReadJson(body, "its registry ids",
                  [](const Json& json) { return json.get<std::map<std::string, int32_t>>(); });
}

std::string RereadKey(uint64_t number) {
  return fmt::format("{}{:020}", kMetaRereadPrefix, number);
}

std::string EncodeReread(const Reread& note) {
  return DumpAnything({{"schema", TextOfName(note.table.schema)},
                       {"table", TextOfName(note.table.table)},
                       {"reason", note.reason}});
}

Reread DecodeReread(std::string_view key, std::string_view body) {
  const std::string_view digits = key.substr(std::string_view(kMetaRereadPrefix).size());
  Reread note;
  note.number = ParseWhole<uint64_t>(digits).value_or(0);
  if (RereadKey(note.number) != key) {
    throw CorruptSpool("its meta entry " + Printable(key) + " has no number");
  }
  ReadJson(body, "a table to be read again", [&note](const Json& json) {
    note.table = ReadTable(json);
    note.reason = json.at("reason");
  });
  return note;
}

std::string TableKeyName(uint32_t relation) {
  return fmt::format("{}{:010}", kMetaTableKeyPrefix, relation);
}

std::string EncodeTableKey(const TableKey& key) {
  Json columns = Json::array();
  for (const TableKey::Column& column : key.columns) {
    columns.push_back(Json::array({TextOfName(column.name), column.type_oid}));
  }
  Json names = Json::array();
  for (const std::string& name : key.key) names.push_back(TextOfName(name));
  Json json{{"relation", key.relation},
            {"schema", TextOfName(key.table.schema)},
            {"table", TextOfName(key.table.table)},
            {"columns", std::move(columns)},
            {"key", std::move(names)}};
  if (key.schema) json["key_schema"] = *key.schema;
  if (!key.is_primary) json["primary"] = false;
  return DumpAnything(json);
}

TableKey DecodeTableKey(std::string_view name, std::string_view body) {
  return ReadJson(body, "a table's key", [name](const Json& json) {
    TableKey key;
    key.relation = ReadNumber(json, "relation", kUint32Max);
    RequireName(TableKeyName(key.relation), name, "table");
    key.table = ReadTable(json);
    for (const Json& column : json.at("columns")) {
      key.columns.push_back({ReadName(column.at(0)), column.at(1).get<uint32_t>()});
    }
    for (const Json& column : json.at("key")) key.key.push_back(ReadName(column));
    if (json.contains("key_schema")) key.schema = json.at("key_schema").get<std::string>();
    key.is_primary = json.value("primary", true);
    return key;
  });
}

std::string TypeNoteName(uint32_t oid) { return fmt::format("{}{:010}", kMetaTypePrefix, oid); }

std::string EncodeTypeNote(const TypeNote& type) {
  Json json{{"oid", type.oid}};
  if (type.base_oid != 0) {
    json["base"] = type.base_oid;
    json["modifier"] = type.base_typmod;
  }
  if (type.element_oid != 0) {
    json["element"] = type.element_oid;
    json["delimiter"] = static_cast<uint8_t>(type.delimiter);
  }
  if (!type.labels.empty()) {
    Json labels = Json::array();
    for (const std::string& label : type.labels) labels.push_back(TextOfName(label));
    json["labels"] = std::move(labels);
  }
  return DumpAnything(json);
}

TypeNote DecodeTypeNote(std::string_view name, std::string_view body) {
  return ReadJson(body, "a type", [name](const Json& json) {
    TypeNote type;
    type.oid = ReadNumber(json, "oid", kUint32Max);
    RequireName(TypeNoteName(type.oid), name, "type");
    if (json.contains("base")) {
      type.base_oid = ReadNumber(json, "base", kUint32Max);
      type.base_typmod = json.at("modifier").get<int32_t>();
    }
    if (json.contains("element")) {
      type.element_oid = ReadNumber(json, "element", kUint32Max);
      constexpr uint32_t kByteMax = std::numeric_limits<uint8_t>::max();
      type.delimiter = static_cast<char>(ReadNumber(json, "delimiter", kByteMax));
    }
    if (json.contains("labels")) {
      for (const Json& label : json.at("labels")) type.labels.push_back(ReadName(label));
    }
    return type;
  });
}

std::string EncodeMembers(const std::vector<uint32_t>& members) { return Json(members).dump(); }

std::vector<uint32_t> DecodeMembers(std::string_view body) {
  return ReadJson(body, "its members", [](const Json& json) {
    const auto is_oid = [](const Json& number) {
      return number.is_number_unsigned() && number.get<uint64_t>() <= kUint32Max;
    };
    if (!json.is_array() || !std::ranges::all_of(json, is_oid)) {
      throw CorruptSpool("its members are not numbers");
    }
    return json.get<std::vector<uint32_t>>();
  });
}

std::string EncodeTableName(const TableName& table) {
  return Json{{"schema", TextOfName(table.schema)}, {"table", TextOfName(table.table)}}.dump();
}

TableName DecodeTableName(std::string_view body) {
  return ReadJson(body, "a table's name", ReadTable);
}

std::string EncodeFormatVersion() {
  std::string body;
  AppendU32(&body, kSpoolFormatVersion);
  return body;
}

void CheckFormatVersion(std::string_view body) {
  ByteReader reader(body, "spool format entry");
  const uint32_t version = reader.ReadU32();
  if (version != kSpoolFormatVersion) {
    throw Halt{ExitCode::kSpoolUnusable,
               "spool-format",
               "The spool has format version " + std::to_string(version) +
                   "; this program knows version " + std::to_string(kSpoolFormatVersion) + ".",
               "",
               {{"start the program version that wrote it, or a newer one", ""}}}
        .ToError();
  }
  reader.ExpectEnd();
}

std::string EncodeSchemaKey(SchemaId id) {
  std::string key;
  AppendU32(&key, id.value);
  return key;
}

SchemaId DecodeSchemaKey(std::string_view key) {
  ByteReader reader(key, "spool schema key");
  const SchemaId id{reader.ReadU32()};
  reader.ExpectEnd();
  return id;
}

std::string EncodeTableSchema(const TableSchema& schema) {
  Json json{{"schema", TextOfName(schema.schema)},
            {"table", TextOfName(schema.table)},
            {"value", schema.value_json}};
  if (schema.key_json) json["key"] = *schema.key_json;
  return DumpAnything(json);
}

TableSchema DecodeTableSchema(std::string_view body) {
  return ReadJson(body, "a schema", [](const Json& json) {
    const TableName name = ReadTable(json);
    TableSchema schema{name.schema, name.table, std::nullopt, json.at("value")};
    if (json.contains("key")) schema.key_json = json.at("key").get<std::string>();
    return schema;
  });
}

}  // namespace bw
