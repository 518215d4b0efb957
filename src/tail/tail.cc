#include "tail/tail.h"

#include <fmt/format.h>

#include <algorithm>
#include <thread>

#include "base/ask_until_answered.h"
#include "base/error.h"
#include "publish/kafka_cluster.h"
#include "tail/last_offsets.h"
#include "tail/table_offsets.h"
#include "tail/topic_choice.h"

namespace bw {
namespace {

constexpr Duration kWait{100};
constexpr Duration kLookInterval{2'000};
// How long the end waits until the group's offsets are stored.
constexpr Duration kLastStoreTimeout{10'000};

OffsetKeeper KeeperOf(const TailOptions& options) {
  if (!options.table.empty()) {
    return {.name = "table " + options.table,
            .how_to_reset = "Fill a new table, or delete the rows of the topic that was",
            .skip_lost = options.skip_lost};
  }
  return {.name = "group " + options.group,
          .how_to_reset = "Start once with --from=beginning",
          .skip_lost = options.skip_lost};
}

}  // namespace

Tail::Tail(const TailOptions& options, const TailServers& servers, int output, const Stop& stop)
    : options_(options),
      servers_(servers),
      stop_(stop),
      columns_(ColumnsOf(options)),
      away_(fmt::format("Kafka ({})", servers.kafka.brokers)),
      cluster_(ConnectToKafka(servers.kafka, stop)),
      kafka_(servers.kafka, stop),
      decoder_(servers.registry, {.keys = options.raw || options.raw_keys, .values = options.raw},
               stop),
      output_(output),
      is_terminal_(output_.is_terminal()) {
  if (!options.group.empty()) {
    group_ = std::make_unique<GroupOffsets>(servers.kafka, options.group, stop);
  }
}

Tail::~Tail() = default;

void Tail::Run() {
  try {
    Begin();
  } catch (const Stopped&) {
    return;
  }
  bool is_read = false;
  try {
    FollowUntilStopped();
    is_read = output_.Flush();
  } catch (const Error& error) {
    KeepWhatWasWritten(error);
    throw;
  }
  if (is_read) StoreLastOffsets();
}

// --- The beginning ------------------------------------------------------------------------------

void Tail::Begin() {
  const auto states = AskUntilAnswered(&away_, stop_, [&] {
    const std::map<std::string, int32_t> all = kafka_.Topics();
    const TopicChoice choice = ChooseTopics(options_.topics, all);
    NoteMissing(choice.missing);
    topics_.clear();
    for (const std::string& topic : choice.topics) topics_[topic] = all.at(topic);
    return FindStates(Wanted(topics_));
  });
  if (options_.format == TailFormat::kCsv) AppendCsvNames(columns_, output_.buffer());
  const bool follows = Follows(options_);
  const OffsetKeeper keeper = KeeperOf(options_);
  for (const PartitionState& state : states) {
    const int64_t from = StartOffset(StartRuleOf(options_), state, keeper);
    Start(state.name, from, follows ? std::nullopt : std::optional(state.end));
  }
}

// Who follows waits for topics that come later. A table is filled from those that there are: what
// it has is compared with all of them at the beginning.
void Tail::NoteMissing(const std::vector<std::string>& missing) {
  looks_for_topics_ =
      Follows(options_) && (!missing.empty() || std::ranges::any_of(options_.topics, IsTopicGlob));
  if (missing.empty()) return;
  if (!Follows(options_) || !options_.table.empty()) throw UsageError("tail: " + missing.front());
  for (const std::string& sentence : missing) {
    if (said_.insert(sentence).second) {
      spdlog::warn("Waiting, since {} (--until=end does not wait)", sentence);
    }
  }
}

std::vector<TopicPartition> Tail::Wanted(const std::map<std::string, int32_t>& topics) const {
  std::vector<TopicPartition> wanted;
  for (const auto& [topic, count] : topics) {
    for (const int32_t partition : options_.partitions) {
      if (partition < count) {
        wanted.push_back({topic, partition});
      } else {
        throw UsageError(fmt::format("--partition: topic {} has no partition {}, only 0 to {}",
                                     topic, partition, count - 1));
      }
    }
    for (int32_t partition = 0; options_.partitions.empty() && partition < count; ++partition) {
      wanted.push_back({topic, partition});
    }
  }
  return wanted;
}

std::vector<PartitionState> Tail::LookAt(const std::vector<TopicPartition>& partitions) {
  const auto stored = cluster_->Offsets(partitions);
  // Asked last: what is committed now is read.
  const std::vector<int64_t> ends = kafka_.Ends(partitions);
  std::vector<PartitionState> states;
  for (size_t i = 0; i < partitions.size(); ++i) {
    if (!stored[i]) {
      throw TransientError(fmt::format("Topic {} partition {} is being deleted",
                                       partitions[i].topic, partitions[i].partition));
    }
    states.push_back({partitions[i], *stored[i], ends[i], std::nullopt, std::nullopt});
  }
  return states;
}

// With what the rule needs to know beyond the ends.
std::vector<PartitionState> Tail::FindStates(const std::vector<TopicPartition>& names) {
  const StartRule rule = StartRuleOf(options_);
  const bool is_known = rule.kind == StartRule::Kind::kKnown;
  // Before the ends: others may go on meanwhile, and must not seem to be beyond them.
  std::vector<std::optional<int64_t>> known(names.size());
  if (is_known && group_) known = group_->Stored(names);
  if (is_known && !group_) {
    known = ReadTableOffsets(servers_.conninfo, options_.table, names, stop_);
  }
  std::vector<PartitionState> states = LookAt(names);
  std::vector<int64_t> found;
  if (rule.kind == StartRule::Kind::kTime) found = kafka_.OffsetsAt(names, rule.number);
  if (rule.kind == StartRule::Kind::kLast) {
    found = OffsetsOfLast(cluster_.get(), states, rule.number);
  }
  for (size_t i = 0; i < states.size(); ++i) {
    states[i].known = known[i];
    if (!found.empty()) states[i].found = found[i];
  }
  return states;
}

void Tail::Start(const TopicPartition& name, int64_t from, std::optional<int64_t> end) {
  kafka_.Start(name, from);
  readings_.push_back({.name = name, .next = from, .end = end});
  ++open_;
  Expect(readings_.back());
  EndWhereReached(readings_.size() - 1);
}

// --- The loop -----------------------------------------------------------------------------------

void Tail::FollowUntilStopped() {
  try {
    Follow();
  } catch (const Stopped&) {
    // A wait ended, as for the registry. What was decoded before is complete.
  }
}

void Tail::Follow() {
  TimePoint look_at = Now() + kLookInterval;
  while (!IsDone() && !stop_.requested()) {
    const auto arrival = Next();
    if (arrival) Take(*arrival);
    if ((!arrival || output_.is_full()) && !output_.Flush()) return;
    if (!arrival && output_.reader_is_gone()) return;
    if (Now() < look_at) continue;
    if (!output_.Flush()) return;
    StoreOffsets();
    LookForChanges();
    look_at = Now() + kLookInterval;
  }
}

std::optional<TailArrival> Tail::Next() {
  try {
    return kafka_.Next(output_.is_empty() ? kWait : Duration(0));
  } catch (const Error& error) {
    // librdkafka goes on by itself, and repeats what keeps it from that.
    if (error.kind() != ErrorKind::kTransient) throw;
    if (said_.insert(error.what()).second) spdlog::warn("{}", error.what());
    return std::nullopt;
  }
}

bool Tail::IsDone() const {
  return (open_ == 0 && !Follows(options_)) || (options_.limit && lines_ >= *options_.limit);
}

void Tail::Take(const TailArrival& arrival) {
  const CommittedRecord& record = arrival.record;
  Reading& reading = readings_.at(record.range);
  // After its end, records that were fetched before still arrive.
  if (reading.ended || record.offset < reading.next) return;
  if (!arrival.is_end && !(reading.end && record.offset >= *reading.end)) {
    Write(reading, record);
    reading.next = record.offset + 1;
    ++lines_;
  } else {
    reading.next = record.offset;
  }
  Expect(reading);
  EndWhereReached(record.range);
}

// The group may store this position when the lines before it were written.
void Tail::Expect(const Reading& reading) {
  if (!group_) return;
  written_.NoteWritten(output_.bytes_written());  // So that few are expected at a time.
  written_.Expect(reading.name, reading.next, output_.bytes_appended());
}

void Tail::Write(const Reading& reading, const CommittedRecord& record) {
  const bool is_relays = HasRelayHeaders(record.headers);
  const TopicPartition& name = reading.name;
  const MessagePart key{.topic = name.topic, .is_key = true, .is_relays = is_relays};
  const MessagePart value{.topic = name.topic, .is_key = false, .is_relays = is_relays};
  const TailLine line{.topic = name.topic,
                      .partition = name.partition,
                      .offset = record.offset,
                      .timestamp_ms = record.timestamp_ms,
                      .key = Decode(name, record.offset, key, record.key),
                      .value = Decode(name, record.offset, value, record.value),
                      .headers = record.headers,
                      .for_terminal = is_terminal_};
  switch (options_.format) {
    case TailFormat::kJson:
      return AppendJsonLine(line, output_.buffer());
    case TailFormat::kCsv:
      return AppendCsvLine(line, columns_, output_.buffer());
    case TailFormat::kCopy:
      return AppendCopyLine(line, columns_, output_.buffer());
  }
}

std::optional<std::string> Tail::Decode(const TopicPartition& name, int64_t offset,
                                        const MessagePart& part,
                                        std::optional<std::string_view> bytes) {
  if (!bytes) return std::nullopt;
  std::string json;
  try {
    decoder_.Append(*bytes, part, &json);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kRow) throw;
    throw RowError(fmt::format("topic {} partition {} offset {}, {}: {}", name.topic,
                               name.partition, offset, part.is_key ? "key" : "value",
                               error.what()));
  }
  return json;
}

void Tail::EndWhereReached(size_t index) {
  Reading& reading = readings_[index];
  if (reading.ended || !reading.end || reading.next < *reading.end) return;
  reading.ended = true;
  --open_;
  kafka_.End(index);
}

// --- What changes meanwhile ---------------------------------------------------------------------

std::map<std::string, int32_t> Tail::LookAtTopics() {
  std::map<std::string, int32_t> now;
  if (looks_for_topics_) {
    for (const auto& [topic, count] : kafka_.Topics()) {
      if (ChoosesTopic(options_.topics, topic)) now[topic] = count;
    }
    return now;
  }
  std::vector<std::string> names;
  for (const auto& [topic, count] : topics_) names.push_back(topic);
  const auto counts = cluster_->PartitionCounts(names);
  for (size_t i = 0; i < names.size(); ++i) {
    if (counts[i]) now[names[i]] = *counts[i];
  }
  return now;
}

// The partitions that there were not when we looked last.
std::vector<TopicPartition> Tail::NewPartitions(const std::map<std::string, int32_t>& now) const {
  std::vector<TopicPartition> added;
  if (!Follows(options_)) return added;
  const auto is_wanted = [&](int32_t partition) {
    return options_.partitions.empty() ||
           std::ranges::find(options_.partitions, partition) != options_.partitions.end();
  };
  for (const auto& [topic, count] : now) {
    const auto known = topics_.find(topic);
    const int32_t first = known == topics_.end() ? 0 : known->second;
    for (int32_t partition = first; partition < count; ++partition) {
      if (is_wanted(partition)) added.push_back({topic, partition});
    }
  }
  return added;
}

void Tail::LookForChanges() {
  // A group may have offsets of a topic that was only out of sight when we began.
  const bool goes_on = group_ && StartRuleOf(options_).kind == StartRule::Kind::kKnown;
  std::map<std::string, int32_t> now;
  std::vector<PartitionState> added;
  try {
    now = LookAtTopics();
    for (const auto& [topic, count] : topics_) {
      if (now.contains(topic)) continue;
      written_.Forget(topic);
      throw Error(ErrorKind::kHalt,
                  fmt::format("topic {} was deleted. If it is made again, start again to read what "
                              "is there then",
                              topic),
                  ExitCode::kHaltKafka);
    }
    const std::vector<TopicPartition> names = NewPartitions(now);
    added = goes_on ? FindStates(names) : LookAt(names);
    away_.Back();
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kTransient) throw;
    if (!stop_.requested()) away_.Away(error.what());
    return;
  }
  // From their beginning, whatever --from says: all in them is new.
  for (const PartitionState& state : added) {
    spdlog::info("Topic {} has a new partition {}", state.name.topic, state.name.partition);
    const StartRule rule{goes_on ? StartRule::Kind::kKnown : StartRule::Kind::kBeginning, 0};
    Start(state.name, StartOffset(rule, state, KeeperOf(options_)), std::nullopt);
  }
  topics_ = std::move(now);
}

bool Tail::StoreOffsets() {
  if (!group_) return true;
  written_.NoteWritten(output_.bytes_written());
  const NextOffsets offsets = written_.Unstored();
  if (offsets.empty()) return true;
  try {
    group_->Store(offsets);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kTransient) throw;
    away_.Away(error.what());
    return false;
  }
  written_.NoteStored(offsets);
  return true;
}

void Tail::StoreLastOffsets() {
  const TimePoint deadline = Now() + kLastStoreTimeout;
  while (!StoreOffsets()) {
    if (Now() > deadline) {
      throw Error(ErrorKind::kHalt,
                  fmt::format("the offsets of group {} could not be stored: the last lines will "
                              "come again at the next start",
                              options_.group),
                  ExitCode::kTryAgain);
    }
    std::this_thread::sleep_for(kWait);  // Not a wait that a stop ends: there may have been one.
  }
}

void Tail::KeepWhatWasWritten(const Error& error) {
  const auto attempt = [&](const auto& step) {
    try {
      step();
    } catch (const Error& second) {
      // The same again when it was this step that failed.
      if (std::string_view(second.what()) != error.what()) spdlog::error("{}", second.what());
    }
  };
  bool is_read = true;
  attempt([&] { is_read = output_.Flush() || !output_.reader_is_gone(); });
  if (is_read) attempt([&] { StoreLastOffsets(); });
}

}  // namespace bw
