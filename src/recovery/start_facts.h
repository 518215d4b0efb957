#pragma once

#include <optional>
#include <string>

#include "recovery/checkpoint_state.h"
#include "recovery/overrides.h"
#include "recovery/server_state.h"
#include "spool/spool_state.h"

namespace bw {

// Everything that one start has found.
struct StartFacts {
  ServerIdentity server;
  std::string slot_name;
  // Absent when there is none. The walsender of a relay that was just killed survives for a moment:
  // retry for some seconds before concluding that the slot is active.
  std::optional<SlotState> slot;
  std::optional<SpoolState> spool;  // Absent when there is none; phase kEmpty counts as none.
  CheckpointState checkpoint;
  RelayPlaces places;
};

}  // namespace bw
