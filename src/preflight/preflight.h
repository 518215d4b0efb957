#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/stop.h"
#include "capture/server_inspection.h"
#include "options/options.h"
#include "preflight/findings.h"
#include "publish/kafka.h"

// Looks at everything that a relay with these options needs, and reports all that it finds instead
// of stopping at the first. Changes nothing: it makes no slot, publication or topic, registers no
// schema, and fences no relay that runs. Each function asks one server, with the limits in time
// that the relay itself has.

namespace bw {

// What one check has seen and a later one needs.
struct Seen {
  bool has_spool = false;      // So this is no first start.
  bool spool_in_use = false;   // By a relay that runs.
  bool spool_refused = false;  // The directory cannot be a spool's.
  std::string database;        // Empty when PostgreSQL did not answer.
  // What an ordinary connection tells, and what only one in replication mode does.
  std::optional<ServerView> standing;
  std::optional<ServerView> server;
  std::string checkpoint_topic;         // Empty when the database is not known.
  std::unique_ptr<KafkaCluster> kafka;  // If it answered.
  uint64_t snapshot_bytes = 0;          // What a first start reads; 0 when it is none.
};

// The spool's directory: whose it is, what is in it, and whether a relay runs there.
std::vector<Finding> CheckSpoolDirectory(const SpoolOptions& options, Seen* seen);
// Whether --admin can be listened on, and its certificate be used. Nothing to find without it.
std::vector<Finding> CheckAdmin(const Options& options, const Seen& seen);
std::vector<Finding> CheckPostgres(const Options& options, const Stop& stop, Seen* seen);
std::vector<Finding> CheckKafka(const PublishOptions& options, const Stop& stop, Seen* seen);
// What the relay would do with the slot, the spool and the checkpoint that are there, by its own
// decision (src/recovery), and with the tables.
std::vector<Finding> CheckStart(const Options& options, const Stop& stop, Seen* seen);
// Nothing to find unless the output is Avro.
std::vector<Finding> CheckRegistry(const HttpSchemaRegistryOptions& options,
                                   const PublishOptions& publish, const Stop& stop);
// Room, file system, and how long an fsync takes.
std::vector<Finding> CheckSpoolDisk(const SpoolOptions& options, const Seen& seen);

// All of them, in the order in which a relay would meet what they find.
std::vector<Finding> CheckAll(const Options& options, const Stop& stop);

// What the relay would end with: the code of the first finding with which it would end, else
// kTryAgain when it would wait for something, else kOk.
ExitCode ExitCodeOf(const std::vector<Finding>& findings);

}  // namespace bw
