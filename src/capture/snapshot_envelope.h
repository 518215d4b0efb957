#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "avro/row_form.h"
#include "base/lsn.h"
#include "capture/capture_options.h"
#include "capture/pg_connection.h"
#include "capture/snapshot_reader.h"
#include "capture/snapshot_tables.h"
#include "debezium/envelope_encoder.h"
#include "spool/change.h"

// What a snapshot needs for --envelope=debezium.

namespace bw {

// What the envelopes of this database have in common; nothing without the option.
std::optional<debezium::EnvelopeSettings> SnapshotEnvelope(PgConnection* connection,
                                                           const CaptureOptions& options,
                                                           const SnapshotSource& source);

// Sets what the catalog says of tables and columns, as of the snapshot that the connection has
// imported, if the options need it: also for --schema-docs.
void AddFacts(PgConnection* connection, const CaptureOptions& options,
              std::vector<SnapshotTable>* tables);

// The schemas of a table's rows: of its envelopes, if there are settings.
TableSchema SnapshotSchema(const Table& table,
                           const std::optional<debezium::EnvelopeSettings>& envelope, RowForm form);

// Of each row of a snapshot that was made at this time.
debezium::Event SnapshotEvent(Lsn consistent_point, int64_t snapshot_time_us);

}  // namespace bw
