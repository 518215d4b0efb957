#include "publish/torn_records.h"

#include <fmt/format.h>

#include <charconv>

#include "base/error.h"
#include "base/log.h"

namespace bw {

std::optional<RecordIdentity> ParseRecordIdentity(std::span<const MessageHeader> headers) {
  std::optional<Position> position;
  std::optional<char> operation;
  std::optional<int64_t> commit_time_ms;
  for (const auto& [name, value] : headers) {
    if (name == "lsn") {
      position = Position::Parse(value);
    } else if (name == "op") {
      if (value.size() == 1) operation = value[0];
    } else if (name == "ts") {
      int64_t number = 0;
      const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
      if (error == std::errc() && end == value.data() + value.size()) commit_time_ms = number;
    }
  }
  if (!position || !operation || !commit_time_ms) return std::nullopt;
  return RecordIdentity{*position, *operation, *commit_time_ms};
}

void TornRecords::Add(const RecordIdentity& record, const TopicPartition& where) {
  if (records_.size() >= kCountMax) {
    throw HaltError(
        ExitCode::kHaltKafka,
        fmt::format(
            "Topic \"{}\" partition {} holds more than {} records with our headers that this "
            "relay did not publish. Another relay writes to the same topics: give each its "
            "own --topic-prefix.",
            where.topic, where.partition, kCountMax));
  }
  if (++records_[record] == 2) {
    spdlog::error(
        "Change {} is in Kafka twice (seen in topic {} partition {}): consumers need to "
        "drop one by its lsn header",
        record.position.ToString(), where.topic, where.partition);
  }
}

void TornRecords::ForgetThrough(const Position& position) {
  while (!records_.empty() && records_.begin()->first.position <= position) {
    records_.erase(records_.begin());
  }
}

}  // namespace bw
