#include "admin/metrics.h"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "base/shown_text.h"

namespace bw {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

using Labels = std::vector<ClientMetric::Label>;

// Collects families in the order in which they are added.
class Metrics {
 public:
  // A family of values; each Add() is one of them. The value of a counter is monotonic as long as
  // the process lives.
  Metrics& Family(const char* name, MetricType type, const char* help) {
    families_.push_back({name, help, type, {}});
    return *this;
  }
  Metrics& Counter(const char* name, const char* help) {
    return Family(name, MetricType::Counter, help);
  }
  Metrics& Gauge(const char* name, const char* help) {
    return Family(name, MetricType::Gauge, help);
  }
  Metrics& Add(double value, Labels labels = {}) {
    MetricFamily& family = families_.back();
    ClientMetric metric;
    metric.label = std::move(labels);
    (family.type == MetricType::Counter ? metric.counter.value : metric.gauge.value) = value;
    family.metric.push_back(std::move(metric));
    return *this;
  }
  Metrics& Add(uint64_t value, Labels labels = {}) {
    return Add(static_cast<double>(value), std::move(labels));
  }
  // Nothing for an unknown value.
  template <typename T>
  Metrics& AddKnown(const std::optional<T>& value, Labels labels = {}) {
    return value ? Add(static_cast<double>(*value), std::move(labels)) : *this;
  }
  void Histogram(const char* name, const char* help, const LatencyHistogram::Counts& counts) {
    Family(name, MetricType::Histogram, help);
    ClientMetric metric;
    uint64_t cumulative = 0;
    for (size_t i = 0; i < counts.buckets.size(); ++i) {
      cumulative += counts.buckets[i];
      if (i < LatencyHistogram::kBounds.size()) {
        metric.histogram.bucket.push_back({cumulative, LatencyHistogram::kBounds[i]});
      }
    }
    metric.histogram.sample_count = cumulative;
    metric.histogram.sample_sum = counts.sum_seconds;
    families_.back().metric.push_back(std::move(metric));
  }

  std::string Text() const {
    // An unknown value leaves its family empty.
    std::vector<MetricFamily> known;
    for (const MetricFamily& family : families_) {
      if (!family.metric.empty()) known.push_back(family);
    }
    return prometheus::TextSerializer().Serialize(known);
  }

