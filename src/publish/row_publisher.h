#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "publish/dead_letter.h"
#include "publish/destinations.h"
#include "publish/held_tables.h"
#include "publish/kafka.h"
#include "publish/message_encoder.h"
#include "publish/publish_memory.h"
#include "publish/publish_options.h"
#include "publish/row_refusals.h"
#include "publish/torn_records.h"

namespace bw {

// Produces the messages of row changes within the open transaction: to their table's topic, or, if
// they cannot be published there and --on-error says so, to the dead-letter topic. Belongs to one
// publish session; the tools outlive it.
//
// A dead letter is produced in the place of its row, in the same Kafka transaction as the rows
// around it, under the row's position and operation. So it is published exactly once, by what makes
// rows exactly once.
class RowPublisher {
 public:
  struct Tools {
    const PublishOptions* options = nullptr;
    PublishServers servers;
    PublishMemory* memory = nullptr;
    TransactionalProducer* producer = nullptr;
    Destinations* destinations = nullptr;
    MessageEncoder* encoder = nullptr;
    const TornRecords* torn = nullptr;
    HeldTables* held = nullptr;
  };

  explicit RowPublisher(const Tools& tools);

  void BeginTransaction() { refusals_.BeginTransaction(); }
  // The change's batch is prepared (Destinations). Does nothing if its table is held. Adds to
  // `figures` what it has produced. Throws a row Error with --on-error=exit, and as the producer
  // does.
  void Publish(const Change& change, PublishFigures* figures);

  const TableName& TableOf(const Change& change);
  bool Holds(const Change& change);

 private:
  void Refuse(const Change& change, const TableRoute& route, const std::string& reason,
              PublishFigures* figures);
  void Hold(const Change& change, const std::string& reason);
  void ProduceDeadLetter(const Change& change, const TableRoute& route, const std::string& reason,
                         PublishFigures* figures);
  // Returns its bytes; 0 for one that a torn transaction has published.
  size_t Produce(const EncodedMessage& message, const Change& change, const OpenedTopic& topic,
                 std::optional<std::string_view> partitioning_key, PublishFigures* figures);
  std::optional<std::string_view> PartitioningKey(std::optional<std::string_view> key) const;

  const Tools tools_;
  RowRefusals refusals_;
  DeadLetterEncoder letters_;
  std::unordered_map<uint32_t, TableName> tables_;  // By schema id.
};

}  // namespace bw
