#include "options/option_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "base/error.h"
#include "base/log.h"
#include "capture/conninfo.h"
#include "options/option_choices.h"
#include "options/option_setters.h"
#include "options/option_values.h"
#include "publish/kafka_config.h"

namespace bw {
namespace {

constexpr auto kServers = OptionGroup::kServers;
constexpr auto kCapture = OptionGroup::kCapture;
constexpr auto kPublish = OptionGroup::kPublish;
constexpr auto kSpool = OptionGroup::kSpool;
constexpr auto kAfterHalt = OptionGroup::kAfterHalt;
constexpr auto kAdmin = OptionGroup::kAdmin;
constexpr auto kGeneral = OptionGroup::kGeneral;

[[noreturn]] void RefuseWorldReadable(const OptionText& text) {
  throw UsageError(fmt::format(
      "{}: this file holds a secret, and every user of this machine can read it; chmod 600 it",
      text.where));
}

void SetPostgres(const OptionText& text, Options* options) {
  options->capture.conninfo = ParseNonEmpty(text.where, Only(text));
  if (!HasPassword(options->capture.conninfo)) return;
  if (text.source == OptionSource::kWorldReadableFile) RefuseWorldReadable(text);
  if (text.source == OptionSource::kCommandLine) {
    options->warnings.push_back(
        "The password in --postgres is visible to other users of this machine (ps). Prefer "
        "~/.pgpass, PGPASSWORD or BOTTLEDWATER_POSTGRES");
  }
}

void SetProperties(const OptionText& text, std::map<std::string, std::string>* properties) {
  std::map<std::string, std::string> of_this_source;
  for (size_t i = 0; i < text.values.size(); ++i) {
    auto [key, property] = ParseKeyValue(text.PlaceOf(i), text.values[i]);
    if (IsSecretKafkaKey(key)) {
      if (text.source == OptionSource::kWorldReadableFile) RefuseWorldReadable(text);
      if (text.source == OptionSource::kCommandLine) {
        throw UsageError(fmt::format(
            "{}: {} is a secret, and every user of this machine can see the command line (ps). "
            "Put it into the file of --kafka-config-file, or into the environment as {}",
            text.where, key, EnvironmentName("kafka-config." + key)));
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

void SetTopicConfig(const OptionText& text, Options* options) {
  SetProperties(text, &options->publish.topic_config);
}

// Adds to librdkafka's own message where the property was given.
void SetKafkaConfig(const OptionText& text, Options* options) {
  SetProperties(text, &options->publish.kafka_config);
  for (size_t i = 0; i < text.values.size(); ++i) {
    const auto [key, property] = ParseKeyValue(text.PlaceOf(i), text.values[i]);
    try {
      CheckKafkaProperty(key, property);
    } catch (const Error& error) {
      throw UsageError(fmt::format("{}: {}", text.PlaceOf(i), error.what()));
    }
  }
}

// Stores what `parse` reads of all the texts.
template <auto parse, auto... path>
void SetList(const OptionText& text, Options* options) {
  std::vector<std::string> all;
  for (const std::string& value : text.values) {
    for (std::string& one : parse(text.where, value)) all.push_back(std::move(one));
  }
  Field<path...>(options) = std::move(all);
}

// Applies to capture and publish alike.
void SetOnError(const OptionText& text, Options* options) {
  StoreChoice<kOnError, &Options::capture, &CaptureOptions::on_error>(text, options);
  options->publish.on_error = options->capture.on_error;
}

// Capture counts, publish tells.
void SetTransactionMetadata(const OptionText& text, Options* options) {
  Set<ParseFlag, &Options::publish, &PublishOptions::transaction_metadata>(text, options);
  options->spool.tally_transactions = options->publish.transaction_metadata;
}

void SetEnvelope(const OptionText& text, Options* options) {
  StoreChoice<kEnvelopes, &Options::capture, &CaptureOptions::envelope>(text, options);
  options->publish.envelope = options->capture.envelope;
}

// Envelopes have the prefix, too.
void SetTopicPrefix(const OptionText& text, Options* options) {
  options->publish.topic_prefix = ParseText(text.where, Only(text));
  options->capture.envelope_prefix = options->publish.topic_prefix;
}

// For options that name files, which option_sources.cc reads.
void SetNothing(const OptionText&, Options*) {}

constexpr auto kFlag = OptionArity::kFlag;
constexpr auto kOne = OptionArity::kOne;
constexpr auto kMany = OptionArity::kMany;
constexpr auto kProperties = OptionArity::kProperties;

constexpr OptionSpec kTable[] = {
    {'d', "postgres", "CONNINFO", kOne, kServers, "",
     "Connection string or URI of the PostgreSQL database, e.g. postgres://relay@db.example/shop; "
     "a "
     "relay needs it. The password comes from ~/.pgpass, PGPASSWORD or the URI.",
     SetPostgres},
    {'b', "broker", "HOST:PORT,...", kOne, kServers, "localhost:9092",
     "Kafka brokers to connect to first.",
     Set<ParseNonEmpty, &Options::publish, &PublishOptions::brokers>},
    {'r', "schema-registry", "URL", kOne, kServers, "http://localhost:8081",
     "Schema registry (Confluent API) for --output-format=avro.",
     Set<ParseNonEmpty, &Options::registry, &HttpSchemaRegistryOptions::url>},
    {'\0', "schema-registry-user", "NAME", kOne, kServers, "",
     "User for the registry. The password comes from the environment variable "
     "BOTTLEDWATER_SCHEMA_REGISTRY_PASSWORD or from a file.",
     Set<ParseNonEmpty, &Options::registry, &HttpSchemaRegistryOptions::user>},
    {'\0', "schema-registry-password-file", "FILE", kOne, kServers, "",
     "File whose first line is the registry's password.", SetNothing},
    {'\0', "schema-registry-ca", "FILE", kOne, kServers, "the system's",
     "Certificate authorities for the registry (PEM).",
     Set<ParseNonEmpty, &Options::registry, &HttpSchemaRegistryOptions::ca_file>},
    {'\0', "schema-registry-cert", "FILE", kOne, kServers, "",
     "Client certificate for the registry (PEM).",
     Set<ParseNonEmpty, &Options::registry, &HttpSchemaRegistryOptions::certificate_file>},
    {'\0', "schema-registry-key", "FILE", kOne, kServers, "",
     "Key of the client certificate (PEM).",
     Set<ParseNonEmpty, &Options::registry, &HttpSchemaRegistryOptions::key_file>},
    {'\0', "schema-registry-timeout", "TIME", kOne, kServers, "10s",
     "Timeout of one request to the registry.",
     Set<ParseDuration, &Options::registry, &HttpSchemaRegistryOptions::request_timeout>},
    {'C', "kafka-config", "KEY=VALUE", kProperties, kServers, "",
     "Set a librdkafka property; can be repeated. See --config-help.", SetKafkaConfig},
    {'\0', "kafka-config-file", "FILE", kOne, kServers, "",
     "File with librdkafka properties, one key=value per line: the place for sasl.password and "
     "other secrets.",
     SetNothing},

    {'s', "slot", "NAME", kOne, kCapture, "bottledwater",
     "Replication slot; created on the first start.",
     Set<ParseNonEmpty, &Options::capture, &CaptureOptions::slot>},
    {'\0', "publication", "NAME", kOne, kCapture, "the relay's own",
     "Use this existing publication as it is; it is never altered.",
     Set<ParseNonEmpty, &Options::capture, &CaptureOptions::publication>},
    {'u', "allow-unkeyed", "", kFlag, kCapture, "",
     "Also capture tables without primary key or replica identity: inserts only, with a null key. "
     "Without this option, such tables make the first start fail.",
     Set<ParseFlag, &Options::capture, &CaptureOptions::allow_unkeyed>},
    {'\0', "install-event-trigger", "", kFlag, kCapture, "",
     "Install an event trigger that adds new tables to the publication in the transaction that "
     "creates them. Needs a superuser; stays until it is dropped.",
     Set<ParseFlag, &Options::capture, &CaptureOptions::install_event_trigger>},
    {'\0', "tables", "GLOB,...", kMany, kCapture, "all",
     "Capture only the tables whose schema.table matches, e.g. \"public.*\".",
     SetList<ParseGlobs, &Options::capture, &CaptureOptions::tables>},
    {'\0', "exclude-tables", "GLOB,...", kMany, kCapture, "none", "Do not capture these tables.",
     SetList<ParseGlobs, &Options::capture, &CaptureOptions::exclude_tables>},
    {'\0', "partitions", "FORM", kOne, kCapture, "root",
     "Of a partitioned table: root (one table, whichever partition a row is in), or leaf (each "
     "partition is a table of its own, as always before PostgreSQL 13).",
     SetChoice<kPartitionForms, &Options::capture, &CaptureOptions::partitions>},
    {'x', "skip-snapshot", "", kFlag, kCapture, "",
     "Do not copy the existing rows; only stream changes. Ignored when the slot exists.",
     Set<ParseFlag, &Options::capture, &CaptureOptions::skip_snapshot>},
    {'\0', "snapshot-connections", "NUMBER", kOne, kCapture, "2",
     "Connections that copy tables at the same time.",
     Set<ParseCount, &Options::capture, &CaptureOptions::snapshot_connections>},

    {'f', "output-format", "FORMAT", kOne, kPublish, "avro", "avro, json or plain-json.",
     SetChoice<kOutputFormats, &Options::publish, &PublishOptions::output_format>},
    {'\0',
     "envelope",
     "ENVELOPE",
     kOne,
     kPublish,
     "none",
     "What a message's value is: none (the row), or debezium (before and after, with the schemas, "
     "keys and topics of Debezium's connector; --topic-prefix is its topic.prefix).",
     {SetEnvelope, kNamesOf<kEnvelopes>}},
    {'p', "topic-prefix", "PREFIX", kOne, kPublish, "",
     "Put PREFIX and a dot before each topic's name.", SetTopicPrefix},
    {'e',
     "on-error",
     "POLICY",
     kOne,
     kPublish,
     "exit",
     "What to do with a row that cannot be published: exit; log it and go on without it; "
     "dead-letter: publish it with the reason to topic [PREFIX.]dead-letter, and go on; or hold: "
     "its table stops there, in the spool, and the others go on. An outage of a server is never "
     "such an error.",
     {SetOnError, kNamesOf<kOnError>}},
    {'\0', "on-truncate", "POLICY", kOne, kPublish, "log",
     "What to do at a TRUNCATE: log it (topics keep the rows that it removed); tombstones, for "
     "every key that its tables' topics hold; or halt before its transaction.",
     SetChoice<kOnTruncate, &Options::capture, &CaptureOptions::on_truncate>},
    {'\0', "transaction-metadata", "", kFlag, kPublish, "",
     "Publish BEGIN and END of each transaction, with counts by table, to topic "
     "[PREFIX.]transaction-metadata.",
     SetTransactionMetadata},
    {'\0', "on-collision", "POLICY", kOne, kPublish, "suffix",
     "What to do with a table whose topic belongs to another table, or is not allowed by Kafka: "
     "suffix (give it its own topic, whose name has a suffix), or hold (leave its changes out, and "
     "read it again once it can have its topic).",
     SetChoice<kOnCollision, &Options::publish, &PublishOptions::on_collision>},
    {'\0', "invalid-text", "POLICY", kOne, kPublish, "error",
     "What to do with a text that cannot be converted to UTF-8: error (as --on-error says), "
     "replace (U+FFFD for each invalid byte), or bytes (all texts of a database that is not UTF-8 "
     "become Avro bytes, unchanged).",
     SetChoice<kInvalidText, &Options::capture, &CaptureOptions::invalid_text>},
    {'\0', "numeric", "FORM", kOne, kPublish, "decimal",
     "What a numeric with a precision, as numeric(10,2), becomes: decimal (exact), string (the "
     "same "
     "digits as text), or double (may round). One without a precision is always a string.",
     SetChoice<kNumericForms, &Options::capture, &CaptureOptions::type_forms, &TypeForms::numeric>},
    {'\0', "arrays", "FORM", kOne, kPublish, "native",
     "What an array becomes: native (an Avro array), or text, as PostgreSQL prints it: {1,2}.",
     SetChoice<kArrayForms, &Options::capture, &CaptureOptions::type_forms, &TypeForms::arrays>},
    {'\0', "enums", "FORM", kOne, kPublish, "string",
     "What an enum becomes: string, with the labels as a property of the schema, or avro (an Avro "
     "enum: the registry must accept each new label).",
     SetChoice<kEnumForms, &Options::capture, &CaptureOptions::type_forms, &TypeForms::enums>},
    {'\0', "intervals", "FORM", kOne, kPublish, "iso",
     "What an interval becomes: iso (P1DT2H, exact), text, as PostgreSQL prints it by default: "
     "1 day 02:00:00, or micros (a number of microseconds, with months of 365.25 / 12 days).",
     SetChoice<kIntervalForms, &Options::capture, &CaptureOptions::type_forms,
               &TypeForms::intervals>},
    {'\0', "time-precision", "UNIT", kOne, kPublish, "micros",
     "The unit of time, timestamp and timestamptz: micros (exact), or millis (what is finer is cut "
     "off).",
     SetChoice<kTimePrecisions, &Options::capture, &CaptureOptions::type_forms,
               &TypeForms::time_precision>},
    {'\0', "schema-docs", "", kFlag, kPublish, "",
     "Put the comments of tables and columns into Avro's value schemas, as doc.",
     Set<ParseFlag, &Options::capture, &CaptureOptions::schema_docs>},
    {'T', "topic-config", "KEY=VALUE", kProperties, kPublish, "",
     "Set a property of topics that the relay creates: partitions=8, replication=3, or a topic "
     "setting of Kafka's, e.g. retention.ms; can be repeated.",
     SetTopicConfig},
    {'\0', "partition-by", "WHAT", kOne, kPublish, "key",
     "Choose a row's partition by its whole key, as Java's producers do (key), or in Avro without "
     "the registry's id (key-body).",
     SetChoice<kPartitionBy, &Options::publish, &PublishOptions::partition_by>},
    {'\0', "max-message-bytes", "SIZE", kOne, kPublish, "16MiB",
     "Largest message. Topics that the relay creates allow it (max.message.bytes); others keep "
     "their limit.",
     Set<ParseSize, &Options::publish, &PublishOptions::message_bytes_max>},
    {'\0', "transaction-max-messages", "NUMBER", kOne, kPublish, "10000",
     "Most changes in one Kafka transaction. A larger PostgreSQL transaction is split.",
     Set<ParseCount, &Options::publish, &PublishOptions::transaction_max_messages>},
    {'\0', "transaction-max-bytes", "SIZE", kOne, kPublish, "16MiB",
     "Most bytes in one Kafka transaction.",
     Set<ParseSize, &Options::publish, &PublishOptions::transaction_max_bytes>},
    {'\0', "subject-naming", "WHAT", kOne, kPublish, "topic",
     "Subjects of schemas in the registry: topic (<topic>-key and <topic>-value), record (the "
     "record's full name), or topic-record (both).",
     SetChoice<kSubjectNaming, &Options::publish, &PublishOptions::subject_naming>},
    {'\0', "auto-register", "BOOL", kOne, kPublish, "true",
     "Register schemas that are new. With false somebody else does, and publishing waits until "
     "they "
     "are there.",
     SetChoice<kTrueOrFalse, &Options::registry, &HttpSchemaRegistryOptions::auto_register>},
    {'\0', "schema-check-interval", "TIME", kOne, kPublish, "1min",
     "How often the ids in published rows are compared with the registry.",
     Set<ParseDuration, &Options::publish, &PublishOptions::schema_check_interval>},

    {'\0', "spool", "DIR", kOne, kSpool, "./bottledwater.spool",
     "Directory of the spool, which holds captured changes until they are published.",
     Set<ParseNonEmpty, &Options::spool, &SpoolOptions::directory>},
    {'\0', "spool-max-bytes", "SIZE", kOne, kSpool, "0",
     "Pause capture while the spool is larger; PostgreSQL then retains the WAL. 0: no limit.",
     Set<ParseSize, &Options::spool, &SpoolOptions::max_bytes>},
    {'\0', "toast-cache-max-bytes", "SIZE", kOne, kSpool, "10GiB",
     "Keep up to this much of the newest large (TOASTed) values in the spool, for updates that do "
     "not touch them; the oldest are forgotten first. 0: keep none.",
     Set<ParseSize, &Options::spool, &SpoolOptions::toast_cache_max_bytes>},
    {'\0', "refetch", "BOOL", kOne, kSpool, "true",
     "Read an unchanged large (TOASTed) value that is found nowhere else from its table, as it is "
     "by then; the header refetched names the fields.",
     SetChoice<kTrueOrFalse, &Options::capture, &CaptureOptions::refetch>},
    {'\0', "max-wal-retained", "SIZE", kOne, kSpool, "256MiB",
     "Let PostgreSQL retain up to this much WAL that is spooled but not yet published, so that a "
     "lost spool loses nothing. 0: none.",
     Set<ParseSize, &Options::capture, &CaptureOptions::max_wal_retained_bytes>},
    {'\0', "replay-window", "SIZE", kOne, kSpool, "0",
     "Keep published changes in the spool for this much WAL, for --republish and the command "
     "replay.",
     Set<ParseSize, &Options::publish, &PublishOptions::replay_window_bytes>},

    {'\0', "accept-gap", "LSN", kOne, kAfterHalt, "",
     "Go on without the changes up to the slot's confirmed flush LSN, given here.",
     Set<ParseLsn, &Options::overrides, &Overrides::accept_gap>},
    {'\0', "skip-transaction", "LSN", kOne, kAfterHalt, "",
     "Leave out the transaction with this commit LSN, which PostgreSQL cannot send.",
     Set<ParseLsn, &Options::skip_transaction>},
    {'\0', "adopt-slot", "", kFlag, kAfterHalt, "",
     "Take over an existing slot that has neither spool nor checkpoint, without a snapshot.",
     Set<ParseFlag, &Options::overrides, &Overrides::adopt_slot>},
    {'\0', "republish", "", kFlag, kAfterHalt, "",
     "Where Kafka has lost data or is another cluster, publish again what the spool retains.",
     Set<ParseFlag, &Options::overrides, &Overrides::republish>},
    {'\0', "accept-new-schema-ids", "", kFlag, kAfterHalt, "",
     "Where the schema registry has lost ids, go on with new ones.",
     Set<ParseFlag, &Options::publish, &PublishOptions::accept_new_schema_ids>},

    {'\0', "config", "FILE", kOne, kGeneral, "",
     "Read options from a TOML file, by their long names: name = \"value\".", SetNothing},
    {'\0', "log-level", "LEVEL", kOne, kGeneral, "info", "trace, debug, info, warn or error.",
     SetChoice<kLogLevels, &Options::log, &LogOptions::level>},
    {'\0', "quiet", "", kFlag, kGeneral, "",
     "Log only warnings and errors, as with --log-level=warn.",
     Set<ParseFlag, &Options::log, &LogOptions::quiet>},
    {'\0', "log-format", "FORMAT", kOne, kGeneral, "text",
     "text, or json: one object a line, with time (UTC), level and message.",
     SetChoice<kLogFormats, &Options::log, &LogOptions::format>},
    {'\0', "status-interval", "TIME", kOne, kGeneral, "30s",
     "Time between two status lines in the log.", Set<ParseDuration, &Options::status_interval>},
    {'\0', "admin", "HOST:PORT", kOne, kAdmin, "",
     "Where to serve the status page, metrics and health over HTTP, e.g. 127.0.0.1:9187. The "
     "socket admin.sock in the spool's directory serves them anyway.",
     Set<ParseNonEmpty, &Options::admin, &AdminOptions::address>},
    {'\0', "admin-token-file", "FILE", kOne, kAdmin, "",
     "File whose first line is the token with which --admin accepts pause and resume. Without one, "
     "only the socket does.",
     SetNothing},
    {'\0', "admin-host", "NAME,...", kMany, kAdmin, "",
     "Further names by which clients may call --admin, as a proxy's or a service's. Without this, "
     "only localhost and addresses.",
     SetList<ParseHostNames, &Options::admin, &AdminOptions::hosts>},
    {'\0', "admin-certificate", "FILE", kOne, kAdmin, "",
     "Serve --admin by TLS (https), with this certificate (PEM), its chain behind it.",
     Set<ParseNonEmpty, &Options::admin, &AdminOptions::certificate_file>},
    {'\0', "admin-key", "FILE", kOne, kAdmin, "",
     "Key of that certificate (PEM), in a file that not every user can read.",
     Set<ParseNonEmpty, &Options::admin, &AdminOptions::key_file>},
    {'\0', "stall-after", "TIME", kOne, kAdmin, "60s",
     "Not ready when capture or publish has had work for this long and has not advanced.",
     Set<ParseDuration, &Options::admin, &AdminOptions::stall_after>},
};

constexpr PrintingFlag kPrintingFlags[] = {
    {'\0', "config-help", "List the Kafka properties that can be set."},
    {'\0', "version", "Print the version."},
    {'h', "help", "Print the help; after a command, that command's."},
};

}  // namespace

std::string_view TitleOf(OptionGroup group) {
  switch (group) {
    case OptionGroup::kServers:
      return "Servers";
    case OptionGroup::kCapture:
      return "What is captured";
    case OptionGroup::kPublish:
      return "What is written to Kafka";
    case OptionGroup::kSpool:
      return "The spool";
    case OptionGroup::kAfterHalt:
      return "After a halt (each acts only in its situation; the halt's message names the right "
             "one)";
    case OptionGroup::kAdmin:
      return "Status and health";
    case OptionGroup::kGeneral:
      return "General";
    case OptionGroup::kCommand:
      return "Of this command alone";
  }
  BW_CHECK(false);
}

std::span<const PrintingFlag> PrintingFlags() { return kPrintingFlags; }

std::vector<std::string_view> OptionNames() {
  std::vector<std::string_view> names;
  for (const OptionSpec& spec : kTable) names.push_back(spec.name);
  for (const PrintingFlag& flag : kPrintingFlags) names.push_back(flag.name);
  return names;
}

std::span<const OptionSpec> OptionTable() { return kTable; }

const OptionSpec* FindOption(std::string_view name) {
  const auto* found = std::find_if(std::begin(kTable), std::end(kTable),
                                   [&](const OptionSpec& spec) { return spec.name == name; });
  return found == std::end(kTable) ? nullptr : found;
}

std::string EnvironmentName(std::string_view option_name) {
  std::string name = "BOTTLEDWATER_";
  for (const char c : option_name) {
    if (c == '-' || c == '.') {
      name.push_back('_');
    } else {
      name.push_back(c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c);
    }
  }
  return name;
}

}  // namespace bw
