#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "debezium/column_form.h"

namespace bw::debezium {

// The default that Debezium gives a field whose column has this DEFAULT (as pg_get_expr() prints
// it), as an Avro body: that of a constant is its value, that of a function call zero or empty, and
// every other expression, and some types, have none. Pure.
std::optional<std::string> DefaultBodyOf(const ColumnForm& form, std::string_view expression);

}  // namespace bw::debezium
