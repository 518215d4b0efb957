#include "capture/snapshot_envelope.h"

#include "base/clock.h"
#include "capture/change_assembler.h"
#include "capture/envelope_changes.h"
#include "capture/table_catalog.h"

namespace bw {

std::optional<debezium::EnvelopeSettings> SnapshotEnvelope(PgConnection* connection,
                                                           const CaptureOptions& options,
                                                           const SnapshotSource& source) {
  if (options.envelope == Envelope::kNone) return std::nullopt;
  PgQueryOptions query;
  query.doing = "read the database's name";
  query.begin_again_when_missing = true;
  const PgResult name = connection->Query("SELECT current_database()", query);
  return debezium::EnvelopeSettings{options.envelope_prefix, name.String(0, 0), source.encoding,
                                    options.invalid_text};
}

void AddFacts(PgConnection* connection, const CaptureOptions& options,
              std::vector<SnapshotTable>* tables) {
  std::vector<uint32_t> oids;
  for (const SnapshotTable& table : *tables) oids.push_back(table.described.oid);
  if (options.envelope == Envelope::kDebezium) {
    const FactsByTable facts = ReadColumnFacts(connection, oids);
    for (SnapshotTable& table : *tables) {
      SetFacts(facts, table.described.oid, &table.described.table);
    }
  }
  if (options.schema_docs) {
    const CommentsByTable comments = ReadComments(connection, oids);
    for (SnapshotTable& table : *tables) {
      SetComments(comments, table.described.oid, &table.described.table);
      table.described.table.with_docs = true;
    }
  }
}

TableSchema SnapshotSchema(const Table& table,
                           const std::optional<debezium::EnvelopeSettings>& envelope,
                           RowForm form) {
  if (!envelope) return MakeTableSchema(table, form);
  return MakeEnvelopeSchema(table, debezium::EnvelopeEncoder(table, *envelope), form);
}

debezium::Event SnapshotEvent(Lsn consistent_point, int64_t snapshot_time_us) {
  debezium::Event event;
  event.operation = static_cast<char>(Operation::kSnapshot);
  event.is_snapshot = true;
  event.lsn = consistent_point;
  event.source_us = snapshot_time_us;
  event.now_us = Clock::Real().WallMicros();
  return event;
}

}  // namespace bw