 private:
  std::vector<MetricFamily> families_;
};

Labels SideLabel(const char* side) { return {{"side", side}}; }

void AddPositions(const RelayStatus& status, Metrics* metrics) {
  const auto add = [&](Lsn lsn, const char* kind) {
    if (lsn.valid()) metrics->Add(lsn.value, {{"position", kind}});
  };
  metrics->Gauge("bottledwater_lsn_bytes",
                 "Positions in PostgreSQL's WAL: differences of them are bytes of WAL");
  add(status.capture.server_end, "server");
  add(status.capture.received, "received");
  add(status.capture.captured, "captured");
  add(status.publish.published, "published");
  add(status.capture.confirmed, "confirmed");
}

void AddSides(const Observation& observation, Metrics* metrics) {
  const RelayStatus::Capture& capture = observation.status.capture;
  const RelayStatus::Publish& publish = observation.status.publish;
  const auto add_each = [&](auto value_of) {
    metrics->Add(value_of(static_cast<const RelayStatus::Side&>(capture)), SideLabel("capture"));
    metrics->Add(value_of(static_cast<const RelayStatus::Side&>(publish)), SideLabel("publish"));
  };
  metrics->Gauge("bottledwater_ready", "1 unless a side has had work and made no progress");
  metrics->Add(uint64_t{observation.stalls.empty() ? 1U : 0U});
  metrics->Gauge("bottledwater_side_working", "1 while capture streams, or publish has a session");
  add_each([](const auto& side) { return uint64_t{side.working ? 1U : 0U}; });
  metrics->Gauge("bottledwater_side_paused", "1 while an operator has paused it");
  add_each([](const auto& side) { return uint64_t{side.paused ? 1U : 0U}; });
  metrics->Gauge("bottledwater_trouble_seconds",
                 "For how long something has kept it from working; 0 when nothing does");
  add_each([&](const auto& side) {
    // A held table keeps no other from being published, and has a metric of its own.
    const auto trouble = std::ranges::find_if(side.troubles, [](const Trouble& one) {
      return one.kind != TroubleKind::kAtRisk || !one.server.empty();
    });
    if (trouble == side.troubles.end()) return 0.0;
    return static_cast<double>(observation.status.wall_us - trouble->since_us) / 1e6;
  });
  metrics->Counter("bottledwater_sessions_total", "Sessions that began to work");
  add_each([](const auto& side) { return side.sessions; });
  metrics->Counter("bottledwater_session_failures_total", "Sessions that an error ended");
  for (size_t kind = 0; kind < kErrorKinds; ++kind) {
    const char* cause = ToString(static_cast<ErrorKind>(kind));
    metrics->Add(capture.failures.at(kind), {{"side", "capture"}, {"cause", cause}});
    metrics->Add(publish.failures.at(kind), {{"side", "publish"}, {"cause", cause}});
  }
}

void AddCapture(const Observation& observation, Metrics* metrics) {
  const RelayStatus::Capture& capture = observation.status.capture;
  metrics->Gauge("bottledwater_retained_wal_bytes", "WAL that the slot has not confirmed");
  metrics->AddKnown(capture.retained_wal_bytes);
  metrics->Gauge("bottledwater_wal_on_disk_bytes",
                 "WAL that the slot retains on PostgreSQL's disk");
  metrics->AddKnown(capture.wal_on_disk_bytes);
  metrics->Gauge("bottledwater_safe_wal_bytes",
                 "How much more WAL until the slot is lost (max_slot_wal_keep_size); negative "
                 "beyond that, absent without a limit");
  metrics->AddKnown(capture.safe_wal_bytes);
  metrics->Gauge("bottledwater_wal_limit_set",
                 "1 when max_slot_wal_keep_size limits the slot, 0 when nothing does");
  metrics->AddKnown(capture.has_wal_limit);
  metrics->Gauge("bottledwater_slot_lost",
                 "1 when PostgreSQL has given up the slot, for good; 0 when it has not");
  metrics->AddKnown(capture.slot_is_lost());
  metrics->Gauge("bottledwater_capture_lag_bytes",
                 "WAL of the server that is not captured; 0 below 8 MiB");
  metrics->AddKnown(observation.capture_lag_bytes);
  metrics->Gauge("bottledwater_capture_lag_seconds",
                 "For how long such WAL has been there; 0 when there is none");
  metrics->AddKnown(observation.capture_lag_seconds);
  metrics->Counter("bottledwater_captured_changes_total", "Changes durable in the spool")
      .Add(capture.changes);
  metrics->Counter("bottledwater_captured_transactions_total", "Transactions with changes")
      .Add(capture.transactions);
  metrics->Counter("bottledwater_snapshot_rows_total", "Rows read by snapshots")
      .Add(capture.snapshot_rows);
  metrics
      ->Counter("bottledwater_keyless_changes_total",
                "Changes published incompletely, because no key says which row they change")
      .Add(capture.keyless_changes);
  metrics
      ->Counter("bottledwater_unavailable_values_total",
                "Rows with a placeholder for an unchanged TOAST value")
      .Add(capture.unavailable_values);
  metrics
      ->Counter("bottledwater_unchanged_toast_values_total",
                "Unchanged TOAST values that PostgreSQL did not send, by where they came from")
      .Add(capture.toast_from_old_tuple, {{"source", "old_tuple"}})
      .Add(capture.toast_from_cache, {{"source", "cache"}})
      .Add(capture.toast_refetched, {{"source", "refetched"}})
      .Add(capture.toast_unavailable, {{"source", "unavailable"}});
  metrics->Counter("bottledwater_truncates_total", "TRUNCATEs of captured tables")
      .Add(capture.truncates);
  metrics->Histogram("bottledwater_commit_to_spool_seconds",
                     "From a commit in PostgreSQL until it is durable in the spool",
                     capture.commit_to_spool);
}

void AddSpool(const Observation& observation, Metrics* metrics) {
  const RelayStatus::SpoolFacts& spool = observation.status.spool;
  metrics->Gauge("bottledwater_spool_bytes", "Files of the spool").Add(spool.bytes);
  metrics->Gauge("bottledwater_spool_room_bytes", "How much more fits until capture pauses")
      .Add(spool.room_bytes);
  metrics->Gauge("bottledwater_spool_backlog_changes", "Changes that are not published yet, about")
      .Add(spool.backlog);
  metrics->Gauge("bottledwater_spool_oldest_seconds",
                 "Age of the oldest unpublished commit; 0 when there is none");
  metrics->Add(spool.lag ? static_cast<double>(spool.lag->count()) / 1e3 : 0.0);
  metrics->Gauge("bottledwater_spool_seconds_until_full",
                 "Until the spool is full, at the pace of the last minutes; 0 when it is full, "
                 "absent when it does not grow");
  metrics->AddKnown(observation.seconds_until_spool_full);
  metrics->Gauge("bottledwater_seconds_until_drained",
                 "Until the backlog is published; absent without one, or when it does not shrink");
  metrics->AddKnown(observation.seconds_until_drained);
  metrics->Gauge("bottledwater_spool_blocked", "1 while nothing can be written to the spool")
      .Add(uint64_t{spool.obstacle.empty() ? 0U : 1U});
  metrics
      ->Counter("bottledwater_spool_write_stalls_total",
                "Times that RocksDB slowed down or stopped writes")
      .Add(spool.write_stalls);
  metrics->Gauge("bottledwater_tables_to_read_again", "Tables waiting to be read again")
      .Add(spool.tables_to_reread);
}

void AddPublish(const RelayStatus& status, Metrics* metrics) {
  const RelayStatus::Publish& publish = status.publish;
  const PublishFigures& figures = publish.figures;
  metrics->Counter("bottledwater_published_changes_total", "Changes committed in Kafka")
      .Add(figures.changes);
  metrics->Counter("bottledwater_published_messages_total", "Messages committed in Kafka")
      .Add(figures.messages);
  metrics->Counter("bottledwater_published_bytes_total", "Keys, values and headers of those")
      .Add(figures.bytes);
  metrics->Counter("bottledwater_kafka_transactions_total", "Transactions committed in Kafka")
      .Add(figures.transactions);
  metrics->Counter("bottledwater_row_errors_total", "Rows left out")
      .Add(status.capture.rows_refused, SideLabel("capture"))
      .Add(figures.rows_refused, SideLabel("publish"));
  metrics
      ->Counter("bottledwater_dead_letters_total",
                "Rows published to the dead-letter topic, because they could not be published")
      .Add(figures.dead_letters);
  metrics
      ->Gauge("bottledwater_held_tables",
              "Tables that --on-error=hold holds, whose changes wait in the spool")
      .Add(uint64_t{figures.held.size()});
  metrics
      ->Counter("bottledwater_duplicates_suppressed_total",
                "Messages not sent again, because a torn transaction had published them")
      .Add(figures.torn_skipped);
  metrics->Histogram("bottledwater_commit_to_kafka_seconds",
                     "From a commit in PostgreSQL until it is committed in Kafka",
                     publish.commit_to_kafka);
  metrics->Histogram("bottledwater_kafka_transaction_seconds",
                     "Kafka transactions, from begin to commit", publish.kafka_transaction);
  metrics->Histogram("bottledwater_registry_request_seconds",
                     "What a batch asks of the schema registry", publish.registry_request);
}

void AddTables(const RelayStatus::Publish& publish, Metrics* metrics) {
  // In an SQL_ASCII database a name may be any bytes; a label must be UTF-8.
  const auto label = [](const std::string& table) { return Labels{{"table", Printable(table)}}; };
  metrics->Counter("bottledwater_table_changes_total", "Changes committed in Kafka, by table");
  for (const auto& [table, counts] : publish.tables) metrics->Add(counts.changes, label(table));
  metrics->Counter("bottledwater_table_bytes_total", "Bytes committed in Kafka, by table");
  for (const auto& [table, counts] : publish.tables) metrics->Add(counts.bytes, label(table));
  metrics->Counter("bottledwater_table_row_errors_total", "Rows left out, by table");
  for (const auto& [table, counts] : publish.tables) {
    if (counts.rows_refused > 0) metrics->Add(counts.rows_refused, label(table));
  }
  metrics->Counter("bottledwater_table_dead_letters_total",
                   "Rows published to the dead-letter topic, by table");
  for (const auto& [table, counts] : publish.tables) {
    if (counts.dead_letters > 0) metrics->Add(counts.dead_letters, label(table));
  }
}

void AddEndpoint(const EndpointFigures& endpoint, Metrics* metrics) {
  metrics
      ->Gauge("bottledwater_admin_certificate_expiration_timestamp_seconds",
              "When the certificate of --admin expires, in seconds since 1970")
      .AddKnown(endpoint.certificate_expiration);
  metrics->Counter("bottledwater_admin_refused_total",
                   "Requests to --admin that were refused: 401 wrong token, 403 no token set, 421 "
                   "Host not ours");
  for (size_t reason = 0; reason < endpoint.refused.size(); ++reason) {
    metrics->Add(endpoint.refused.at(reason),
                 {{"status", std::to_string(RefusedRequests::kStatuses.at(reason))}});
  }
}

// With the names and meanings of Prometheus's own client libraries.
void AddProcess(const ProcessFigures& process, Metrics* metrics) {
  metrics->Gauge("process_start_time_seconds", "When the process started, in seconds since 1970")
      .AddKnown(process.start_time_seconds);
  metrics->Counter("process_cpu_seconds_total", "CPU time of all threads, user and system")
      .AddKnown(process.cpu_seconds);
  metrics->Gauge("process_resident_memory_bytes", "Memory in RAM").AddKnown(process.resident_bytes);
  metrics->Gauge("process_virtual_memory_bytes", "Memory that is mapped")
      .AddKnown(process.virtual_bytes);
  metrics->Gauge("process_open_fds", "Open files and sockets").AddKnown(process.open_fds);
  metrics->Gauge("process_max_fds", "How many may be open").AddKnown(process.max_fds);
}

}  // namespace

std::string MetricsText(const Observation& observation, const ProcessFigures& process,
                        const EndpointFigures& endpoint) {
  const RelayStatus& status = observation.status;
  Metrics metrics;
  metrics.Gauge("bottledwater_build_info", "The version that runs")
      .Add(uint64_t{1}, {{"version", BOTTLEDWATER_VERSION}});
  AddSides(observation, &metrics);
  AddPositions(status, &metrics);
  AddCapture(observation, &metrics);
  AddSpool(observation, &metrics);
  AddPublish(status, &metrics);
  AddTables(status.publish, &metrics);
  AddEndpoint(endpoint, &metrics);
  AddProcess(process, &metrics);
  return metrics.Text();
}

}  // namespace bw
