#pragma once

#include <string>

#include "capture/captured_table.h"

// What the log says of tables without replica identity, with the remedies. Pure.

namespace bw {

// Of one in the relay's own publications.
std::string InsertsOnlyText(const CapturedTable& table);
// Of one in a publication that the relay does not alter.
std::string HarmedText(const CapturedTable& table, const std::string& publication,
                       int server_version);
// Of one that the relay has taken out of its publication.
std::string TakenOutText(const CapturedTable& table, const std::string& publication,
                         bool is_selected);

}  // namespace bw
