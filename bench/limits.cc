// What bare clients reach, so that figures of relays can be read beside what their servers allow:
//
//   bench_limits receive  a libpq receiver of pgoutput that counts rows and throws them away
//   bench_limits produce  a transactional librdkafka producer of messages made before the clock
//   runs
//
// Each prints one line of JSON: seconds, changes, bytes.

#include <fmt/format.h>
#include <libpq-fe.h>
#include <librdkafka/rdkafka.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "base/lsn.h"
#include "capture/replication_frame.h"

namespace {

using SteadyClock = std::chrono::steady_clock;

struct Tally {
  uint64_t changes = 0;
  uint64_t bytes = 0;
};

double SecondsSince(SteadyClock::time_point begun) {
  return std::chrono::duration<double>(SteadyClock::now() - begun).count();
}

void Print(const Tally& tally, double seconds) {
  fmt::print("{{\"seconds\": {:.6f}, \"changes\": {}, \"bytes\": {}}}\n", seconds, tally.changes,
             tally.bytes);
}

// ---- receive ----

struct ReceiveOptions {
  std::string postgres;
  std::string slot;
  std::string publication;
  std::string until;  // Ends when the server has sent everything that committed below this LSN.
};

using PgHandle = std::unique_ptr<PGconn, decltype(&PQfinish)>;

[[noreturn]] void FailPostgres(const PgHandle& connection, const char* doing) {
  throw std::runtime_error(fmt::format("cannot {}: {}", doing, PQerrorMessage(connection.get())));
}

PgHandle StartStreaming(const ReceiveOptions& options) {
  const char* const names[] = {"dbname", "replication", nullptr};
  const char* const values[] = {options.postgres.c_str(), "database", nullptr};
  PgHandle connection(PQconnectdbParams(names, values, /*expand_dbname=*/1), &PQfinish);
  if (PQstatus(connection.get()) != CONNECTION_OK) FailPostgres(connection, "connect");
  const std::string command = fmt::format(
      "START_REPLICATION SLOT {} LOGICAL 0/0 (proto_version '1', publication_names '{}')",
      options.slot, options.publication);
  const std::unique_ptr<PGresult, decltype(&PQclear)> result(
      PQexec(connection.get(), command.c_str()), &PQclear);
  if (PQresultStatus(result.get()) != PGRES_COPY_BOTH) FailPostgres(connection, "stream");
  return connection;
}

// Confirms nothing, so that the slot can be received from again; only keeps the connection alive.
void SendStatus(const PgHandle& connection) {
  const std::string status = bw::EncodeStandbyStatus({}, 0);
  if (PQputCopyData(connection.get(), status.data(), static_cast<int>(status.size())) != 1 ||
      PQflush(connection.get()) < 0) {
    FailPostgres(connection, "send a status");
  }
}

// The next frame, without its CopyData envelope.
std::unique_ptr<char, decltype(&PQfreemem)> ReceiveFrame(const PgHandle& connection, int* length) {
  char* bytes = nullptr;
  *length = PQgetCopyData(connection.get(), &bytes, /*async=*/0);
  if (*length < 0) FailPostgres(connection, "receive");
  return {bytes, &PQfreemem};
}

bool IsRow(std::string_view message) {
  return !message.empty() && (message[0] == 'I' || message[0] == 'U' || message[0] == 'D');
}

void Receive(const ReceiveOptions& options) {
  const auto until = bw::Lsn::Parse(options.until);
  if (!until) throw std::runtime_error("--until: not an LSN: " + options.until);
  Tally tally;
  const auto begun = SteadyClock::now();
  const PgHandle connection = StartStreaming(options);
  SendStatus(connection);
  while (true) {
    int length = 0;
    const auto bytes = ReceiveFrame(connection, &length);
    const bw::Frame frame = bw::DecodeFrame({bytes.get(), static_cast<size_t>(length)});
    if (const auto* data = std::get_if<bw::XLogData>(&frame)) {
      if (IsRow(data->bytes)) ++tally.changes;
      tally.bytes += data->bytes.size();
    } else if (const auto& keepalive = std::get<bw::Keepalive>(frame);
               keepalive.wal_end >= *until) {
      break;
    } else if (keepalive.reply_requested) {
      SendStatus(connection);
    }
  }
  Print(tally, SecondsSince(begun));
}

// ---- produce ----

struct ProduceOptions {
  std::string brokers;
  std::string topic;  // Their names are this, a dot, and numbers from 0.
  uint64_t topics = 1;
  uint64_t messages = 0;
  size_t message_bytes = 0;
  // Those of the relay: --transaction-max-messages and --transaction-max-bytes.
  uint64_t transaction_messages = 10'000;
  uint64_t transaction_bytes = 16 << 20;
};

using KafkaHandle = std::unique_ptr<rd_kafka_t, decltype(&rd_kafka_destroy)>;

void Require(rd_kafka_error_t* error, const char* doing) {
  if (error == nullptr) return;
  const std::string text = fmt::format("cannot {}: {}", doing, rd_kafka_error_string(error));
  rd_kafka_error_destroy(error);
  throw std::runtime_error(text);
}

void Set(rd_kafka_conf_t* conf, const char* name, const std::string& value) {
  char reason[512];
  if (rd_kafka_conf_set(conf, name, value.c_str(), reason, sizeof(reason)) != RD_KAFKA_CONF_OK) {
    throw std::runtime_error(reason);
  }
}

// With the settings that the relay has by default (src/publish/kafka_producer.cc).
KafkaHandle NewProducer(const ProduceOptions& options) {
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  Set(conf, "bootstrap.servers", options.brokers);
  Set(conf, "transactional.id", "bench-limits-" + options.topic);
  Set(conf, "compression.type", "lz4");
  Set(conf, "linger.ms", "5");
  Set(conf, "batch.size", "1000000");
  Set(conf, "queue.buffering.max.messages", "100000");
  Set(conf, "queue.buffering.max.kbytes", "65536");
  char reason[512];
  rd_kafka_t* handle = rd_kafka_new(RD_KAFKA_PRODUCER, conf, reason, sizeof(reason));
  if (handle == nullptr) throw std::runtime_error(reason);
  return {handle, &rd_kafka_destroy};
}

// Hexadecimal digits without a repetition that a compressor would find.
std::string RandomText(size_t size) {
  std::string text;
  uint64_t state = 88172645463325252;
  while (text.size() < size) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    text += fmt::format("{:016x}", state);
  }
  text.resize(size);
  return text;
}

