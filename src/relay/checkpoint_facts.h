#pragma once

#include <string>

#include "publish/checkpoint_format.h"
#include "publish/publish_session.h"
#include "relay/reconcile.h"

namespace bw {

// What Reconcile needs to know of a checkpoint that Kafka was asked for.
CheckpointFacts CheckpointFactsOf(const CheckpointState& state, const std::string& cluster_id);

// ReconcilePublish as the publish sessions call it.
CheckpointReconciler ReconcilerFor(const Overrides& overrides, const RelayPlaces& places);

}  // namespace bw
