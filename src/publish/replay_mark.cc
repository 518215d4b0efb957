#include "publish/replay_mark.h"

#include "publish/checkpoint_json.h"
#include "publish/topic_name.h"

namespace bw {
namespace {

constexpr int kFormat = 1;

}  // namespace

std::string EncodeReplayMark(Lsn from) {
  return checkpoint_json::Seal({{"format", kFormat}, {"from", from.ToString()}});
}

Lsn DecodeReplayMark(std::string_view value, const std::string& where) {
  const checkpoint_json::Json json = checkpoint_json::Unseal(value, kFormat, where);
  checkpoint_json::ObjectReader reader(json, where);
  reader.Number("format");
  reader.Text("crc32c");
  const auto from = Lsn::Parse(reader.Text("from"));
  if (!from) reader.Fail("\"from\" is not an LSN");
  reader.ExpectNoMore();
  return *from;
}

ReplayMark::ReplayMark(KafkaCluster* cluster, const PublishOptions& options, const Source& relay,
                       int64_t claims_from)
    : topic_(CheckpointTopic(options.topic_prefix, relay)),
      cluster_id_(cluster->ClusterId()),
      producer_(cluster->CreateProducer({.transactional_id = TransactionalId(relay)})) {
  producer_->InitTransactions();
  newest_ = ReadNewestCheckpoint(cluster, topic_, claims_from);
}

void ReplayMark::Write(std::optional<std::string_view> value) {
  const OpenedTopic opened = producer_->OpenTopic(topic_);
  producer_->Begin();
  producer_->Produce(
      {.topic = opened.handle, .partition = 0, .key = kReplayKey, .value = value, .headers = {}});
  NextOffsets ignored;
  producer_->Flush(&ignored);
  producer_->Commit();
  if (const auto doubt = producer_->Doubt()) {
    throw TransientError("Whether the replay's record in topic " + topic_ +
                         " is committed is in doubt: " + *doubt);
  }
}

}  // namespace bw
