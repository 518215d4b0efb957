#include "relay/option_mapping.h"

namespace bw {

CaptureOptions CaptureOptionsOf(const Options& options) {
  CaptureOptions result;
  result.conninfo = options.postgres;
  result.slot = options.slot;
  if (!options.publication.empty()) result.publication = options.publication;
  result.allow_unkeyed = options.allow_unkeyed;
  result.install_event_trigger = options.install_event_trigger;
  result.tables = options.tables;
  result.exclude_tables = options.exclude_tables;
  result.skip_snapshot = options.skip_snapshot;
  result.max_wal_retained_bytes = options.max_wal_retained;
  result.on_error = options.on_error;
  result.invalid_text = options.invalid_text;
  result.snapshot_connections = static_cast<int>(options.snapshot_connections);
  return result;
}

PublishOptions PublishOptionsOf(const Options& options) {
  PublishOptions result;
  result.brokers = options.brokers;
  result.kafka_config.assign(options.kafka_config.begin(), options.kafka_config.end());
  result.topic_config.assign(options.topic_config.begin(), options.topic_config.end());
  result.topic_prefix = options.topic_prefix;
  result.output_format = options.output_format;
  result.on_collision = options.on_collision;
  result.on_error = options.on_error;
  result.schema_check_interval = options.schema_check_interval;
  result.accept_new_schema_ids = options.accept_new_schema_ids;
  result.partition_by = options.partition_by;
  result.message_bytes_max = options.max_message_bytes;
  result.transaction_max_messages = options.transaction_max_messages;
  result.transaction_max_bytes = options.transaction_max_bytes;
  result.replay_window_bytes = options.replay_window_bytes;
  result.republish = options.overrides.republish;
  return result;
}

SpoolOptions SpoolOptionsOf(const Options& options) {
  SpoolOptions result;
  result.directory = options.spool;
  result.max_bytes = options.spool_max_bytes;
  return result;
}

HttpSchemaRegistryOptions RegistryOptionsOf(const Options& options) {
  HttpSchemaRegistryOptions result;
  result.url = options.schema_registry;
  result.user = options.schema_registry_user;
  result.password = options.schema_registry_password;
  result.ca_file = options.schema_registry_ca;
  result.certificate_file = options.schema_registry_cert;
  result.key_file = options.schema_registry_key;
  result.request_timeout = options.schema_registry_timeout;
  return result;
}

}  // namespace bw
