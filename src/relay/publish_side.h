#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/stop.h"
#include "publish/publisher.h"
#include "relay/outside.h"
#include "relay/session_loop.h"
#include "spool/spool.h"

namespace bw {

// The publish thread and everything it owns: connections, publisher, session loop. Publishes from
// the spool from construction to destruction; must not exist while the spool's content is replaced.
class PublishSide {
 public:
  struct Parts {
    const Options* options = nullptr;
    const Outside* outside = nullptr;
    Spool* spool = nullptr;  // In phase kStreaming.
    SideHealth* health = nullptr;
    const std::atomic<bool>* paused = nullptr;
    // Called on the publish thread when publishing must end the process.
    std::function<void(const SessionExit& exit)> on_exit;
  };

  explicit PublishSide(const Parts& parts);
  // Requests a stop and waits for the thread.
  ~PublishSide();

  // All of these are thread-safe.
  void RequestStop() { stop_.Request(); }
  void ResumeHeld(const std::vector<std::string>& names) { publisher_.ResumeHeld(names); }
  void GiveUpHeld(const std::vector<TableName>& tables) { publisher_.GiveUpHeld(tables); }
  PublishFigures figures() const { return publisher_.figures(); }
  const PublishMemory& memory() const { return publisher_.memory(); }

 private:
  void Run();

  const Parts parts_;
  Stop stop_;
  const std::unique_ptr<KafkaCluster> cluster_;
  const std::unique_ptr<SchemaRegistry> registry_;  // Null unless the output is Avro.
  Publisher publisher_;
  std::unique_ptr<Thread> thread_;  // Last: it uses everything above.
};

}  // namespace bw
