#include "preflight/preflight.h"
#include "publish/topic_name.h"

namespace bw {

std::vector<Finding> CheckAll(const Options& options, const Stop& stop) {
  std::string database;
  std::vector<Finding> all = CheckPostgres(options, stop, &database);
  // The topic's name needs no more of the source than these two.
  const std::string topic =
      database.empty()
          ? ""
          : CheckpointTopic(
                options.publish.topic_prefix,
                {.system_identifier = "", .database = database, .slot = options.capture.slot});
  for (const auto& more :
       {CheckKafka(options.publish, topic, stop),
        CheckRegistry(options.registry, options.publish, stop), CheckSpoolPlace(options.spool)}) {
    all.insert(all.end(), more.begin(), more.end());
  }
  return all;
}

}  // namespace bw
