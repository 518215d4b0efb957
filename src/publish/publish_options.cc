#include "publish/publish_options.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/log.h"
#include "base/parse_whole.h"
#include "publish/kafka_config.h"
#include "publish/topic_name.h"

namespace bw {
namespace {

int32_t ParseCount(const std::string& name, const std::string& text, int32_t max) {
  const auto count = ParseWhole<int32_t>(text);
  if (!count || *count < 1 || *count > max) {
    throw UsageError(fmt::format("--topic-config: {} is \"{}\", not a number from 1 to {}", name,
                                 Printable(text), max));
  }
  return *count;
}

}  // namespace

TopicSettings ParseTopicConfig(const std::map<std::string, std::string>& config) {
  TopicSettings settings;
  for (const auto& [name, value] : config) {
    if (name == "partitions") {
      settings.partitions = ParseCount(name, value, 100'000);
    } else if (name == "replication") {
      settings.replication = ParseCount(name, value, 32'767);
    } else if (name.empty() || !IsLegalTopicText(name)) {
      throw UsageError(fmt::format("--topic-config: \"{}\" is not the name of a topic setting",
                                   Printable(name)));
    } else {
      settings.config[name] = value;
    }
  }
  return settings;
}

void CheckPublishOptions(const PublishOptions& options) {
  if (!IsLegalTopicText(options.topic_prefix) ||
      options.topic_prefix.size() > kTopicPrefixBytesMax) {
    throw UsageError(fmt::format(
        "--topic-prefix: \"{}\" is not made of at most {} ASCII letters, digits, '.', '_' and '-'",
        Printable(options.topic_prefix), kTopicPrefixBytesMax));
  }
  if (options.envelope == Envelope::kDebezium && options.topic_prefix.empty()) {
    throw UsageError(
        "--envelope=debezium: needs --topic-prefix, which is topic.prefix in Debezium: its topics "
        "are prefix.schema.table");
  }
  if (options.transaction_max_messages < 1 || options.transaction_max_messages > 1'000'000) {
    throw UsageError("--transaction-max-messages: must be from 1 to 1000000");
  }
  if (options.transaction_max_bytes < 64 * kKiB || options.transaction_max_bytes > kGiB) {
    throw UsageError("--transaction-max-bytes: must be from 64KiB to 1GiB");
  }
  if (options.message_bytes_max < 64 * kKiB || options.message_bytes_max > 64 * kMiB) {
    throw UsageError("--max-message-bytes: must be from 64KiB to 64MiB");
  }
  if (options.schema_check_interval < Duration(100)) {
    throw UsageError("--schema-check-interval: less than 100ms");
  }
  CheckBrokers(options.brokers);
  ParseTopicConfig(options.topic_config);
}

}  // namespace bw
