#pragma once

#include <string>
#include <vector>

#include "spool/spool_state.h"
#include "spool/spool_store.h"

namespace bw {

// What Spool::topic_claims and Spool::held_tables are about. Every call goes to the store, which is
// thread-safe; only the publishing thread calls.
class TopicNotes {
 public:
  explicit TopicNotes(SpoolStore* store) : store_(store) {}

  TopicClaimNotes Claims(const std::string& checkpoint_topic);
  bool NoteClaims(const TopicClaimNotes& fresh);
  std::vector<TableName> Held();
  void NoteHeld(const TableName& table);
  void ForgetHeld(const TableName& table);

 private:
  SpoolStore* const store_;
};

}  // namespace bw
