#pragma once

#include <string>

#include "capture/captured_table.h"

// Log messages about tables without replica identity, with the remedies. Pure.

namespace bw {

// What the relay's own publication, which holds tables with a key by name, cannot prevent.
std::string LimitsText(const std::string& publication);
// For one in the relay's own publications.
std::string InsertsOnlyText(const CapturedTable& table);
// For one in a publication that the relay does not alter.
std::string HarmedText(const CapturedTable& table, const std::string& publication,
                       int server_version);
// For one that the relay has removed from its publication.
std::string TakenOutText(const CapturedTable& table, const std::string& publication,
                         bool is_selected);

}  // namespace bw
