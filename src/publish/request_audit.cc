#include "publish/request_audit.h"

#include <fmt/format.h>
#include <librdkafka/rdkafka.h>

#include "base/error.h"

namespace bw {
namespace {

// Kafka's protocol guide, "Api Keys".
enum ApiKey : int16_t {
  kUnknownRequest = -1,  // librdkafka's: a response to a request that it had given up on.
  kProduce = 0,
  kInitProducerId = 22,
  kAddPartitionsToTxn = 24,
  kEndTxn = 26,
};

// Null for requests whose failure leaves no doubt about a transaction.
const char* Name(int api_key) {
  switch (api_key) {
    case kProduce:
      return "Produce";
    case kInitProducerId:
      return "InitProducerId";
    case kAddPartitionsToTxn:
      return "AddPartitionsToTxn";
    case kEndTxn:
      return "EndTxn";
    case kUnknownRequest:
      return "unknown";
    default:
      return nullptr;
  }
}

constexpr char kInterceptorName[] = "bottledwater-request-audit";

rd_kafka_resp_err_t OnRequestSent(rd_kafka_t*, int, const char*, int32_t, int16_t api_key, int16_t,
                                  int32_t, size_t, void* audit) {
  static_cast<RequestAudit*>(audit)->OnSent(api_key);
  return RD_KAFKA_RESP_ERR_NO_ERROR;
}

rd_kafka_resp_err_t OnResponseReceived(rd_kafka_t*, int, const char*, int32_t, int16_t api_key,
                                       int16_t, int32_t, size_t, int64_t, rd_kafka_resp_err_t error,
                                       void* audit) {
  static_cast<RequestAudit*>(audit)->OnResponse(api_key, error);
  return RD_KAFKA_RESP_ERR_NO_ERROR;
}

rd_kafka_resp_err_t OnNew(rd_kafka_t* handle, const rd_kafka_conf_t*, void* audit, char*, size_t) {
  rd_kafka_resp_err_t error =
      rd_kafka_interceptor_add_on_request_sent(handle, kInterceptorName, &OnRequestSent, audit);
  if (error == RD_KAFKA_RESP_ERR_NO_ERROR) {
    error = rd_kafka_interceptor_add_on_response_received(handle, kInterceptorName,
                                                          &OnResponseReceived, audit);
  }
  return error;
}

}  // namespace

void RequestAudit::Watch(rd_kafka_conf_t* conf) {
  BW_CHECK(rd_kafka_conf_interceptor_add_on_new(conf, kInterceptorName, &OnNew, this) ==
           RD_KAFKA_RESP_ERR_NO_ERROR);
}

void RequestAudit::Begin() {
  end_txn_sent_ = 0;
  failures_ = 0;
}

// Counts requests, not responses: librdkafka 2.0.2 reports the responses to EndTxn and
// AddPartitionsToTxn twice, once on the broker's thread and once on its main thread. A request
// without a response is reported to OnResponse with an error.
void RequestAudit::OnSent(int16_t api_key) {
  if (api_key == kEndTxn) ++end_txn_sent_;
}

void RequestAudit::OnResponse(int16_t api_key, int error) {
  if (error == RD_KAFKA_RESP_ERR_NO_ERROR || Name(api_key) == nullptr) return;
  failed_api_key_ = api_key;
  failed_error_ = error;
  ++failures_;
}

std::optional<std::string> RequestAudit::Failure() const {
  if (failures_ == 0) return std::nullopt;
  return fmt::format("{} failed in transit ({}) and may still arrive", Name(failed_api_key_),
                     rd_kafka_err2name(static_cast<rd_kafka_resp_err_t>(failed_error_.load())));
}

std::optional<std::string> RequestAudit::Doubt() const {
  if (auto failure = Failure()) return failure;
  if (end_txn_sent_ == 1) return std::nullopt;
  return fmt::format("EndTxn was sent {} times", end_txn_sent_.load());
}

}  // namespace bw
