#pragma once

#include <functional>

#include "base/log.h"
#include "base/stop.h"
#include "publish/publish_memory.h"
#include "publish/publish_options.h"
#include "publish/publish_session.h"
#include "registry/schema_registry.h"

namespace bw {

// The publish side of the relay: drains the spool into Kafka, session after session. Never talks to
// PostgreSQL. Everything but ResumeHeld(), GiveUpHeld(), figures() and memory() belongs to the
// publish thread.
class Publisher {
 public:
  // `registry` may be nullptr when the output is not Avro. `parts` and `stop` must outlive this.
  // Does not connect.
  Publisher(const PublishOptions& options, const PublishParts& parts, SchemaRegistry* registry,
            const Stop& stop);

  // Waits until brokers answer, however long that takes, then runs one PublishSession and throws
  // what that throws. Returns after a stop or a pause, or for held tables to be tried again. The
  // spool is in phase kStreaming. Calls `made_progress` once the session has started.
  void RunSession(const std::function<void()>& made_progress);

  // Thread-safe. These held tables ("schema.table") are tried again, by a new session; the session
  // tries all that are held. Throws a usage Error, and asks for nothing, when one is not held.
  void ResumeHeld(const std::vector<std::string>& names);
  // Thread-safe. Those of them that are held are so no longer, and what they have left in the spool
  // is given up, from the next session's first commit on; it begins at once.
  void GiveUpHeld(const std::vector<TableName>& tables);
  PublishFigures figures() const;
  const PublishMemory& memory() const { return memory_; }  // Its thread-safe part.

 private:
  bool WaitUntilReachable();

  const PublishOptions options_;
  const PublishParts parts_;
  const Stop& stop_;
  mutable PublishMemory memory_;
  AwayLog kafka_away_;
};

}  // namespace bw
