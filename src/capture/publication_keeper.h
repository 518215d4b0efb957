#pragma once

#include <set>
#include <string>
#include <vector>

#include "capture/capture_options.h"
#include "capture/relation_cache.h"
#include "capture/side_connection.h"

namespace bw {

// Watches tables that come into being while the relay runs.
//
// With the two publications of --allow-unkeyed, a new table is at first published by its inserts
// alone. The keeper adds those with a replica identity to the other publication as soon as it sees
// them, and says that what was updated or deleted before is not captured. It never touches a
// publication given by --publication.
//
// With one publication, a new table without replica identity refuses UPDATE and DELETE: the keeper
// can only say so, with the remedies.
//
// Its own failures are warnings: capture does not depend on it. Used by the capture thread.
class PublicationKeeper {
 public:
  // `publications`: what the session streams from.
  PublicationKeeper(const CaptureOptions& options, std::vector<std::string> publications,
                    SideConnection* connection);

  void OnRelationChanged(const CachedRelation& relation);
  // Looks into the catalog when a relation changed, and every 30 s.
  void EverySecond(TimePoint now);

 private:
  bool KeepsPair() const;
  void AddNewTables();
  void Warn(const std::string& table, const std::string& text);

  const CaptureOptions& options_;
  const std::vector<std::string> publications_;
  SideConnection* const connection_;
  bool look_now_ = true;
  TimePoint last_look_;
  std::set<std::string> warned_;  // Tables: one warning each.
};

}  // namespace bw
