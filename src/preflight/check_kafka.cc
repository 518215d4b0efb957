#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/log.h"
#include "preflight/preflight.h"
#include "publish/kafka_broker_limit.h"
#include "publish/kafka_cluster.h"
#include "publish/topic_trial.h"
#include "registry/http_client.h"

namespace bw {
namespace {

void CheckCheckpointTopic(KafkaCluster* kafka, const std::string& topic, Findings* findings) {
  if (!kafka->PartitionCount(topic)) {
    findings->Good(fmt::format("Checkpoint topic {} would be created", topic));
    return;
  }
  const auto config = kafka->TopicConfig(topic);
  if (!config) {
    findings->Doubtful(fmt::format(
        "No right to read the settings of topic {} (DescribeConfigs): its limits are learnt only "
        "from the brokers' refusals",
        topic));
    return;
  }
  if (NumberIn(*config, "min.insync.replicas").value_or(1) < 2) {
    findings->Doubtful(fmt::format(
        "Checkpoint topic {} has min.insync.replicas=1: the loss of one broker can lose what Kafka "
        "has confirmed",
        topic));
  }
}

// Of topics that exist already nothing is created.
void CheckCreation(KafkaCluster* kafka, const PublishOptions& options, const std::string& topic,
                   Findings* findings) {
  try {
    if (const auto refusal = FindTopicRefusal(kafka, options, topic)) findings->Bad(*refusal);
  } catch (const Error& error) {
    findings->Doubtful(Sentence(error.what()) +
                       " So it is not known whether the relay can create the tables' topics; "
                       "those that exist need not be created");
  }
}

// Only a producer is refused, and check makes none.
void CheckTransactionTimeout(const PublishOptions& options, const Stop& stop, Findings* findings) {
  try {
    if (const auto refusal = FindTimeoutRefusal(options, stop)) findings->Bad(*refusal);
  } catch (const Error& error) {
    if (!options.kafka_config.contains("transaction.timeout.ms")) return;  // Ours suits most.
    findings->Doubtful(Sentence(error.what()) +
                       " So it is not known whether transaction.timeout.ms is within the brokers' "
                       "transaction.max.timeout.ms; beyond it, nothing would be published");
  }
}

std::string RegistryMode(const HttpAnswer& answer) {
  const auto json = nlohmann::json::parse(answer.body, nullptr, /*allow_exceptions=*/false);
  const auto mode = json.is_object() ? json.find("mode") : json.end();
  return json.is_object() && mode != json.end() && mode->is_string() ? mode->get<std::string>()
                                                                     : "";
}

}  // namespace

std::vector<Finding> CheckKafka(const PublishOptions& options, const Stop& stop, Seen* seen) {
  Findings findings("Kafka");
  findings.Try([&] {
    CheckKafkaConfig(options);
    auto kafka = ConnectToKafka(options, stop);
    const std::string id = kafka->ClusterId();
    findings.Good(fmt::format("{} answers, cluster id {}", options.brokers, id));
    const std::string& topic = seen->checkpoint_topic;
    if (!topic.empty()) CheckCheckpointTopic(kafka.get(), topic, &findings);
    CheckCreation(kafka.get(), options, topic, &findings);
    CheckTransactionTimeout(options, stop, &findings);
    seen->kafka = std::move(kafka);
  });
  return findings.Take();
}

std::vector<Finding> CheckRegistry(const HttpSchemaRegistryOptions& options,
                                   const PublishOptions& publish, const Stop& stop) {
  Findings findings("Schema registry");
  if (publish.output_format != OutputFormat::kAvro) return {};
  findings.Try([&] {
    HttpClient http(options, stop);
    const HttpRequest requests[] = {{.method = "GET", .path = "/subjects", .body = ""},
                                    {.method = "GET", .path = "/mode", .body = ""}};
    const std::vector<HttpAnswer> answers = http.Ask(requests);
    if (answers[0].failure) {
      throw TransientError(fmt::format("the registry at {} does not answer: {}", http.base_url(),
                                       *answers[0].failure));
    }
    if (answers[0].status != 200) {
      throw TransientError(
          fmt::format("the registry at {} answers /subjects with status {}: check its address "
                      "(with the path of the Confluent "
                      "API, e.g. /apis/ccompat/v7), --schema-registry-user and its password",
                      http.base_url(), answers[0].status));
    }
    const std::string mode = RegistryMode(answers[1]);
    if (mode.starts_with("READONLY")) {
      findings.Doubtful(fmt::format(
          "{} is in mode {}: tables with a new schema wait until it takes schemas again",
          http.base_url(), mode));
    } else {
      findings.Good(
          fmt::format("{} answers{}", http.base_url(), mode.empty() ? "" : ", mode " + mode));
    }
  });
  return findings.Take();
}

}  // namespace bw
