#include "publish/row_publisher.h"

#include <fmt/format.h>

#include <span>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "base/shown_text.h"
#include "publish/partitioner.h"

namespace bw {
namespace {

// Why the messages cannot be published; "" if they can.
std::string TooLarge(std::span<const EncodedMessage> messages, const TableRoute& route) {
  for (const EncodedMessage& message : messages) {
    if (message.bytes() <= route.message_bytes_max) continue;
    return fmt::format(
        "its message has {} bytes, and {} are allowed: raise max.message.bytes of topic {}, or "
        "--max-message-bytes",
        message.bytes(), route.message_bytes_max, route.topic);
  }
  return "";
}

}  // namespace

RowPublisher::RowPublisher(const Tools& tools)
    : tools_(tools),
      refusals_(*tools.options, tools.servers.spool, tools.servers.clock),
      letters_(&tools.servers.spool->log(), tools.encoder) {}

void RowPublisher::Publish(const Change& change, PublishFigures* figures) {
  if (Holds(change)) return;
  if (change.operation == Operation::kRefused) {
    const TableSchema& schema = tools_.servers.spool->log().Schema(change.schema_id);
    TableRoute route;
    route.table = schema.schema + "." + schema.table;
    route.counter = tools_.memory->tables.Find(route.table);
    return Refuse(change, route, DeadLetterEncoder::ReasonOf(change), figures);
  }
  const TableRoutes& routes = tools_.destinations->routes();
  const TableRoute& route = routes.Get(change.schema_id);
  const TableRoute& of_old_key =
      change.old_key_schema_id ? routes.Get(*change.old_key_schema_id) : route;
  if (route.refusal) return Refuse(change, route, *route.refusal, figures);
  if (of_old_key.refusal) return Refuse(change, route, *of_old_key.refusal, figures);
  std::span<const EncodedMessage> messages;
  try {
    messages = tools_.encoder->Encode(change, route.encoding, of_old_key.encoding);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kRow) throw;
    return Refuse(change, route, error.what(), figures);
  }
  if (const std::string reason = TooLarge(messages, route); !reason.empty()) {
    return Refuse(change, route, reason, figures);
  }
  TableFigures::Counts counts{.changes = 1};
  for (const EncodedMessage& message : messages) {
    counts.bytes += Produce(message, change, route.opened, PartitioningKey(message.key), figures);
  }
  tools_.memory->tables.Add(route.counter, counts);
}

const TableName& RowPublisher::TableOf(const Change& change) {
  const auto [known, is_new] = tables_.try_emplace(change.schema_id.value);
  if (is_new) {
    const TableSchema& schema = tools_.servers.spool->log().Schema(change.schema_id);
    known->second = {schema.schema, schema.table};
  }
  return known->second;
}

bool RowPublisher::Holds(const Change& change) {
  return !tools_.held->empty() && tools_.held->Holds(TableOf(change));
}

void RowPublisher::Refuse(const Change& change, const TableRoute& route, const std::string& reason,
                          PublishFigures* figures) {
  switch (refusals_.Judge(change, route, reason)) {
    case RowRefusals::Fate::kDeadLetter:
      return ProduceDeadLetter(change, route, reason, figures);
    case RowRefusals::Fate::kHeld:
      return Hold(change, reason);
    case RowRefusals::Fate::kLeftOut:
      break;
  }
  ++figures->rows_refused;
  tools_.memory->tables.Add(route.counter, {.rows_refused = 1});
}

// Every session tries held tables; the log gets a line when the reason is new.
void RowPublisher::Hold(const Change& change, const std::string& reason) {
  const TableName table = TableOf(change);
  tools_.held->HoldFrom(table, change.position);
  auto& known = tools_.memory->held_reasons[table];
  const std::string why = fmt::format("change {}: {}", change.position.ToString(), reason);
  const PublishMemory::HeldReason now{change.position, why};
  if (std::exchange(known, now) == now) return;
  spdlog::error(
      "Table {} is held: its changes wait in the spool from here on, and the other tables go on "
      "(--on-error=hold). {}",
      Printable(table.qualified()), why);
}

void RowPublisher::ProduceDeadLetter(const Change& change, const TableRoute& route,
                                     const std::string& reason, PublishFigures* figures) {
  const OwnTopic& topic = tools_.destinations->dead_letters();
  const EncodedMessage letter =
      letters_.Encode(change, {reason, route.topic, topic.message_bytes_max});
  const size_t bytes = Produce(letter, change, topic.opened, letter.key, figures);
  ++figures->dead_letters;
  tools_.memory->tables.Add(route.counter, {.bytes = bytes, .dead_letters = 1});
}

size_t RowPublisher::Produce(const EncodedMessage& message, const Change& change,
                             const OpenedTopic& topic,
                             std::optional<std::string_view> partitioning_key,
                             PublishFigures* figures) {
  const TornRecords& torn = *tools_.torn;
  if (!torn.empty() &&
      torn.Contains({change.position, message.operation, change.commit_time_us / 1000})) {
    ++figures->torn_skipped;
    return 0;
  }
  tools_.producer->Produce(
      {.topic = topic.handle,
       .partition = PartitionOf(partitioning_key, change.position.commit_lsn, topic.partitions),
       .key = message.key,
       .value = message.value,
       .headers = message.headers});
  ++figures->messages;
  figures->bytes += message.bytes();
  return message.bytes();
}

std::optional<std::string_view> RowPublisher::PartitioningKey(
    std::optional<std::string_view> key) const {
  const PublishOptions& options = *tools_.options;
  if (key && options.partition_by == PartitionBy::kKeyBody &&
      options.output_format == OutputFormat::kAvro) {
    key->remove_prefix(kWireFormatHeaderBytes);
  }
  return key;
}

}  // namespace bw
