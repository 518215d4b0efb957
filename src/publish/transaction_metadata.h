#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "publish/publish_memory.h"
#include "publish/row_publisher.h"
#include "spool/spool_batch.h"

// Transaction metadata (--transaction-metadata), in the topic of TransactionMetadataTopic(): fields
// as Debezium has them (its PostgreSQL connector's documentation, "Transaction metadata").
// key   := id: "<xid>:<commit LSN as a decimal number>"
// value := status: BEGIN or END | id | event_count | data_collections | ts_ms: commit time
//          event_count, data_collections := null in BEGIN; in END the changes that were captured,
//          of all tables and of each: {data_collection: "public.orders", event_count}
// headers as of rows (message_encoder.h), lsn: that of the transaction's beginning, or end, op: B,
// E

namespace bw {

// Of the topic's keys and values, for the registry. With names of records (--subject-naming), it is
// a table "metadata" of schema "transaction".
const TableSchema& TransactionMetadataSchema();

// Produces BEGIN and END within the open transaction. Belongs to one publish session; the tools
// outlive it.
//
// BEGIN is in the Kafka transaction of the first change, END in that of the last one, so both come
// exactly once: which of them are due follows from the checkpoint's position alone. What END counts
// was written into the spool's record of the transaction's end when it was captured. Counting here
// would forget what an earlier session, or process, has published.
class TransactionMetadata {
 public:
  explicit TransactionMetadata(const RowPublisher::Tools& tools) : tools_(tools) {}

  // A batch begins after this position.
  void BeginAfter(const Position& published);
  // Call before the change is produced.
  void OnChange(const Change& change, PublishFigures* figures);
  // Call in its place among the changes.
  void OnEnd(const SpoolBatch::End& end, PublishFigures* figures);

 private:
  struct Event {
    std::string_view status;
    char operation = 0;  // Of the headers.
    Position position;
    uint32_t xid = 0;
    int64_t commit_time_us = 0;
    uint64_t changes = 0;
    // By table; null for BEGIN.
    const std::vector<std::pair<std::string, uint64_t>>* tables = nullptr;
  };

  void Produce(const Event& event, PublishFigures* figures);
  void Write(const Event& event, bool with_tables);
  void WriteJson(const Event& event, const std::string& id, bool with_tables);
  void WriteAvro(const Event& event, const std::string& id, bool with_tables);

  const RowPublisher::Tools tools_;
  std::optional<Lsn> begun_;  // The commit LSN of the transaction whose BEGIN is produced.
  std::string key_;
  std::string value_;
};

}  // namespace bw
