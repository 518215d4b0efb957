#include "publish/kafka_broker_limit.h"

#include <fmt/format.h>

#include <string>
#include <string_view>

#include "base/parse_whole.h"
#include "publish/kafka_connection.h"

namespace bw {
namespace {

constexpr std::string_view kOperation = "Reading the brokers' settings";

// Of whichever broker the others name first: all of a cluster should have the same limit.
std::string SomeBroker(rd_kafka_t* client, const KafkaTrouble& trouble, const Stop& stop) {
  const rd_kafka_metadata_t* found = nullptr;
  const rd_kafka_resp_err_t error = AskInSlices(stop, [&](int slice_ms) {
    return rd_kafka_metadata(client, /*all_topics=*/0, nullptr, &found, slice_ms);
  });
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
    throw KafkaFailure(std::string(kOperation), error, trouble);
  }
  const KafkaMetadata metadata(found);
  if (metadata->broker_cnt == 0) throw TransientError("The brokers name no broker");
  return std::to_string(metadata->brokers[0].id);
}

// One setting of one broker; nothing when it has none of this name.
std::optional<int64_t> BrokerNumber(rd_kafka_t* client, const std::string& broker,
                                    const std::string& name, const KafkaTrouble& trouble,
                                    const Stop& stop) {
  const KafkaConfigResource resource(
      rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_BROKER, broker.c_str()));
  const KafkaQueue queue(rd_kafka_queue_new(client));
  const KafkaAdminOptions admin = NewAdminOptions(client, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS);
  rd_kafka_ConfigResource_t* asked[] = {resource.get()};
  rd_kafka_DescribeConfigs(client, asked, 1, admin.get(), queue.get());
  const KafkaEvent event = WaitForAdminResult(queue.get(), std::string(kOperation), trouble, stop);
  size_t count = 0;
  const rd_kafka_ConfigResource_t** answers = rd_kafka_DescribeConfigs_result_resources(
      rd_kafka_event_DescribeConfigs_result(event.get()), &count);
  for (size_t i = 0; i < count; ++i) {
    const rd_kafka_resp_err_t error = rd_kafka_ConfigResource_error(answers[i]);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
      throw KafkaFailure(std::string(kOperation), error, trouble);
    }
    const auto settings = SettingsIn(answers[i]);
    const auto found = settings.find(name);
    if (found != settings.end()) return ParseWhole<int64_t>(found->second);
  }
  return std::nullopt;
}

}  // namespace

std::optional<Error> FindTimeoutRefusal(const PublishOptions& options, const Stop& stop) {
  const auto given = options.kafka_config.find("transaction.timeout.ms");
  const int64_t timeout = given == options.kafka_config.end()
                              ? kTransactionTimeoutMs
                              : ParseWhole<int64_t>(given->second).value_or(kTransactionTimeoutMs);
  KafkaTrouble trouble;
  const KafkaHandle client = NewKafkaConsumer({options.brokers, options.kafka_config},
                                              /*read_committed=*/false, &trouble);
  const std::string broker = SomeBroker(client.get(), trouble, stop);
  const std::optional<int64_t> max =
      BrokerNumber(client.get(), broker, "transaction.max.timeout.ms", trouble, stop);
  if (!max || timeout <= *max) return std::nullopt;
  return TransientError(
      fmt::format("transaction.timeout.ms is {}, and the brokers refuse producers with more than "
                  "their transaction.max.timeout.ms, {}: lower the first with "
                  "--kafka-config=transaction.timeout.ms={}, or raise the second",
                  timeout, *max, *max));
}

}  // namespace bw
