#include "publish/kafka_topic_deletion.h"

#include "publish/kafka_connection.h"

namespace bw {
namespace {

using KafkaDeleteTopic =
    std::unique_ptr<rd_kafka_DeleteTopic_t, DeleteBy<rd_kafka_DeleteTopic_destroy>>;

}  // namespace

void DeleteTopic(const PublishOptions& options, const std::string& topic, const Stop& stop) {
  const std::string operation = "Deleting topic " + topic;
  KafkaTrouble trouble;
  const KafkaHandle client = NewKafkaConsumer({options.brokers, options.kafka_config},
                                              /*read_committed=*/false, &trouble);
  const KafkaDeleteTopic deletion(rd_kafka_DeleteTopic_new(topic.c_str()));
  rd_kafka_DeleteTopic_t* deletions[] = {deletion.get()};
  const KafkaQueue queue(rd_kafka_queue_new(client.get()));
  const KafkaAdminOptions admin = NewAdminOptions(client.get(), RD_KAFKA_ADMIN_OP_DELETETOPICS);
  rd_kafka_DeleteTopics(client.get(), deletions, 1, admin.get(), queue.get());
  const KafkaEvent event = WaitForAdminResult(queue.get(), operation, trouble, stop);
  size_t count = 0;
  const rd_kafka_topic_result_t** results =
      rd_kafka_DeleteTopics_result_topics(rd_kafka_event_DeleteTopics_result(event.get()), &count);
  if (count != 1) throw TransientError(operation + ": no answer");
  const rd_kafka_resp_err_t error = rd_kafka_topic_result_error(results[0]);
  if (error == RD_KAFKA_RESP_ERR_NO_ERROR || error == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) {
    return;
  }
  throw KafkaFailure(operation, error, trouble);
}

}  // namespace bw