using TopicObject = std::unique_ptr<rd_kafka_topic_t, decltype(&rd_kafka_topic_destroy)>;

// Asks for the partitions: else the first messages would wait up to a second for them.
std::vector<TopicObject> OpenTopics(const KafkaHandle& producer, const ProduceOptions& options,
                                    int timeout_ms) {
  std::vector<TopicObject> topics;
  for (uint64_t i = 0; i < options.topics; ++i) {
    const std::string name = fmt::format("{}.{}", options.topic, i);
    topics.emplace_back(rd_kafka_topic_new(producer.get(), name.c_str(), nullptr),
                        &rd_kafka_topic_destroy);
  }
  const rd_kafka_metadata_t* found = nullptr;
  const rd_kafka_resp_err_t error =
      rd_kafka_metadata(producer.get(), /*all_topics=*/0, nullptr, &found, timeout_ms);
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) throw std::runtime_error(rd_kafka_err2str(error));
  rd_kafka_metadata_destroy(found);
  return topics;
}

void ProduceOne(const KafkaHandle& producer, const TopicObject& topic, const std::string& key,
                std::string_view value) {
  // librdkafka copies the value; only its signature lacks the const.
  while (rd_kafka_produce(topic.get(), /*partition=*/0, RD_KAFKA_MSG_F_COPY,
                          const_cast<char*>(value.data()), value.size(), key.data(), key.size(),
                          nullptr) != 0) {
    const rd_kafka_resp_err_t error = rd_kafka_last_error();
    if (error != RD_KAFKA_RESP_ERR__QUEUE_FULL) {
      throw std::runtime_error(fmt::format("cannot produce: {}", rd_kafka_err2str(error)));
    }
    rd_kafka_poll(producer.get(), 1);
  }
}

void Produce(const ProduceOptions& options) {
  constexpr int kTimeoutMs = 60'000;
  constexpr uint64_t kStride = 7919;  // Prime: all topics have their turn, neighbours apart.
  // Values are consecutive pieces of a text that is longer than a compressor remembers.
  constexpr size_t kDistinct = 4 << 20;
  const std::string text = RandomText(options.message_bytes + kDistinct);
  const KafkaHandle producer = NewProducer(options);
  Require(rd_kafka_init_transactions(producer.get(), kTimeoutMs), "become the producer");
  const std::vector<TopicObject> topics = OpenTopics(producer, options, kTimeoutMs);
  Tally tally;
  const auto begun = SteadyClock::now();
  while (tally.changes < options.messages) {
    Require(rd_kafka_begin_transaction(producer.get()), "begin");
    uint64_t count = 0, bytes = 0;
    while (count < options.transaction_messages && bytes < options.transaction_bytes &&
           tally.changes < options.messages) {
      const std::string key = fmt::format("{{\"id\":{}}}", tally.changes);
      const auto value = std::string_view(text).substr(
          (tally.changes * options.message_bytes) % kDistinct, options.message_bytes);
      ProduceOne(producer, topics[(tally.changes * kStride) % topics.size()], key, value);
      ++count;
      ++tally.changes;
      bytes += value.size();
      if (count % 256 == 0) rd_kafka_poll(producer.get(), 0);
    }
    tally.bytes += bytes;
    Require(rd_kafka_commit_transaction(producer.get(), kTimeoutMs), "commit");
  }
  Print(tally, SecondsSince(begun));
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("What bare clients of PostgreSQL and Kafka reach; for bench/run compare.");
  app.require_subcommand(1);

  ReceiveOptions receive;
  CLI::App* receiving = app.add_subcommand("receive", "receive pgoutput from a slot, discard it");
  receiving->add_option("--postgres", receive.postgres)->required()->envname("BENCH_POSTGRES");
  receiving->add_option("--slot", receive.slot)->required();
  receiving->add_option("--publication", receive.publication)->required();
  receiving->add_option("--until", receive.until)->required();

  ProduceOptions produce;
  CLI::App* producing = app.add_subcommand("produce", "produce messages in transactions");
  producing->add_option("--brokers", produce.brokers)->required();
  producing->add_option("--topic", produce.topic)->required();
  producing->add_option("--topics", produce.topics)->check(CLI::PositiveNumber);
  producing->add_option("--messages", produce.messages)->required();
  producing->add_option("--message-bytes", produce.message_bytes)->required();
  producing->add_option("--transaction-messages", produce.transaction_messages);
  producing->add_option("--transaction-bytes", produce.transaction_bytes);

  CLI11_PARSE(app, argc, argv);
  try {
    receiving->parsed() ? Receive(receive) : Produce(produce);
  } catch (const std::exception& error) {
    fmt::print(stderr, "error: {}\n", error.what());
    return 1;
  }
  return 0;
}
