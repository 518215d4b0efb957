#pragma once

#include <span>
#include <string>

#include "capture/captured_table.h"

namespace bw {

// Whether our role may read all rows of a table. Pure.
bool MayRead(const CapturedTable& table);

// Who must run which statements so that `role` may read all rows of the tables: sentences, each
// statement an OwnLine(). Empty when it already may. Pure.
std::string ReadRemedies(std::span<const CapturedTable* const> tables, const std::string& role);

}  // namespace bw
