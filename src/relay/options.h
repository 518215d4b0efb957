#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/byte_size.h"
#include "base/clock.h"
#include "base/invalid_text.h"
#include "base/on_error.h"
#include "publish/publish_options.h"
#include "relay/reconcile.h"

namespace bw {

// Everything that can be configured. Read once at start, from the command line, the environment
// and a file; plain and unchanged after that. docs/operations.md has the same list for users.
struct Options {
  // --- Servers ---
  // A libpq connection string, possibly with a password: log RedactedConninfo() of it.
  std::string postgres;
  std::string brokers = "localhost:9092";
  std::string schema_registry = "http://localhost:8081";
  std::string schema_registry_user;          // Empty: no authentication.
  std::string schema_registry_password;      // Secret.
  std::string schema_registry_ca;            // PEM file; empty: the system's authorities.
  std::string schema_registry_cert;          // PEM file of a client certificate.
  std::string schema_registry_key;           // PEM file of its key.
  Duration schema_registry_timeout{10'000};  // Of one request, answer included.

  // --- Capture ---
  std::string slot = "bottledwater";
  std::string publication;  // Empty: the relay's own. Otherwise an existing one, never altered.
  bool allow_unkeyed = false;
  bool install_event_trigger = false;
  std::vector<std::string> tables;          // Globs of schema.table; empty: all.
  std::vector<std::string> exclude_tables;  // Globs; win over `tables`.
  bool skip_snapshot = false;               // Ignored when the slot exists.
  uint32_t snapshot_connections = 2;        // That copy tables at the same time.

  // --- Publish ---
  OutputFormat output_format = OutputFormat::kAvro;
  std::string topic_prefix;  // Without the dot behind it.
  OnError on_error = OnError::kExit;
  OnCollision on_collision = OnCollision::kSuffix;
  InvalidText invalid_text = InvalidText::kError;
  std::map<std::string, std::string> kafka_config;  // librdkafka properties. May hold secrets.
  // Of the topics that are created; "partitions" and "replication" are their numbers.
  std::map<std::string, std::string> topic_config;
  Duration schema_check_interval{60'000};
  PartitionBy partition_by = PartitionBy::kKey;
  uint64_t max_message_bytes = 16 * kMiB;
  uint64_t transaction_max_messages = 10'000;
  uint64_t transaction_max_bytes = 16 * kMiB;

  // --- Spool ---
  std::string spool = "./bottledwater.spool";
  uint64_t spool_max_bytes = 0;            // 0: only the disk is the bound.
  uint64_t max_wal_retained = 256 * kMiB;  // 0: the slot follows the spool.
  uint64_t replay_window_bytes = 0;        // Published changes kept in the spool.

  // --- After a halt ---
  Overrides overrides;
  bool accept_new_schema_ids = false;  // Publish side only: reconciling knows no registry.
  // `bottledwater resnapshot TABLE...`: globs of the tables that are read again.
  std::vector<std::string> resnapshot_tables;
  std::optional<Lsn> skip_transaction;  // By its commit LSN.

  // --- General ---
  std::string log_level = "info";
  Duration status_interval{30'000};

  // What the person who wrote the options should know, to be logged once logging runs.
  std::vector<std::string> warnings;
};

// The environment variables that start with BOTTLEDWATER_, by name.
using Environment = std::map<std::string, std::string>;
Environment EnvironmentOfProcess();

// What a command line asks for.
struct CommandLine {
  enum class Action {
    kRun,
    kPrint,       // --help, --version: print `text` to standard output and exit 0.
    kConfigHelp,  // Print `text`, then librdkafka's own list of properties, and exit 0.
  };
  Action action = Action::kRun;
  std::string text;
  Options options;  // For kRun.
};

// Reads and checks all options; each comes from the command line, or else the environment, or else
// the file named by --config. Throws usage Errors that name the option and where it was given.
CommandLine ParseCommandLine(int argc, const char* const* argv, const Environment& environment);

}  // namespace bw
