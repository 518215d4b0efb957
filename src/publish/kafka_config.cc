#include "publish/kafka_config.h"

#include <fmt/format.h>

#include <array>
#include <cstdio>
#include <cstdlib>

#include "base/comma_list.h"
#include "base/error.h"
#include "base/log.h"
#include "base/parse_whole.h"
#include "publish/kafka_connection.h"

namespace bw {
namespace {

struct OwnedProperty {
  std::string_view name;
  std::string_view reason;
};

constexpr std::string_view kExactlyOnce = "publishing exactly once rests on our value";
constexpr std::string_view kNoGroup = "we read single partitions and belong to no group";

constexpr auto kOwnedProperties = std::to_array<OwnedProperty>({
    {"bootstrap.servers", "use --broker"},
    {"metadata.broker.list", "use --broker"},
    {"transactional.id", kExactlyOnce},
    {"enable.idempotence", kExactlyOnce},
    {"enable.gapless.guarantee", kExactlyOnce},
    {"acks", kExactlyOnce},
    {"request.required.acks", kExactlyOnce},
    {"isolation.level", kExactlyOnce},
    {"auto.offset.reset", kExactlyOnce},
    {"message.timeout.ms", "it follows transaction.timeout.ms"},
    {"delivery.timeout.ms", "it follows transaction.timeout.ms"},
    {"delivery.report.only.error", kExactlyOnce},
    {"produce.offset.report", kExactlyOnce},
    {"partitioner", "partitions are chosen as Java's default partitioner does"},
    {"partitioner_cb", "partitions are chosen as Java's default partitioner does"},
    {"queuing.strategy", kExactlyOnce},
    {"allow.auto.create.topics", "topics are created with --topic-config"},
    {"enable.partition.eof", kExactlyOnce},
    {"group.id", kNoGroup},
    {"group.instance.id", kNoGroup},
    {"enable.auto.commit", kNoGroup},
    {"auto.commit.enable", kNoGroup},
    {"enable.auto.offset.store", kNoGroup},
    {"debug", "it can print passwords into the log"},
    {"plugin.library.paths", "code is not loaded from settings"},
    {"builtin.features", "it cannot be set"},
});

[[noreturn]] void RefuseBroker(std::string_view broker, const char* problem) {
  throw UsageError(fmt::format("--broker: \"{}\" {}; write host:port, several with commas",
                               Printable(broker), problem));
}

void CheckBroker(std::string_view broker) {
  std::string_view address = broker;
  if (const size_t scheme = address.find("://"); scheme != std::string_view::npos) {
    address.remove_prefix(scheme + 3);
  }
  if (address.empty()) RefuseBroker(broker, "has no host");
  for (const char c : address) {
    const bool legal = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '.' || c == '-' || c == '_' || c == ':' || c == '[' || c == ']' ||
                       c == '%';
    if (!legal) RefuseBroker(broker, "is not an address");
  }
  const size_t colon = address.rfind(':');
  if (colon == std::string_view::npos || address.ends_with(']')) return;
  if (colon == 0) RefuseBroker(broker, "has no host");
  const auto port = ParseWhole<uint32_t>(address.substr(colon + 1));
  if (!port || *port < 1 || *port > 65535) {
    RefuseBroker(broker, "has no port from 1 to 65535 after its colon");
  }
}

}  // namespace

void CheckKafkaProperty(const std::string& property, const std::string& value) {
  // librdkafka also accepts topic properties with this prefix.
  std::string_view bare = property;
  if (bare.starts_with("topic.")) bare.remove_prefix(std::string_view("topic.").size());
  for (const auto& [name, reason] : kOwnedProperties) {
    if (bare == name) throw UsageError(fmt::format("{} cannot be set: {}", name, reason));
  }
  const KafkaConf conf(rd_kafka_conf_new());
  std::array<char, 512> reason{};
  if (rd_kafka_conf_set(conf.get(), property.c_str(), value.c_str(), reason.data(),
                        reason.size()) != RD_KAFKA_CONF_OK) {
    throw UsageError(fmt::format("{}: {}", Printable(property), Printable(reason.data())));
  }
}

void CheckBrokers(std::string_view brokers) {
  // Checked first: no message may repeat a password.
  if (brokers.find('@') != std::string_view::npos) {
    throw UsageError(
        "--broker: a broker is written host:port. A user name and password are Kafka properties: "
        "sasl.username and sasl.password, see --kafka-config-file");
  }
  if (brokers.empty()) throw UsageError("--broker: names no broker; write host:port");
  ForEachBetweenCommas(brokers, CheckBroker);
}

bool IsSecretKafkaKey(std::string_view key) {
  for (const std::string_view word :
       {"password", "secret", "token", "credential", "ssl.key.pem", "sasl.oauthbearer.config"}) {
    if (key.find(word) != std::string_view::npos) {
      // A token's URL and a client's id are not secret.
      return !key.ends_with(".url") && !key.ends_with(".id");
    }
  }
  return false;
}

std::string KafkaPropertyHelp() {
  char* text = nullptr;
  size_t size = 0;
  std::FILE* const stream = open_memstream(&text, &size);
  BW_CHECK(stream != nullptr);
  rd_kafka_conf_properties_show(stream);
  std::fclose(stream);
  std::string help(text, size);
  std::free(text);
  return help;
}

}  // namespace bw
