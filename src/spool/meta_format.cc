#include "spool/meta_format.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>

#include "base/bytes.h"
#include "base/crc32c.h"
#include "base/log.h"
#include "base/name_text.h"
#include "base/utf8.h"
#include "spool/corruption.h"

namespace bw {
namespace {

using Json = nlohmann::json;

// `what` cannot be read, for the reason that nlohmann_json gives: it may repeat the text.
[[noreturn]] void ThrowUnreadable(const std::string& what, const Json::exception& error) {
  constexpr size_t kReasonBytesMax = 200;
  throw CorruptSpool(what +
                     " cannot be read: " + Printable(Utf8Prefix(error.what(), kReasonBytesMax)));
}

std::string ReadName(const Json& json) {
  const auto name = NameOfText(json.get<std::string>());
  if (!name) throw CorruptSpool("a name cannot be read");
  return *name;
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
  Progress progress;
  progress.position.commit_lsn = Lsn{reader.ReadU64()};
  progress.position.index = reader.ReadU64();
  progress.end_lsn = Lsn{reader.ReadU64()};
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
  try {
    const Json json = Json::parse(body);
    state->lineage = json.at("lineage");
    state->predecessor = json.at("predecessor");
    if (json.contains("supersedes")) {
      state->supersedes = json.at("supersedes").get<std::vector<std::string>>();
    }
    state->source.system_identifier = json.at("system_identifier");
    state->source.database = ReadName(json.at("database"));
    state->source.slot = json.at("slot");
    constexpr uint32_t kTimelineMax = std::numeric_limits<uint32_t>::max();
    state->source.timeline = ReadNumber(json, "timeline", kTimelineMax);
    constexpr auto kPhaseMax = static_cast<uint32_t>(SpoolPhase::kStreaming);
    state->phase = static_cast<SpoolPhase>(ReadNumber(json, "phase", kPhaseMax));
  } catch (const Json::exception& error) {
    ThrowUnreadable("its identity", error);
  }
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
  try {
    std::vector<SnapshotMark> snapshots;
    for (const Json& json : Json::parse(body)) {
      SnapshotMark& snapshot = snapshots.emplace_back();
      const Json& commit_lsn = json.at("commit_lsn");
      // Tombstones are one below it.
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
  } catch (const Json::exception& error) {
    ThrowUnreadable("its snapshots", error);
  }
}

// Names of tables may be among them, in whatever encoding.
std::string EncodeRemedies(const std::vector<std::string>& remedies) {
  return Json(remedies).dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::vector<std::string> DecodeRemedies(std::string_view body) {
  try {
    return Json::parse(body).get<std::vector<std::string>>();
  } catch (const Json::exception& error) {
    ThrowUnreadable("its remedies", error);
  }
}

std::string EncodeRegistryIds(const std::map<std::string, int32_t>& ids) {
  return Json(ids).dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::map<std::string, int32_t> DecodeRegistryIds(std::string_view body) {
  try {
    return Json::parse(body).get<std::map<std::string, int32_t>>();
  } catch (const Json::exception& error) {
    ThrowUnreadable("its registry ids", error);
  }
}

std::string RereadKey(uint64_t number) {
  return fmt::format("{}{:020}", kMetaRereadPrefix, number);
}

std::string EncodeReread(const Reread& note) {
  const Json json{{"schema", TextOfName(note.table.schema)},
                  {"table", TextOfName(note.table.table)},
                  {"reason", note.reason}};
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Reread DecodeReread(std::string_view key, std::string_view body) {
  const std::string_view digits = key.substr(std::string_view(kMetaRereadPrefix).size());
  Reread note;
  const auto parsed = std::from_chars(digits.begin(), digits.end(), note.number);
  if (parsed.ec != std::errc() || parsed.ptr != digits.end() || RereadKey(note.number) != key) {
    throw CorruptSpool("its meta entry " + Printable(key) + " has no number");
  }
  try {
    const Json json = Json::parse(body);
    note.table = {ReadName(json.at("schema")), ReadName(json.at("table"))};
    note.reason = json.at("reason");
  } catch (const Json::exception& error) {
    ThrowUnreadable("a table to be read again", error);
  }
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
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

TableKey DecodeTableKey(std::string_view name, std::string_view body) {
  constexpr uint32_t kOidMax = std::numeric_limits<uint32_t>::max();
  try {
    const Json json = Json::parse(body);
    TableKey key;
    key.relation = ReadNumber(json, "relation", kOidMax);
    if (TableKeyName(key.relation) != name) {
      throw CorruptSpool("its meta entry " + Printable(name) + " is of another table");
    }
    key.table = {ReadName(json.at("schema")), ReadName(json.at("table"))};
    for (const Json& column : json.at("columns")) {
      key.columns.push_back({ReadName(column.at(0)), column.at(1).get<uint32_t>()});
    }
    for (const Json& column : json.at("key")) key.key.push_back(ReadName(column));
    if (json.contains("key_schema")) key.schema = json.at("key_schema").get<std::string>();
    key.is_primary = json.value("primary", true);
    return key;
  } catch (const Json::exception& error) {
    ThrowUnreadable("a table's key", error);
  }
}

std::string EncodeMembers(const std::vector<uint32_t>& members) { return Json(members).dump(); }

std::vector<uint32_t> DecodeMembers(std::string_view body) {
  try {
    const Json json = Json::parse(body);
    if (!json.is_array() || !std::ranges::all_of(json, [](const Json& number) {
          return number.is_number_unsigned() &&
                 number.get<uint64_t>() <= std::numeric_limits<uint32_t>::max();
        })) {
      throw CorruptSpool("its members are not numbers");
    }
    return json.get<std::vector<uint32_t>>();
  } catch (const Json::exception& error) {
    ThrowUnreadable("its members", error);
  }
}

std::string EncodeTableName(const TableName& table) {
  return Json{{"schema", TextOfName(table.schema)}, {"table", TextOfName(table.table)}}.dump();
}

TableName DecodeTableName(std::string_view body) {
  try {
    const Json json = Json::parse(body);
    return {ReadName(json.at("schema")), ReadName(json.at("table"))};
  } catch (const Json::exception& error) {
    ThrowUnreadable("a table's name", error);
  }
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
    throw HaltError(ExitCode::kSpoolUnusable,
                    "the spool has format version " + std::to_string(version) +
                        "; this program knows version " + std::to_string(kSpoolFormatVersion) +
                        ". Start the program version that wrote it, or a newer one.");
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
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

TableSchema DecodeTableSchema(std::string_view body) {
  try {
    const Json json = Json::parse(body);
    TableSchema schema{ReadName(json.at("schema")), ReadName(json.at("table")), std::nullopt,
                       json.at("value")};
    if (json.contains("key")) schema.key_json = json.at("key").get<std::string>();
    return schema;
  } catch (const Json::exception& error) {
    ThrowUnreadable("a schema", error);
  }
}

}  // namespace bw
