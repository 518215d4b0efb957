#include "publish/checkpoint_format.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "base/error.h"
#include "base/name_text.h"
#include "publish/checkpoint_json.h"

namespace bw {
namespace {

using checkpoint_json::Json;
using checkpoint_json::ObjectReader;
using checkpoint_json::Seal;
using checkpoint_json::Unseal;

constexpr int kWholeFormat = 1;
constexpr int kPartsFormat = 2;
constexpr int kHeldFormat = 3;  // A relay that cannot hold tables would lose their changes.
constexpr std::string_view kPartKeyBegin = "offsets/";
constexpr size_t kCrcDigits = 8;

Json OffsetsToJson(const NextOffsets& next_offsets) {
  Json topics = Json::object();
  for (const auto& [partition, offset] : next_offsets) {
    BW_CHECK(partition.partition >= 0 && offset >= 0);
    Json& offsets = topics[partition.topic];
    if (offsets.is_null()) offsets = Json::array();
    while (offsets.size() < static_cast<size_t>(partition.partition)) offsets.push_back(nullptr);
    offsets.push_back(offset);
  }
  return topics;
}

// Runs of partitions, because a part has only some of a topic's.
Json RunsToJson(const NextOffsets& next_offsets) {
  constexpr int32_t kGapMax = 8;  // This many nulls are shorter than the start of a new run.
  Json topics = Json::object();
  for (const auto& [partition, offset] : next_offsets) {
    BW_CHECK(partition.partition >= 0 && offset >= 0);
    Json& runs = topics[partition.topic];
    if (runs.is_null()) runs = Json::array();
    const auto run_end = [&] {
      return runs.back()[0].get<int32_t>() + static_cast<int32_t>(runs.back()[1].size());
    };
    if (runs.empty() || partition.partition - run_end() > kGapMax) {
      runs.push_back(Json::array({partition.partition, Json::array()}));
    }
    while (run_end() < partition.partition) runs.back()[1].push_back(nullptr);
    runs.back()[1].push_back(offset);
  }
  return topics;
}

Source ReadSource(const Json& json, const std::string& where) {
  ObjectReader reader(json, where);
  Source source;
  source.system_identifier = reader.Text("system_identifier");
  const auto database = NameOfText(reader.Text("database"));
  if (!database) reader.Fail("\"database\" is not a name");
  source.database = *database;
  source.slot = reader.Text("slot");
  const uint64_t timeline = reader.Number("timeline");
  if (timeline > std::numeric_limits<uint32_t>::max()) reader.Fail("\"timeline\" is too large");
  source.timeline = static_cast<uint32_t>(timeline);
  reader.ExpectNoMore();
  return source;
}

// Reads the offsets of the topic's partitions, beginning with partition `first`.
void ReadRun(const Json& offsets, const std::string& topic, int64_t first,
             const ObjectReader& reader, NextOffsets* next_offsets) {
  if (!offsets.is_array()) reader.Fail("\"offsets\" of a topic are not an array");
  int64_t partition = first;
  for (const Json& offset : offsets) {
    if (!offset.is_null()) {
      if (!offset.is_number_unsigned() ||
          offset.get<uint64_t>() > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
        reader.Fail("an offset is not a natural number");
      }
      if (partition > std::numeric_limits<int32_t>::max()) reader.Fail("too many partitions");
      const TopicPartition where{topic, static_cast<int32_t>(partition)};
      if (!next_offsets->emplace(where, offset.get<int64_t>()).second) {
        reader.Fail("a partition is there twice");
      }
    }
    ++partition;
  }
}

void ReadRuns(const Json& json, const ObjectReader& reader, NextOffsets* next_offsets) {
  if (!json.is_object()) reader.Fail("\"offsets\" is not an object");
  for (const auto& [topic, runs] : json.items()) {
    if (!runs.is_array()) reader.Fail("the runs of a topic are not an array");
    for (const Json& run : runs) {
      if (!run.is_array() || run.size() != 2 || !run[0].is_number_unsigned() ||
          run[0].get<uint64_t>() > static_cast<uint64_t>(std::numeric_limits<int32_t>::max())) {
        reader.Fail("a run of partitions has no beginning");
      }
      ReadRun(run[1], topic, run[0].get<int64_t>(), reader, next_offsets);
    }
  }
}

void ReadOffsets(const Json& json, const ObjectReader& reader, NextOffsets* next_offsets) {
  if (!json.is_object()) reader.Fail("\"offsets\" is not an object");
  for (const auto& [topic, offsets] : json.items()) {
    ReadRun(offsets, topic, 0, reader, next_offsets);
  }
}

Json PartsToJson(const std::vector<CheckpointPart>& parts) {
  Json json = Json::array();
  for (const CheckpointPart& part : parts) json.push_back(part.slot + part.crc32c);
  return json;
}

std::vector<CheckpointPart> ReadParts(const Json& json, const ObjectReader& reader) {
  if (!json.is_array() || json.empty()) reader.Fail("\"parts\" is not an array of parts");
  std::vector<CheckpointPart> parts;
  for (const Json& part : json) {
    const std::string text = part.is_string() ? part.get<std::string>() : "";
    const bool has_slot = text.starts_with('a') || text.starts_with('b');
    if (!has_slot || text.size() != 1 + kCrcDigits ||
        text.find_first_not_of("0123456789abcdef", 1) != std::string::npos) {
      reader.Fail("one of \"parts\" is not a slot and a checksum");
    }
    parts.push_back({text[0], text.substr(1)});
  }
  return parts;
}

Json HeldToJson(const HeldPositions& held) {
  Json json = Json::array();
  for (const auto& [table, after] : held) {
    json.push_back({{"schema", TextOfName(table.schema)},
                    {"table", TextOfName(table.table)},
                    {"after", after.ToString()}});
  }
  return json;
}

HeldPositions ReadHeld(const Json& json, const ObjectReader& reader, const std::string& where) {
  if (!json.is_array() || json.empty()) reader.Fail("\"held\" is not an array of tables");
  HeldPositions held;
  for (const Json& entry : json) {
    ObjectReader table(entry, where);
    const auto schema = NameOfText(table.Text("schema"));
    const auto name = NameOfText(table.Text("table"));
    const auto after = Position::Parse(table.Text("after"));
    if (!schema || !name || !after) table.Fail("a held table has no name or no position");
    table.ExpectNoMore();
    if (!held.emplace(TableName{*schema, *name}, *after).second)
      table.Fail("a table is held twice");
  }
  return held;
}

int FormatOf(const Checkpoint& checkpoint) {
  if (!checkpoint.held.empty()) return kHeldFormat;
  return checkpoint.parts.empty() ? kWholeFormat : kPartsFormat;
}

}  // namespace

Position PublishedOfAll(const Position& published, const HeldPositions& held) {
  Position lowest = published;
  for (const auto& [table, after] : held) lowest = std::min(lowest, after);
  return lowest;
}

std::string EncodeCheckpoint(const Checkpoint& checkpoint) {
  Json json = {
      {"format", FormatOf(checkpoint)},
      {"lineage", checkpoint.lineage},
      {"instance", checkpoint.instance},
      {"source",
       {{"system_identifier", checkpoint.source.system_identifier},
        {"database", TextOfName(checkpoint.source.database)},
        {"slot", checkpoint.source.slot},
        {"timeline", checkpoint.source.timeline}}},
      {"position", checkpoint.progress.position.ToString()},
      {"end_lsn", checkpoint.progress.end_lsn.ToString()},
      {"remedy", checkpoint.remedy},
  };
  if (checkpoint.parts.empty()) {
    json["offsets"] = OffsetsToJson(checkpoint.next_offsets);
  } else {
    json["parts"] = PartsToJson(checkpoint.parts);
  }
  if (!checkpoint.held.empty()) json["held"] = HeldToJson(checkpoint.held);
  return Seal(std::move(json));
}

Checkpoint DecodeCheckpoint(std::string_view value, const std::string& where) {
  const Json json = Unseal(value, kHeldFormat, where);
  ObjectReader reader(json, where);
  const uint64_t format = reader.Number("format");
  const bool is_whole =
      format == kWholeFormat || (format == kHeldFormat && json.contains("offsets"));
  reader.Text("crc32c");
  Checkpoint checkpoint;
  checkpoint.lineage = reader.Text("lineage");
  checkpoint.instance = reader.Text("instance");
  checkpoint.source = ReadSource(reader.Member("source"), where);
  const auto position = Position::Parse(reader.Text("position"));
  if (!position) reader.Fail("\"position\" is not one");
  const auto end_lsn = Lsn::Parse(reader.Text("end_lsn"));
  if (!end_lsn) reader.Fail("\"end_lsn\" is not one");
  checkpoint.progress = {*position, *end_lsn};
  if (is_whole) {
    ReadOffsets(reader.Member("offsets"), reader, &checkpoint.next_offsets);
  } else {
    checkpoint.parts = ReadParts(reader.Member("parts"), reader);
  }
  if (format == kHeldFormat) checkpoint.held = ReadHeld(reader.Member("held"), reader, where);
  checkpoint.remedy = reader.Text("remedy");
  reader.ExpectNoMore();
  return checkpoint;
}

std::string CheckpointPartKey(size_t part, char slot) {
  return fmt::format("{}{}/{}", kPartKeyBegin, part, slot);
}

bool IsCheckpointPartKey(std::string_view key) { return key.starts_with(kPartKeyBegin); }

EncodedPart EncodeCheckpointPart(const Checkpoint& head, size_t part, size_t parts,
                                 const NextOffsets& next_offsets) {
  Json json = {
      {"format", kPartsFormat},
      {"instance", head.instance},
      {"position", head.progress.position.ToString()},
      {"part", part},
      {"parts", parts},
      {"offsets", RunsToJson(next_offsets)},
  };
  std::string crc32c = checkpoint_json::Checksum(json);
  return {Seal(std::move(json)), std::move(crc32c)};
}

void AddCheckpointPart(std::string_view value, size_t part, const std::string& where,
                       Checkpoint* checkpoint) {
  const Json json = Unseal(value, kPartsFormat, where);
  ObjectReader reader(json, where);
  reader.Number("format");
  if (reader.Text("crc32c") != checkpoint->parts.at(part).crc32c) {
    reader.Fail(fmt::format("part {} is another checkpoint's", part));
  }
  reader.Text("instance");
  if (!Position::Parse(reader.Text("position"))) reader.Fail("\"position\" is not one");
  if (reader.Number("part") != part || reader.Number("parts") != checkpoint->parts.size()) {
    reader.Fail(fmt::format("it is not part {} of {}", part, checkpoint->parts.size()));
  }
  ReadRuns(reader.Member("offsets"), reader, &checkpoint->next_offsets);
  reader.ExpectNoMore();
}

}  // namespace bw
