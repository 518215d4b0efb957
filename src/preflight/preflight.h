#pragma once

#include <string>
#include <vector>

#include "base/stop.h"
#include "options/options.h"
#include "preflight/findings.h"

// Looks at everything that a relay with these options needs, and reports all that it finds instead
// of stopping at the first. Changes nothing: it makes no slot, publication or topic, registers no
// schema, and fences no relay that runs. Each function asks one server, with the limits in time
// that the relay itself has.

namespace bw {

// `database` is set to the name of the database, if it answers.
std::vector<Finding> CheckPostgres(const Options& options, const Stop& stop, std::string* database);
// `checkpoint_topic` may be empty when it is not known.
std::vector<Finding> CheckKafka(const PublishOptions& options, const std::string& checkpoint_topic,
                                const Stop& stop);
// Nothing to find unless the output is Avro.
std::vector<Finding> CheckRegistry(const HttpSchemaRegistryOptions& options,
                                   const PublishOptions& publish, const Stop& stop);
// The spool's directory: whose it is, room, file system, and how long an fsync takes.
std::vector<Finding> CheckSpoolPlace(const SpoolOptions& options);

// All of them, in this order.
std::vector<Finding> CheckAll(const Options& options, const Stop& stop);

}  // namespace bw
