#pragma once

#include <string>

#include "relay/relay_status.h"

namespace bw {

// The line that the log gets every --status-interval, e.g.
//
//   captured 1,204 changes (40/s) up to 2/44DAB970, spooled 12.3 MiB, published 1,190 changes
//   (39/s) up to 2/44DA9910, lag 1.2 s, retained WAL 4.1 MiB (20 MiB on its disk)
//
// Rates are since `previous`.
std::string FormatStatusLine(const RelayStatus& previous, const RelayStatus& now);

// As in capture/slot_facts.h.
std::string WalLimitText(const RelayStatus::Capture& capture);
// "PostgreSQL retains 480 MiB of WAL for the slot, 1 GiB more until the slot is lost".
std::string RetainedWalText(const RelayStatus::Capture& capture);

}  // namespace bw
