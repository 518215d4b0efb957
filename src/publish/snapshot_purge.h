#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "base/stop.h"
#include "publish/destinations.h"
#include "publish/kafka.h"
#include "publish/leftover_keys.h"
#include "publish/message_encoder.h"
#include "publish/publish_memory.h"
#include "publish/publish_options.h"
#include "spool/spool.h"

namespace bw {

// The tombstones of one re-snapshot: for the keys that its topics still hold and its rows do not
// have. They go out before its first row, at positions just before its rows'
// (docs/decisions/0006). What an earlier session has committed of them is seen in the topics
// themselves, so a new session begins by comparing again, and nothing else must be remembered.
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

  // First: compares the topics with the snapshot's rows. Tombstones come after `published`. False
  // when the registry, whose ids are in the keys, cannot be asked now. Throws a transient Error on
  // a stop. Not within a transaction.
  bool FindLeftovers(const Position& published);
  // Produces the next of them, as many as one transaction may have, and adds them to `figures`.
  // Returns how far that goes: to the end of the snapshot's tombstones when there are no more.
  Progress Produce(PublishFigures* figures);
  // Of the tombstones that were produced.
  uint64_t count() const { return next_.index; }

 private:
  bool AddRows(const std::map<std::string, size_t>& topics);
  void AddRow(const Change& change, const TableRoute& route, size_t topic);

  const Tools tools_;
  const SnapshotMark snapshot_;
  LeftoverKeys leftovers_;
  Position next_;  // The next tombstone's.
};

}  // namespace bw
