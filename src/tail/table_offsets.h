#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/stop.h"
#include "publish/kafka.h"

namespace bw {

// Where a table ends that holds a topic's messages: for each partition the offset after its last
// row, nothing where it has none. The table has the columns partition and "offset", and topic if it
// holds several topics' messages.
//
// The rows and what is read here commit together, so who begins at these offsets repeats nothing
// and leaves nothing out. Two who begin there at the same time would; so the table must have a
// unique index over these columns, which refuses the second.
//
// `conninfo` is --postgres; if empty, libpq's environment counts. Throws usage Errors naming
// --from-table or --postgres, and others as pg_error.h has them. One attempt: nothing is waited
// for.
std::vector<std::optional<int64_t>> ReadTableOffsets(const std::string& conninfo,
                                                     const std::string& table,
                                                     std::span<const TopicPartition> partitions,
                                                     const Stop& stop);

}  // namespace bw
