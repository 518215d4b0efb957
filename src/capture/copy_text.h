#pragma once

#include <span>
#include <vector>

#include "avro/text_value.h"

namespace bw {

// Splits one row of COPY ... TO STDOUT (text format) into its columns and undoes the escapes in
// place, so that `values` point into `row` and nothing is allocated once `values` has its capacity.
// Source: PostgreSQL documentation, COPY, "Text Format".
//
// `row` may end with the newline that the server sends. Throws a Halt error when it does not have
// exactly `column_count` columns or ends inside an escape; `row` is then partly changed. Pure.
void ParseCopyRow(std::span<char> row, size_t column_count, std::vector<TextValue>* values);

}  // namespace bw
