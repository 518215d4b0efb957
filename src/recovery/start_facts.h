#pragma once

#include <optional>
#include <string>

#include "recovery/checkpoint_state.h"
#include "recovery/overrides.h"
#include "recovery/server_state.h"
#include "spool/spool_state.h"

namespace bw {

// Everything that was found at one start.
struct StartFacts {
  ServerIdentity server;
  std::string slot_name;
  // Absent when there is none. The walsender of a relay that was just killed lives on for a moment:
  // look for some seconds before believing that the slot is active.
  std::optional<SlotState> slot;
  std::optional<SpoolState> spool;  // Absent when there is none; phase kEmpty counts as none.
  CheckpointState checkpoint;
  RelayPlaces places;
};

}  // namespace bw
