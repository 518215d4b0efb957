#include "publish/kafka_connection.h"

#include <fmt/format.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

#include <array>

#include "base/log.h"

namespace bw {
namespace {

void OnBrokerError(rd_kafka_t* /*handle*/, int code, const char* reason, void* opaque) {
  auto* trouble = static_cast<KafkaTrouble*>(opaque);
  // This code says less than the reason before it.
  if (code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN && !trouble->Newest().empty()) return;
  trouble->Note(reason, code == RD_KAFKA_RESP_ERR__AUTHENTICATION);
}

// Records why OpenSSL refuses the certificate, without changing its verdict.
int OnCertificate(rd_kafka_t* /*handle*/, const char* /*broker*/, int32_t /*broker_id*/,
                  int* x509_error, int /*depth*/, const char* /*certificate*/, size_t /*size*/,
                  char* /*reason*/, size_t /*reason_size*/, void* opaque) {
  if (*x509_error == X509_V_OK) return 1;
  static_cast<KafkaTrouble*>(opaque)->NoteCertificate(X509_verify_cert_error_string(*x509_error));
  return 0;
}

bool UsesTokens(const rd_kafka_conf_t* conf) {
  return PropertyOf(conf, "sasl.mechanism") == "OAUTHBEARER";
}

// librdkafka fetches tokens by itself with OpenID Connect only; otherwise it asks its program for
// each token, and we would have no answer.
void RequireSourceOfTokens(const rd_kafka_conf_t* conf) {
  if (PropertyOf(conf, "sasl.oauthbearer.method") == "oidc" ||
      PropertyOf(conf, "enable.sasl.oauthbearer.unsecure.jwt") == "true") {
    return;
  }
  throw UsageError(
      "--kafka-config: sasl.mechanism=OAUTHBEARER takes sasl.oauthbearer.method=oidc, with "
      "sasl.oauthbearer.client.id, .client.secret and .token.endpoint.url; librdkafka has that "
      "where it was built with libcurl, as in Debian 13 and not in Debian 12");
}

bool SaysLittle(rd_kafka_resp_err_t code) {
  return code == RD_KAFKA_RESP_ERR__TIMED_OUT || code == RD_KAFKA_RESP_ERR__TRANSPORT ||
         code == RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE || code == RD_KAFKA_RESP_ERR__MSG_TIMED_OUT ||
         code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN;
}

// Codes above 0 are a broker's answers; these say that it, or the cluster, cannot answer yet.
bool WillPass(rd_kafka_resp_err_t code) {
  switch (code) {
    case RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION:
    case RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT:
    case RD_KAFKA_RESP_ERR_BROKER_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_REPLICA_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_NETWORK_EXCEPTION:
    case RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS:
    case RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_NOT_COORDINATOR:
    case RD_KAFKA_RESP_ERR_NOT_CONTROLLER:
    case RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS:
    case RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR:
    case RD_KAFKA_RESP_ERR_LISTENER_NOT_FOUND:
    case RD_KAFKA_RESP_ERR_FENCED_LEADER_EPOCH:
    case RD_KAFKA_RESP_ERR_UNKNOWN_LEADER_EPOCH:
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR_UNKNOWN:
      return true;
    default:
      return false;
  }
}

std::string RemedyFor(rd_kafka_resp_err_t code) {
  if (code == RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR) {
    return "Start more brokers, or start the relay with --topic-config=replication=N (-T) for as "
           "many replicas as there can be";
  }
  if (IsMissingRight(code)) {
    return "Grant what bottledwater check --print-acls prints, with the relay's options";
  }
  if (code == RD_KAFKA_RESP_ERR__AUTHENTICATION ||
      code == RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED || SaysLittle(code)) {
    return "Check the account in Kafka, and sasl.* and ssl.* of --kafka-config";
  }
  return "";
}

}  // namespace

std::map<std::string, std::string> SettingsIn(const rd_kafka_ConfigResource_t* answer) {
  size_t count = 0;
  const rd_kafka_ConfigEntry_t** entries = rd_kafka_ConfigResource_configs(answer, &count);
  std::map<std::string, std::string> settings;
  for (size_t i = 0; i < count; ++i) {
    const char* value = rd_kafka_ConfigEntry_value(entries[i]);
    settings[rd_kafka_ConfigEntry_name(entries[i])] = value != nullptr ? value : "";
  }
  return settings;
}

bool IsMissingRight(rd_kafka_resp_err_t code) {
  return code == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED ||
         code == RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED ||
         code == RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED ||
         code == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED;
}

void LogForKafka(const rd_kafka_t* handle, int /*level*/, const char* facility, const char* text) {
  if (spdlog::should_log(spdlog::level::debug)) {
    spdlog::debug("librdkafka {} {}: {}", handle != nullptr ? rd_kafka_name(handle) : "", facility,
                  Printable(text));
  }
}

void KafkaTrouble::Note(std::string reason, bool refuses) {
  const std::lock_guard lock(mutex_);
  newest_ = std::move(reason);
  noted_at_ = std::chrono::steady_clock::now();
  newest_refuses_ = refuses;
  if (newest_.find("certificate verify failed") != std::string::npos && !certificate_.empty()) {
    newest_ += " (" + certificate_ + ")";
  }
}

void KafkaTrouble::NoteCertificate(std::string reason) {
  const std::lock_guard lock(mutex_);
  certificate_ = std::move(reason);
}

std::string KafkaTrouble::Newest() const {
  const std::lock_guard lock(mutex_);
  return newest_;
}

std::string KafkaTrouble::NewestSince(TimePoint since) const {
  const std::lock_guard lock(mutex_);
  return noted_at_ < since ? "" : newest_;
}

bool KafkaTrouble::newest_refuses() const {
  const std::lock_guard lock(mutex_);
  return newest_refuses_;
}

void SetProperty(rd_kafka_conf_t* conf, const char* property, const std::string& value) {
  std::array<char, 512> reason{};
  if (rd_kafka_conf_set(conf, property, value.c_str(), reason.data(), reason.size()) !=
      RD_KAFKA_CONF_OK) {
    throw UsageError(fmt::format("--kafka-config {}: {}", property, Printable(reason.data())));
  }
}

std::string PropertyOf(const rd_kafka_conf_t* conf, const char* property) {
  std::array<char, 512> value{};
  size_t size = value.size();
  BW_CHECK(rd_kafka_conf_get(conf, property, value.data(), &size) == RD_KAFKA_CONF_OK);
  return value.data();
}

KafkaConf NewKafkaConf(const KafkaSettings& settings, KafkaTrouble* trouble) {
  KafkaConf conf(rd_kafka_conf_new());
  SetProperty(conf.get(), "bootstrap.servers", settings.brokers);
  // Our defaults, which --kafka-config may change.
  SetProperty(conf.get(), "client.id", "bottledwater");
  SetProperty(conf.get(), "socket.keepalive.enable", "true");
  SetProperty(conf.get(), "socket.nagle.disable", "true");
  // With librdkafka's 10 s, a returning broker could go unnoticed that long; docs/decisions/0011.
  SetProperty(conf.get(), "reconnect.backoff.max.ms", "1000");
  for (const auto& [property, value] : settings.properties) {
    SetProperty(conf.get(), property.c_str(), value);
  }
  if (UsesTokens(conf.get())) RequireSourceOfTokens(conf.get());
  SetProperty(conf.get(), "allow.auto.create.topics", "false");
  // Telemetry of librdkafka 2.5 and later (others do not know the property); an assertion in it
  // ended the process in 2.5.0.
  BW_CHECK(rd_kafka_conf_set(conf.get(), "enable.metrics.push", "false", nullptr, 0) !=
           RD_KAFKA_CONF_INVALID);
  rd_kafka_conf_set_log_cb(conf.get(), &LogForKafka);
  rd_kafka_conf_set_error_cb(conf.get(), &OnBrokerError);
  // Fails in a librdkafka without TLS, which checks no certificates either.
  rd_kafka_conf_set_ssl_cert_verify_cb(conf.get(), &OnCertificate);
  rd_kafka_conf_set_opaque(conf.get(), trouble);
  return conf;
}

KafkaHandle NewKafkaHandle(rd_kafka_type_t type, KafkaConf conf) {
  const bool uses_tokens = UsesTokens(conf.get());
  rd_kafka_conf_enable_sasl_queue(conf.get(), uses_tokens ? 1 : 0);
  std::array<char, 512> reason{};
  KafkaHandle handle(rd_kafka_new(type, conf.get(), reason.data(), reason.size()));
  if (!handle) throw UsageError(fmt::format("--kafka-config: {}", Printable(reason.data())));
  static_cast<void>(conf.release());  // The handle owns it now.
  if (uses_tokens) {
    // Tokens are fetched on a thread of librdkafka's, whatever our threads wait for. It refuses
    // this for unsecured tokens, which take no time to make.
    const KafkaErrorObject ignored(rd_kafka_sasl_background_callbacks_enable(handle.get()));
  }
  return handle;
}

KafkaHandle NewKafkaConsumer(const KafkaSettings& settings, bool read_committed,
                             KafkaTrouble* trouble) {
  KafkaConf conf = NewKafkaConf(settings, trouble);
  SetProperty(conf.get(), "isolation.level",
              read_committed ? "read_committed" : "read_uncommitted");
  SetProperty(conf.get(), "enable.auto.commit", "false");
  SetProperty(conf.get(), "enable.partition.eof", "true");
  SetProperty(conf.get(), "auto.offset.reset", "error");
  SetProperty(conf.get(), "queued.max.messages.kbytes", "4096");
  return NewKafkaHandle(RD_KAFKA_CONSUMER, std::move(conf));
}

KafkaAdminOptions NewAdminOptions(rd_kafka_t* client, rd_kafka_admin_op_t operation) {
  KafkaAdminOptions options(rd_kafka_AdminOptions_new(client, operation));
  std::array<char, 256> reason{};
  BW_CHECK(rd_kafka_AdminOptions_set_request_timeout(options.get(), kKafkaAnswerTimeoutMs,
                                                     reason.data(),
                                                     reason.size()) == RD_KAFKA_RESP_ERR_NO_ERROR);
  return options;
}

KafkaEvent WaitForAdminResult(rd_kafka_queue_t* queue, const std::string& operation,
                              const KafkaTrouble& trouble, const Stop& stop) {
  for (int waited_ms = 0; waited_ms < 2 * kKafkaAnswerTimeoutMs && !stop.requested();
       waited_ms += kKafkaSliceMs) {
    KafkaEvent event(rd_kafka_queue_poll(queue, kKafkaSliceMs));
    if (!event) continue;
    const rd_kafka_resp_err_t error = rd_kafka_event_error(event.get());
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) return event;
    const char* text = rd_kafka_event_error_string(event.get());
    throw KafkaFailure(operation, error, text != nullptr ? text : "", trouble);
  }
  throw KafkaFailure(operation, RD_KAFKA_RESP_ERR__TIMED_OUT, trouble);
}

Error KafkaFailure(const std::string& operation, rd_kafka_resp_err_t code, const std::string& text,
                   const KafkaTrouble& trouble) {
  std::string message = operation + ": " + Printable(text);
  if (IsMissingRight(code)) {
    message += " (the broker's ACLs do not allow it; docs/operations.md lists the rights we need)";
  }
  if (const std::string reason = trouble.Newest(); SaysLittle(code) && !reason.empty()) {
    message += " (" + Printable(reason) + ")";
  }
  const bool refuses = (code > 0 && !WillPass(code)) || code == RD_KAFKA_RESP_ERR__AUTHENTICATION ||
                       (SaysLittle(code) && trouble.newest_refuses());
  const Error error = TransientError(message);
  return refuses ? error.AsRefusal(RemedyFor(code)) : error;
}

Error KafkaFailure(const std::string& operation, rd_kafka_resp_err_t code,
                   const KafkaTrouble& trouble) {
  return KafkaFailure(operation, code, rd_kafka_err2str(code), trouble);
}

}  // namespace bw
