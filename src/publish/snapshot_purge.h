#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

#include "base/stop.h"
#include "publish/destinations.h"
#include "publish/kafka.h"
#include "publish/leftover_keys.h"
#include "publish/message_encoder.h"
#include "publish/publish_memory.h"
#include "publish/publish_options.h"

namespace bw {

// The tombstones of one re-snapshot: for keys that its topics still hold and its rows do not have.
// They are published before its first row, at positions just before its rows'
// (docs/decisions/0006). The topics themselves show which ones an earlier session has committed, so
// a new session just compares again, and nothing else has to be remembered.
//
// The tools outlive it; `encoder` is shared with the session.
class SnapshotPurge {
 public:
  struct Tools {
    const PublishOptions* options = nullptr;
    PublishServers servers;
    const Stop* stop = nullptr;
    TransactionalProducer* producer = nullptr;
    Destinations* destinations = nullptr;
    MessageEncoder* encoder = nullptr;
  };

  SnapshotPurge(const Tools& tools, SnapshotMark snapshot);

  // Call first, not within a transaction. Compares the topics with the snapshot's rows. Tombstones
  // get positions after `published`. False when the registry, whose ids are in the keys, is
  // unreachable. Throws a transient Error on a stop.
  bool FindLeftovers(const Position& published);
  // Produces the next tombstones, as many as fit into one transaction, and adds them to `figures`.
  // Returns the position reached: the end of the snapshot's tombstones when there are no more.
  Progress Produce(PublishFigures* figures);
  // How many tombstones were produced.
  uint64_t count() const { return next_.index; }

 private:
  bool AddRows(const std::map<std::string, size_t>& topics);
  void LeaveAlone(const Change& refused, const std::map<std::string, size_t>& topics);
  void AddRow(const Change& change, const TableRoute& route, size_t topic);

  const Tools tools_;
  const SnapshotMark snapshot_;
  LeftoverKeys leftovers_;
  Position next_;  // Of the next tombstone.
};

}  // namespace bw
