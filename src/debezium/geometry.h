#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "avro/value_kind.h"
#include "debezium/column_form.h"

// PostgreSQL's geometric types as Debezium's structs, with well-known binary (WKB, little-endian;
// OGC 06-103r4, 8.2). Pure; as AppendValue and AppendZero.

namespace bw::debezium {

ValueStatus AppendGeometry(Form form, uint32_t type_oid, std::string_view text, std::string* out);
void AppendZeroGeometry(Form form, uint32_t type_oid, std::string* out);

}  // namespace bw::debezium
