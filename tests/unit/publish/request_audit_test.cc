#include "publish/request_audit.h"

#include <gtest/gtest.h>

namespace bw {
namespace {

constexpr int16_t kProduce = 0, kMetadata = 3, kAddPartitionsToTxn = 24, kEndTxn = 26;
constexpr int kTransport = -195, kTimedOut = -185, kNoEntry = -156;

TEST(RequestAudit, OneEndTxnIsBeyondDoubt) {
  RequestAudit audit;
  audit.Begin();
  audit.OnSent(kAddPartitionsToTxn);
  audit.OnResponse(kAddPartitionsToTxn, 0);
  audit.OnSent(kProduce);
  audit.OnResponse(kProduce, 0);
  audit.OnSent(kEndTxn);
  audit.OnResponse(kEndTxn, 0);
  audit.OnResponse(kEndTxn, 0);  // librdkafka 2.0.2 reports it twice.
  EXPECT_EQ(audit.Doubt(), std::nullopt);
}

TEST(RequestAudit, ARepeatedEndTxnIsInDoubt) {
  RequestAudit audit;
  audit.Begin();
  audit.OnSent(kEndTxn);
  audit.OnSent(kEndTxn);
  EXPECT_TRUE(audit.Doubt());
}

TEST(RequestAudit, NoEndTxnIsInDoubt) {
  RequestAudit audit;
  audit.Begin();
  EXPECT_TRUE(audit.Doubt());
}

TEST(RequestAudit, AFailedRequestIsInDoubt) {
  for (const int16_t key : {kProduce, kAddPartitionsToTxn, kEndTxn, int16_t{-1}}) {
    for (const int error : {kTransport, kTimedOut, kNoEntry}) {
      RequestAudit audit;
      audit.Begin();
      audit.OnResponse(key, error);
      audit.OnSent(kEndTxn);
      EXPECT_TRUE(audit.Doubt()) << key << " " << error;
    }
  }
}

TEST(RequestAudit, OtherRequestsMayFail) {
  RequestAudit audit;
  audit.Begin();
  audit.OnResponse(kMetadata, kTransport);
  audit.OnSent(kEndTxn);
  EXPECT_EQ(audit.Doubt(), std::nullopt);
}

TEST(RequestAudit, EachTransactionIsJudgedByItself) {
  RequestAudit audit;
  audit.Begin();
  audit.OnSent(kEndTxn);
  audit.OnSent(kEndTxn);
  audit.Begin();
  audit.OnSent(kEndTxn);
  EXPECT_EQ(audit.Doubt(), std::nullopt);
}

}  // namespace
}  // namespace bw
