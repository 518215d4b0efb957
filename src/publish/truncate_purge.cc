#include "publish/truncate_purge.h"

#include <optional>
#include <set>
#include <utility>

#include "base/format.h"
#include "base/log.h"

namespace bw {

TruncatePurge::TruncatePurge(const SnapshotPurge::Tools& tools, const Change& truncate,
                             const std::function<bool(const TableName&)>& is_now)
    : tools_(tools),
      position_(truncate.position),
      commit_time_us_(truncate.commit_time_us),
      keys_(tools.servers.cluster, tools.servers.spool->MakeScratch(), Lsn::Invalid()) {
  for (const SchemaId id : TruncatedTables(truncate)) {
    const TableSchema& schema = tools.servers.spool->log().Schema(id);
    TableName table{schema.schema, schema.table};
    if (is_now(table)) tables_.push_back(std::move(table));
  }
}

void TruncatePurge::FindKeys() {
  Destinations* const destinations = tools_.destinations;
  std::set<std::string> topics;
  for (const TableName& table : tables_) {
    const auto topic = destinations->routes().TopicFor(table);
    // A table that cannot have its topic has no rows there.
    if (!topic || topics.contains(*topic) || !keys_.AddTopic(*topic)) continue;
    topics.insert(*topic);
    destinations->claims().Claim(*topic, table);
  }
  keys_.ReadTopics();
  std::vector<std::pair<std::string, int32_t>> partitions;
  for (const std::string& topic : topics) {
    partitions.emplace_back(topic, destinations->routes().Open(topic).partitions);
  }
  destinations->NotePartitions(partitions);
}

bool TruncatePurge::Produce(PublishFigures* figures) {
  for (size_t count = 0; count < tools_.options->transaction_max_messages; ++count) {
    const auto key = keys_.Next();
    if (!key) return true;
    const EncodedMessage tombstone =
        tools_.encoder->Message(key->key, std::nullopt, static_cast<char>(Operation::kTruncate),
                                position_, commit_time_us_);
    const OpenedTopic& topic = tools_.destinations->routes().Open(keys_.topic(key->topic));
    tools_.producer->Produce({.topic = topic.handle,
                              .partition = key->partition,
                              .key = tombstone.key,
                              .value = std::nullopt,
                              .headers = tombstone.headers});
    ++count_;
    ++figures->messages;
    figures->bytes += tombstone.bytes();
  }
  return false;
}

std::string TruncatePurge::tables() const {
  std::vector<std::string> names;
  for (const TableName& table : tables_) names.push_back(Printable(table.qualified()));
  return FormatList(names);
}

}  // namespace bw
