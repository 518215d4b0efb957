#include "relay/option_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "base/error.h"
#include "base/log.h"
#include "relay/option_values.h"
#include "relay/redact.h"

namespace bw {
namespace {

constexpr std::string_view kServers = "Servers";
constexpr std::string_view kCapture = "What is captured";
constexpr std::string_view kPublish = "What is written to Kafka";
constexpr std::string_view kSpool = "The spool";
constexpr std::string_view kAfterHalt =
    "After a halt (each acts only in its situation; the halt's message names the right one)";
constexpr std::string_view kGeneral = "General";

const std::string& Only(const OptionText& text) {
  BW_CHECK(!text.values.empty());
  return text.values.front();
}

// For the options that are checked and stored in one step.
template <auto parse, auto member>
void Set(const OptionText& text, Options* options) {
  options->*member = parse(text.where, Only(text));
}

template <uint64_t min, uint64_t max, auto member>
void SetCount(const OptionText& text, Options* options) {
  using Member = std::remove_reference_t<decltype(options->*member)>;
  options->*member = static_cast<Member>(ParseCount(text.where, Only(text), min, max));
}

[[noreturn]] void RefuseWorldReadable(const OptionText& text) {
  throw UsageError(fmt::format(
      "{}: this file holds a secret, and every user of this machine may read it; chmod 600 it",
      text.where));
}

void SetPostgres(const OptionText& text, Options* options) {
  options->postgres = ParseNonEmpty(text.where, Only(text));
  if (!HasPassword(options->postgres)) return;
  if (text.source == OptionSource::kWorldReadableFile) RefuseWorldReadable(text);
  if (text.source == OptionSource::kCommandLine) {
    options->warnings.push_back(
        "The password in --postgres is visible to other users of this machine (ps). Prefer "
        "~/.pgpass, PGPASSWORD or BOTTLEDWATER_POSTGRES");
  }
}

void SetProperties(const OptionText& text, std::map<std::string, std::string>* properties) {
  std::map<std::string, std::string> of_this_source;
  for (const std::string& value : text.values) {
    auto [key, property] = ParseKeyValue(text.where, value);
    if (IsSecretKafkaKey(key)) {
      if (text.source == OptionSource::kWorldReadableFile) RefuseWorldReadable(text);
      if (text.source == OptionSource::kCommandLine) {
        throw UsageError(fmt::format(
            "{}: {} is a secret, and every user of this machine can see the command line (ps). "
            "Put it into the file of --kafka-config-file, or into the environment as {}_{}",
            text.where, key, EnvironmentName("kafka-config"), [key = key]() mutable {
              std::replace(key.begin(), key.end(), '.', '_');
              std::transform(key.begin(), key.end(), key.begin(), [](char c) {
                return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
              });
              return key;
            }()));
      }
    }
    const auto [other, added] = of_this_source.emplace(key, property);
    if (!added && other->second != property) {
      throw UsageError(
          fmt::format("{}: {} is given twice with different values", text.where, Printable(key)));
    }
  }
  for (auto& [key, property] : of_this_source) (*properties)[key] = property;
}

void SetKafkaConfig(const OptionText& text, Options* options) {
  SetProperties(text, &options->kafka_config);
}

void SetTopicConfig(const OptionText& text, Options* options) {
  SetProperties(text, &options->topic_config);
}

template <auto member>
void SetGlobs(const OptionText& text, Options* options) {
  std::vector<std::string> globs;
  for (const std::string& value : text.values) {
    std::vector<std::string> more = ParseGlobs(text.where, value);
    globs.insert(globs.end(), std::make_move_iterator(more.begin()),
                 std::make_move_iterator(more.end()));
  }
  options->*member = std::move(globs);
}

void SetOutputFormat(const OptionText& text, Options* options) {
  constexpr std::string_view kNames[] = {"avro", "json", "plain-json"};
  constexpr OutputFormat kValues[] = {OutputFormat::kAvro, OutputFormat::kJson,
                                      OutputFormat::kPlainJson};
  options->output_format = kValues[ParseChoice(text.where, Only(text), kNames)];
}

void SetOnError(const OptionText& text, Options* options) {
  constexpr std::string_view kNames[] = {"exit", "log"};
  constexpr OnError kValues[] = {OnError::kExit, OnError::kLog};
  options->on_error = kValues[ParseChoice(text.where, Only(text), kNames)];
}

void SetOnCollision(const OptionText& text, Options* options) {
  constexpr std::string_view kNames[] = {"suffix", "hold"};
  constexpr OnCollision kValues[] = {OnCollision::kSuffix, OnCollision::kHold};
  options->on_collision = kValues[ParseChoice(text.where, Only(text), kNames)];
}

void SetInvalidText(const OptionText& text, Options* options) {
  constexpr std::string_view kNames[] = {"error", "replace", "bytes"};
  constexpr InvalidText kValues[] = {InvalidText::kError, InvalidText::kReplace,
                                     InvalidText::kBytes};
  options->invalid_text = kValues[ParseChoice(text.where, Only(text), kNames)];
}

void SetPartitionBy(const OptionText& text, Options* options) {
  constexpr std::string_view kNames[] = {"key", "key-body"};
  constexpr PartitionBy kValues[] = {PartitionBy::kKey, PartitionBy::kKeyBody};
  options->partition_by = kValues[ParseChoice(text.where, Only(text), kNames)];
}

void SetLogLevel(const OptionText& text, Options* options) {
  constexpr std::string_view kNames[] = {"trace", "debug", "info", "warn", "error"};
  options->log_level = kNames[ParseChoice(text.where, Only(text), kNames)];
}

void SetMaxMessageBytes(const OptionText& text, Options* options) {
  options->max_message_bytes = ParseSize(text.where, Only(text));
  if (options->max_message_bytes < 64 * kKiB || options->max_message_bytes > 64 * kMiB) {
    throw UsageError(fmt::format("{}: \"{}\" is not a size from 64KiB to 64MiB", text.where,
                                 Printable(Only(text))));
  }
}

void SetTransactionMaxBytes(const OptionText& text, Options* options) {
  options->transaction_max_bytes = ParseSize(text.where, Only(text));
  if (options->transaction_max_bytes < 64 * kKiB || options->transaction_max_bytes > kGiB) {
    throw UsageError(fmt::format("{}: \"{}\" is not a size from 64KiB to 1GiB", text.where,
                                 Printable(Only(text))));
  }
}

void SetSpoolMaxBytes(const OptionText& text, Options* options) {
  options->spool_max_bytes = ParseSize(text.where, Only(text));
  if (options->spool_max_bytes > 0 && options->spool_max_bytes < kMiB) {
    throw UsageError(
        fmt::format("{}: \"{}\" is less than a spool needs to work at all; give 0 "
                    "(no limit) or at least 1MiB",
                    text.where, Printable(Only(text))));
  }
}

template <auto member>
void SetPositiveDuration(const OptionText& text, Options* options) {
  options->*member = ParseDuration(text.where, Only(text));
  if ((options->*member).count() < 100) {
    throw UsageError(
        fmt::format("{}: \"{}\" is less than 100ms", text.where, Printable(Only(text))));
  }
}

void SetAcceptGap(const OptionText& text, Options* options) {
  options->overrides.accept_gap = ParseLsn(text.where, Only(text));
}
void SetSkipTransaction(const OptionText& text, Options* options) {
  options->skip_transaction = ParseLsn(text.where, Only(text));
}
void SetAdoptSlot(const OptionText& text, Options* options) {
  options->overrides.adopt_slot = ParseFlag(text.where, Only(text));
}
void SetResnapshot(const OptionText& text, Options* options) {
  options->overrides.resnapshot = ParseFlag(text.where, Only(text));
}
void SetRepublish(const OptionText& text, Options* options) {
  options->overrides.republish = ParseFlag(text.where, Only(text));
}

// These three name files, which options.cc reads before it sets any other option.
void SetNothing(const OptionText&, Options*) {}

constexpr auto kFlag = OptionArity::kFlag;
constexpr auto kOne = OptionArity::kOne;
constexpr auto kMany = OptionArity::kMany;
constexpr auto kProperties = OptionArity::kProperties;

constexpr OptionSpec kTable[] = {
    {'d', "postgres", "CONNINFO", kOne, kServers, "",
     "Required. Connection string or URI of the PostgreSQL database, e.g. "
     "postgres://relay@db.example/shop. The password comes from ~/.pgpass, PGPASSWORD or the URI.",
     SetPostgres},
    {'b', "broker", "HOST:PORT,...", kOne, kServers, "localhost:9092",
     "Kafka brokers to start from.", Set<ParseBrokers, &Options::brokers>},
    {'r', "schema-registry", "URL", kOne, kServers, "http://localhost:8081",
     "Schema registry (Confluent API) for --output-format=avro.",
     Set<ParseHttpUrl, &Options::schema_registry>},
    {'\0', "schema-registry-user", "NAME", kOne, kServers, "",
     "User for the registry. The password comes from the environment variable "
     "BOTTLEDWATER_SCHEMA_REGISTRY_PASSWORD or from a file.",
     Set<ParseNonEmpty, &Options::schema_registry_user>},
    {'\0', "schema-registry-password-file", "FILE", kOne, kServers, "",
     "File with the registry's password in its first line.", SetNothing},
    {'\0', "schema-registry-ca", "FILE", kOne, kServers, "the system's",
     "Certificate authorities for the registry (PEM).",
     Set<ParseNonEmpty, &Options::schema_registry_ca>},
    {'\0', "schema-registry-cert", "FILE", kOne, kServers, "",
     "Client certificate for the registry (PEM).",
     Set<ParseNonEmpty, &Options::schema_registry_cert>},
    {'\0', "schema-registry-key", "FILE", kOne, kServers, "",
     "Key of the client certificate (PEM).", Set<ParseNonEmpty, &Options::schema_registry_key>},
    {'\0', "schema-registry-timeout", "TIME", kOne, kServers, "10s",
     "Longest time for one request to the registry.",
     SetPositiveDuration<&Options::schema_registry_timeout>},
    {'\0', "schema-check-interval", "TIME", kOne, kServers, "1min",
     "Compare the ids that rows carry with the registry this often.",
     SetPositiveDuration<&Options::schema_check_interval>},

    {'s', "slot", "NAME", kOne, kCapture, "bottledwater",
     "Replication slot; created on the first start.", Set<ParseSlotName, &Options::slot>},
    {'\0', "publication", "NAME", kOne, kCapture, "the relay's own",
     "Use this existing publication as it is; it is never altered.",
     Set<ParseIdentifier, &Options::publication>},
    {'u', "allow-unkeyed", "", kFlag, kCapture, "",
     "Also capture tables without primary key or replica identity, inserts only and with a null "
     "key. Without it such tables end the first start.",
     Set<ParseFlag, &Options::allow_unkeyed>},
    {'\0', "install-event-trigger", "", kFlag, kCapture, "",
     "Install an event trigger that adds new tables to the publication in the transaction that "
     "creates them. Takes a superuser; stays until it is dropped.",
     Set<ParseFlag, &Options::install_event_trigger>},
    {'\0', "tables", "GLOB,...", kMany, kCapture, "all",
     "Capture only the tables whose schema.table matches, e.g. \"public.*\".",
     SetGlobs<&Options::tables>},
    {'\0', "exclude-tables", "GLOB,...", kMany, kCapture, "none", "Do not capture these tables.",
     SetGlobs<&Options::exclude_tables>},
    {'x', "skip-snapshot", "", kFlag, kCapture, "",
     "Do not copy what is in the tables already; only stream. Ignored when the slot exists.",
     Set<ParseFlag, &Options::skip_snapshot>},
    {'\0', "snapshot-connections", "NUMBER", kOne, kCapture, "2",
     "Connections that copy tables at the same time.",
     SetCount<1, 64, &Options::snapshot_connections>},

    {'f', "output-format", "FORMAT", kOne, kPublish, "avro", "avro, json or plain-json.",
     SetOutputFormat},
    {'p', "topic-prefix", "PREFIX", kOne, kPublish, "",
     "Put PREFIX and a dot before each topic's name.",
     Set<ParseTopicPrefix, &Options::topic_prefix>},
    {'e', "on-error", "POLICY", kOne, kPublish, "exit",
     "What to do with a row that cannot be published: exit, or log it and go on without it. An "
     "outage of a server is never such an error.",
     SetOnError},
    {'\0', "on-collision", "POLICY", kOne, kPublish, "suffix",
     "What to do with a table whose topic is another table's, or not allowed by Kafka: give it a "
     "topic of its own by a suffix, or hold: leave its changes out, and read it again when it can "
     "have its topic.",
     SetOnCollision},
    {'\0', "invalid-text", "POLICY", kOne, kPublish, "error",
     "What to do with a text that has no UTF-8: error (as --on-error says), replace (U+FFFD for "
     "each such byte), or bytes (texts of databases that are not UTF-8 become Avro bytes, exactly "
     "as they are).",
     SetInvalidText},
    {'C', "kafka-config", "KEY=VALUE", kProperties, kPublish, "",
     "Set a librdkafka property; can be given several times. See --config-help.", SetKafkaConfig},
    {'\0', "kafka-config-file", "FILE", kOne, kPublish, "",
     "File with librdkafka properties, one key=value a line: the place for sasl.password and "
     "other secrets.",
     SetNothing},
    {'T', "topic-config", "KEY=VALUE", kProperties, kPublish, "",
     "Set a property of the topics that are created: partitions=8, replication=3, or one of "
     "Kafka's, e.g. retention.ms; can be given several times.",
     SetTopicConfig},
    {'\0', "partition-by", "WHAT", kOne, kPublish, "key",
     "Choose a row's partition by its whole key, as Java's producers do (key), or in Avro without "
     "the registry's id (key-body).",
     SetPartitionBy},
    {'\0', "max-message-bytes", "SIZE", kOne, kPublish, "16MiB",
     "Largest message. Topics that are created allow it (max.message.bytes); others keep their "
     "limit.",
     SetMaxMessageBytes},
    {'\0', "transaction-max-messages", "NUMBER", kOne, kPublish, "10000",
     "Most messages in one Kafka transaction. A larger PostgreSQL transaction is split.",
     SetCount<1, 1'000'000, &Options::transaction_max_messages>},
    {'\0', "transaction-max-bytes", "SIZE", kOne, kPublish, "16MiB",
     "Most bytes in one Kafka transaction.", SetTransactionMaxBytes},

    {'\0', "spool", "DIR", kOne, kSpool, "./bottledwater.spool",
     "Directory of the spool: what was captured and is not yet published.",
     Set<ParseNonEmpty, &Options::spool>},
    {'\0', "spool-max-bytes", "SIZE", kOne, kSpool, "0",
     "Pause capture while the spool is larger; PostgreSQL then keeps the WAL. 0: no limit.",
     SetSpoolMaxBytes},
    {'\0', "max-wal-retained", "SIZE", kOne, kSpool, "256MiB",
     "Let PostgreSQL keep this much WAL that is spooled and not yet published, so that a lost "
     "spool loses nothing. 0: none.",
     Set<ParseSize, &Options::max_wal_retained>},
    {'\0', "replay-window", "SIZE", kOne, kSpool, "0",
     "Keep this much of what was published in the spool, for --republish.",
     Set<ParseSize, &Options::replay_window_bytes>},

    {'\0', "resnapshot", "", kFlag, kAfterHalt, "",
     "Where changes are lost, drop slot and spool and begin anew with a snapshot.", SetResnapshot},
    {'\0', "accept-gap", "LSN", kOne, kAfterHalt, "",
     "Go on without the changes up to the slot's confirmed flush LSN, given here.", SetAcceptGap},
    {'\0', "skip-transaction", "LSN", kOne, kAfterHalt, "",
     "Leave out the transaction with this commit LSN, which PostgreSQL cannot send.",
     SetSkipTransaction},
    {'\0', "adopt-slot", "", kFlag, kAfterHalt, "",
     "Take over an existing slot that has neither spool nor checkpoint, without snapshot.",
     SetAdoptSlot},
    {'\0', "republish", "", kFlag, kAfterHalt, "",
     "Where Kafka has lost data or is another cluster, publish again what the spool retains.",
     SetRepublish},
    {'\0', "accept-new-schema-ids", "", kFlag, kAfterHalt, "",
     "Where the schema registry has lost ids, go on with new ones.",
     Set<ParseFlag, &Options::accept_new_schema_ids>},

    {'\0', "config", "FILE", kOne, kGeneral, "",
     "Read options from a file: a line is \"name = value\", with the long names.", SetNothing},
    {'\0', "log-level", "LEVEL", kOne, kGeneral, "info", "trace, debug, info, warn or error.",
     SetLogLevel},
    {'\0', "status-interval", "TIME", kOne, kGeneral, "30s",
     "Time between two status lines in the log.", SetPositiveDuration<&Options::status_interval>},
};

}  // namespace

std::span<const OptionSpec> OptionTable() { return kTable; }

const OptionSpec* FindOption(std::string_view name) {
  const auto* found = std::find_if(std::begin(kTable), std::end(kTable),
                                   [&](const OptionSpec& spec) { return spec.name == name; });
  return found == std::end(kTable) ? nullptr : found;
}

std::string EnvironmentName(std::string_view option_name) {
  std::string name = "BOTTLEDWATER_";
  for (const char c : option_name) {
    if (c == '-') {
      name.push_back('_');
    } else {
      name.push_back(c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c);
    }
  }
  return name;
}

void CheckTogether(const Options& options) {
  if (options.postgres.empty()) {
    throw UsageError(
        "--postgres is missing: say which database to capture, e.g. "
        "--postgres=postgres://relay@localhost/shop (see --help)");
  }
  if (options.schema_registry_cert.empty() != options.schema_registry_key.empty()) {
    throw UsageError("--schema-registry-cert and --schema-registry-key go together");
  }
  if (options.schema_registry_user.empty() != options.schema_registry_password.empty()) {
    throw UsageError(
        options.schema_registry_user.empty()
            ? "--schema-registry-user is missing: there is a password for the registry"
            : "--schema-registry-user needs a password, in BOTTLEDWATER_SCHEMA_REGISTRY_PASSWORD "
              "or --schema-registry-password-file");
  }
  if (options.skip_snapshot && options.overrides.resnapshot) {
    throw UsageError("--skip-snapshot and --resnapshot contradict each other");
  }
  if (options.skip_snapshot && options.overrides.begin_anew) {
    throw UsageError("--skip-snapshot and the command resnapshot contradict each other");
  }
}

}  // namespace bw
