#pragma once

#include "avro/row_form.h"
#include "avro/table.h"
#include "debezium/envelope_encoder.h"
#include "spool/change.h"

namespace bw {

// The schemas of a table's envelopes of one form as the spool keeps them.
TableSchema MakeEnvelopeSchema(const Table& table, const debezium::EnvelopeEncoder& encoder,
                               RowForm form);

}  // namespace bw
