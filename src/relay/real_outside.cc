#include "relay/real_outside.h"

#include <unistd.h>

#include "capture/pq_server.h"
#include "publish/kafka_cluster.h"
#include "registry/http_schema_registry.h"

namespace bw {

Outside RealOutside(const Options& options) {
  Outside outside;
  outside.postgres = MakePqServer;
  outside.kafka = ConnectToKafka;
  outside.registry = [registry = options.registry](const Stop& stop) {
    return std::make_unique<HttpSchemaRegistry>(registry, stop);
  };
  outside.abandon = [](ExitCode exit_code) { _exit(static_cast<int>(exit_code)); };
  return outside;
}

}  // namespace bw
