#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>

struct rd_kafka_conf_s;

namespace bw {

// Counts the requests of one transactional producer, so that we know when one may still be in
// flight without librdkafka telling us.
//
// librdkafka retries EndTxn silently after a timeout or a lost connection and then reports success.
// The first request, delivered late, ends the next transaction of the same epoch: it commits half
// of it or aborts it (KAFKA-17754, KIP-890; librdkafka #5423; seen with Kafka 4.2.0). Brokers are
// protected only when the client speaks EndTxn v5, which librdkafka does not. So a transaction is
// beyond doubt only if exactly one EndTxn was sent and none of its relevant requests failed.
//
// librdkafka calls the interceptors on its own threads: they only touch atomics.
class RequestAudit {
 public:
  // Installs the interceptors; this must outlive the handle made of `conf`.
  void Watch(rd_kafka_conf_s* conf);

  // A transaction begins; forgets the last one.
  void Begin();
  // Which request of this transaction failed in transit; nothing when none did.
  std::optional<std::string> Failure() const;
  // Why the transaction that has just ended is in doubt; nothing when it is not.
  std::optional<std::string> Doubt() const;

  // What the interceptors record. Public for tests.
  void OnSent(int16_t api_key);
  void OnResponse(int16_t api_key, int error);

 private:
  std::atomic<int> end_txn_sent_{0};
  std::atomic<int> failures_{0};
  std::atomic<int> failed_api_key_{0};  // Of the newest failure.
  std::atomic<int> failed_error_{0};
};

}  // namespace bw
