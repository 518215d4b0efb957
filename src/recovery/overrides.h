#pragma once

#include <optional>
#include <string>

#include "base/lsn.h"

namespace bw {

// What an operator has allowed, each for the one situation in which it says something. All but
// `resnapshot` are without effect in a normal start.
struct Overrides {
  // --accept-gap=LSN: go on without the changes up to the slot's confirmed flush LSN, which must
  // be this one, so that a flag left behind cannot accept a later gap.
  std::optional<Lsn> accept_gap;
  bool adopt_slot = false;  // --adopt-slot: take over a slot that nobody knows, without snapshot.
  // `bottledwater resnapshot`: begin anew with a snapshot, after a halt or without one. Once:
  // whoever starts again in the same process clears it.
  bool resnapshot = false;
  // --republish: where Kafka lost data, or is another cluster, publish what the spool retains.
  bool republish = false;
};

// Where things are, for the commands in messages.
struct RelayPlaces {
  std::string spool_directory;
  std::string checkpoint_topic;
};

}  // namespace bw
