#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/lsn.h"
#include "capture/capture_options.h"
#include "options/spool_command_options.h"
#include "publish/publish_options.h"
#include "recovery/overrides.h"
#include "registry/http_schema_registry_options.h"
#include "spool/spool.h"
#include "tail/tail_options.h"

namespace bw {

// The admin endpoint (src/admin).
struct AdminOptions {
  std::string address;             // --admin: "127.0.0.1:9187"; empty for none but the Unix socket.
  std::string token;               // What --admin-token-file holds; empty without one.
  std::vector<std::string> hosts;  // --admin-host: in small letters.
  std::string certificate_file;    // --admin-certificate; empty for plain HTTP.
  std::string key_file;            // --admin-key; set with the certificate.
  Duration stall_after{60'000};    // --stall-after
};

// What a relay makes on servers and disk.
enum class RelayPart { kSlot, kPublication, kTrigger, kCheckpoint, kSpool };

// What single commands take, on the command line only.
struct CommandOptions {
  bool json = false;   // --json
  bool watch = false;  // status --watch

  bool yes = false;             // remove --yes
  std::vector<RelayPart> keep;  // remove --keep

  bool print_sql = false;   // check --print-sql
  bool print_acls = false;  // check --print-acls
  std::string role;         // check --role: for --print-sql; empty for that of --postgres.
  std::string principal;    // check --principal: for --print-acls; empty for the default.
  SpoolCommandOptions spool;
};

// Everything that can be configured: each folder's own options, and those of the process itself.
// Read once at start and unchanged after that. docs/operations.md has the list for users.
struct Options {
  CaptureOptions capture;
  PublishOptions publish;
  HttpSchemaRegistryOptions registry;
  SpoolOptions spool;

  // What an operator allows after a halt.
  Overrides overrides;
  // The command `resnapshot TABLE...`: globs of the tables to read again.
  std::vector<std::string> resnapshot_tables;
  // --skip-transaction: the transaction with this commit LSN is left out.
  std::optional<Lsn> skip_transaction;

  AdminOptions admin;
  CommandOptions command;
  TailOptions tail;  // The command `tail TOPIC...`.
  LogOptions log;
  Duration status_interval{30'000};

  // Why files that options name could not be read, by the option's name: "kafka-config-file". Only
  // for commands that may lack them, see CommandSpec; others end with the first of these.
  std::map<std::string, Error, std::less<>> unread_files;

  // Warnings about the options, to be logged once logging has started.
  std::vector<std::string> warnings;
};

}  // namespace bw
