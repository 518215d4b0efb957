#include <fmt/format.h>

#include "base/log.h"
#include "base/shell_text.h"
#include "publish/checkpoint_reader.h"
#include "publish/kafka_cluster.h"
#include "publish/kafka_topic_deletion.h"
#include "publish/topic_name.h"
#include "removal/remains.h"

namespace bw {
namespace {

// Empty for a checkpoint of our PostgreSQL cluster, or without one.
std::string WhyNotOurs(const NewestCheckpoint& newest, const Source& source) {
  if (!newest.checkpoint) return "";
  const Source& theirs = newest.checkpoint->source;
  if (theirs.system_identifier == source.system_identifier) return "";
  return fmt::format(
      "it is another relay's: its checkpoint is of the PostgreSQL cluster with system identifier "
      "{}, not {}",
      Printable(theirs.system_identifier), Printable(source.system_identifier));
}

NewestCheckpoint Read(const PublishOptions& options, const std::string& topic, const Stop& stop) {
  const auto kafka = ConnectToKafka(options, stop);
  kafka->ClusterId();  // Says why when no broker answers.
  return ReadNewestCheckpoint(kafka.get(), topic, /*claims_from=*/0);
}

// Looks again: Kafka may have been away when it was listed.
void DeleteOurs(const PublishOptions& options, const std::string& topic, const Source& source,
                const Stop& stop) {
  const NewestCheckpoint newest = Read(options, topic, stop);
  if (!newest.topic_exists) return;
  if (const std::string why = WhyNotOurs(newest, source); !why.empty()) {
    throw Error(ErrorKind::kHalt, why, ExitCode::kHaltKafka);
  }
  DeleteTopic(options, topic, stop);
}

}  // namespace

KafkaRemains FindKafkaRemains(const PublishOptions& options, const Source& source,
                              const Stop& stop) {
  KafkaRemains remains;
  const std::string name = CheckpointTopic(options.topic_prefix, source);
  Remains topic{
      .part = RelayPart::kCheckpoint,
      .what = "checkpoint topic " + name,
      .found = "without a checkpoint",
      .by_hand = OwnLine(fmt::format("kafka-topics.sh --bootstrap-server {} --delete --topic {}",
                                     ShellQuoted(options.brokers), name)),
      .stays = "",
      .remove = [&options, name, source, &stop] { DeleteOurs(options, name, source, stop); }};
  try {
    const NewestCheckpoint newest = Read(options, name, stop);
    if (!newest.topic_exists) {
      remains.absent.push_back({topic.part, topic.what, "--topic-prefix"});
      return remains;
    }
    for (const auto& [claimed, table] : newest.claims) remains.table_topics.push_back(claimed);
    for (const std::string& own :
         {DeadLetterTopic(options.topic_prefix), TransactionMetadataTopic(options.topic_prefix)}) {
      if (newest.checkpoint && newest.checkpoint->next_offsets.contains({own, 0})) {
        remains.table_topics.push_back(own);
      }
    }
    if (newest.checkpoint) {
      topic.found = "published up to " + newest.checkpoint->progress.end_lsn.ToString();
    }
    topic.stays = WhyNotOurs(newest, source);
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::kUsage) throw;
    if (error.kind() == ErrorKind::kTransient) {
      topic.found = fmt::format("not known now: {}", error.what());
    } else {
      topic.stays = fmt::format("it does not look like a relay's: {}", error.what());
    }
  }
  if (!topic.stays.empty()) topic.remove = nullptr;
  remains.list.push_back(std::move(topic));
  return remains;
}

}  // namespace bw
