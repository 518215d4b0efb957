#include "publish/snapshot_purge.h"

#include <optional>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/kill_point.h"
#include "base/log.h"

namespace bw {

SnapshotPurge::SnapshotPurge(const Tools& tools, SnapshotMark snapshot)
    : tools_(tools),
      snapshot_(std::move(snapshot)),
      leftovers_(tools.servers.cluster, tools.servers.spool->MakeScratch(),
                 snapshot_.tombstones_lsn()) {}

bool SnapshotPurge::FindLeftovers(const Position& published) {
  Destinations* const destinations = tools_.destinations;
  std::map<std::string, size_t> topics;
  for (const TableName& table : snapshot_.tables) {
    const auto topic = destinations->routes().TopicFor(table);
    if (!topic || topics.contains(*topic)) continue;
    if (const auto index = leftovers_.AddTopic(*topic)) {
      topics.emplace(*topic, *index);
      destinations->claims().Claim(*topic, table);
    }
  }
  if (!topics.empty()) {
    spdlog::info("Looking in {} topics for keys that the new snapshot does not have",
                 topics.size());
    if (!AddRows(topics)) return false;
    leftovers_.ReadTopics();
  }
  std::vector<std::pair<std::string, int32_t>> partitions;
  for (const auto& [topic, index] : topics) {
    partitions.emplace_back(topic, destinations->routes().Open(topic).partitions);
  }
  destinations->NotePartitions(partitions);
  next_ = {snapshot_.tombstones_lsn(), leftovers_.next_tombstone_index()};
  if (published >= next_) next_.index = published.index + 1;
  return true;
}

bool SnapshotPurge::AddRows(const std::map<std::string, size_t>& topics) {
  const PublishOptions& options = *tools_.options;
  Position after = Position::EndOf(snapshot_.tombstones_lsn());
  while (true) {
    if (tools_.stop->requested()) {
      throw TransientError("Stopped while comparing topics with the snapshot");
    }
    const SpoolBatch batch = tools_.servers.spool->log().Read(
        after, {options.transaction_max_messages, options.transaction_max_bytes,
                Lsn{snapshot_.commit_lsn.value + 1}});
    if (batch.changes().empty()) return true;
    if (!tools_.destinations->Prepare(batch)) return false;
    for (const Change& change : batch.changes()) {
      if (change.operation == Operation::kRefused) {
        LeaveAlone(change, topics);
        continue;
      }
      const TableRoute& route = tools_.destinations->routes().Get(change.schema_id);
      const auto topic = topics.find(route.topic);
      if (topic == topics.end()) continue;
      if (route.refusal) {
        leftovers_.LeaveAlone(topic->second);
      } else if (change.key) {
        AddRow(change, route, topic->second);
      }
    }
    after = batch.through().position;
  }
}

// A row that cannot be encoded is in the table all the same, and its key may be in the topic.
void SnapshotPurge::LeaveAlone(const Change& refused, const std::map<std::string, size_t>& topics) {
  const TableSchema& schema = tools_.servers.spool->log().Schema(refused.schema_id);
  const auto name = tools_.destinations->routes().TopicFor({schema.schema, schema.table});
  const auto topic = name ? topics.find(*name) : topics.end();
  if (topic != topics.end()) leftovers_.LeaveAlone(topic->second);
}

void SnapshotPurge::AddRow(const Change& change, const TableRoute& route, size_t topic) {
  try {
    leftovers_.AddRow(topic, tools_.encoder->EncodeKey(change, route.encoding));
  } catch (const Error& error) {
    // The row is refused again, and counted, when it is published.
    if (error.kind() != ErrorKind::kRow) throw;
  }
}

Progress SnapshotPurge::Produce(PublishFigures* figures) {
  for (size_t count = 0; count < tools_.options->transaction_max_messages; ++count) {
    const auto leftover = leftovers_.Next();
    if (!leftover) return {Position::EndOf(snapshot_.tombstones_lsn()), Lsn::Invalid()};
    const EncodedMessage tombstone =
        tools_.encoder->Tombstone(leftover->key, next_, tools_.servers.clock->WallMicros());
    const OpenedTopic& topic =
        tools_.destinations->routes().Open(leftovers_.topic(leftover->topic));
    tools_.producer->Produce({.topic = topic.handle,
                              .partition = leftover->partition,
                              .key = tombstone.key,
                              .value = std::nullopt,
                              .headers = tombstone.headers});
    ++next_.index;
    ++figures->messages;
    figures->bytes += tombstone.bytes();
    BW_KILL_POINT("resnapshot.after_tombstone");
  }
  return {{next_.commit_lsn, next_.index - 1}, Lsn::Invalid()};
}

}  // namespace bw
