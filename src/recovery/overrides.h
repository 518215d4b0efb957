#pragma once

#include <optional>
#include <string>

#include "base/lsn.h"

namespace bw {

// What an operator has allowed, each for one situation. All but `resnapshot` have no effect in a
// normal start.
struct Overrides {
  // --accept-gap=LSN: continue without the changes up to the slot's confirmed flush LSN, which must
  // be this one, so that a leftover flag cannot accept a later gap.
  std::optional<Lsn> accept_gap;
  bool adopt_slot = false;  // --adopt-slot: take over an unknown slot, without a snapshot.
  // `bottledwater resnapshot`: begin anew with a snapshot, after a halt or without one. Only once:
  // it is cleared before another start in the same process.
  bool resnapshot = false;
  // --republish: when Kafka has lost data, or is another cluster, publish what the spool retains.
  bool republish = false;
};

// Names for the commands in messages.
struct RelayPlaces {
  std::string spool_directory;
  std::string checkpoint_topic;
};

}  // namespace bw
