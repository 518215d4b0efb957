#include "admin/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "admin/status_json.h"

namespace bw {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(Metrics, WhatIsUnknownIsAbsentAndNotZero) {
  Observation observation;
  EXPECT_THAT(MetricsText(observation), Not(HasSubstr("retained_wal_bytes")));
  observation.status.capture.retained_wal_bytes = 0;
  EXPECT_THAT(MetricsText(observation), HasSubstr("bottledwater_retained_wal_bytes 0\n"));
}

TEST(Metrics, OfTheProcessHavePrometheusNames) {
  Observation observation;
  EXPECT_THAT(MetricsText(observation), Not(HasSubstr("process_")));
  const ProcessFigures process{.start_time_seconds = 1795000000.25,
                               .cpu_seconds = 1.5,
                               .resident_bytes = 3,
                               .virtual_bytes = 4,
                               .open_fds = 5,
                               .max_fds = 6};
  const std::string text = MetricsText(observation, process);
  EXPECT_THAT(text, HasSubstr("# TYPE process_cpu_seconds_total counter\n"));
  EXPECT_THAT(text, HasSubstr("process_start_time_seconds 1795000000.25\n"));
  EXPECT_THAT(text, HasSubstr("process_cpu_seconds_total 1.5\n"));
  EXPECT_THAT(text, HasSubstr("process_resident_memory_bytes 3\n"));
  EXPECT_THAT(text, HasSubstr("process_open_fds 5\n"));
}

TEST(Metrics, NoLimitIsNotTheSameAsAnUnknownOneAndBeyondItIsNegative) {
  Observation observation;
  EXPECT_THAT(StatusJson(observation), HasSubstr("\"wal_limit\": null"));
  EXPECT_THAT(MetricsText(observation), Not(HasSubstr("wal_limit_set")));
  observation.status.capture.has_wal_limit = false;
  EXPECT_THAT(StatusJson(observation), HasSubstr("\"wal_limit\": \"none\""));
  EXPECT_THAT(MetricsText(observation), HasSubstr("bottledwater_wal_limit_set 0\n"));
  observation.status.capture.has_wal_limit = true;
  observation.status.capture.safe_wal_bytes = -1024;
  EXPECT_THAT(StatusJson(observation), HasSubstr("\"safe_wal_bytes\": -1024"));
  EXPECT_THAT(MetricsText(observation), HasSubstr("bottledwater_safe_wal_bytes -1024\n"));
}

TEST(Metrics, ASlotThatNobodyCanSeeIsNeitherLostNorKept) {
  Observation observation;
  EXPECT_THAT(MetricsText(observation), Not(HasSubstr("slot_lost")));
  observation.status.capture.slot_status = "unreserved";
  EXPECT_THAT(MetricsText(observation), HasSubstr("bottledwater_slot_lost 0\n"));
  observation.status.capture.slot_status = "lost";
  EXPECT_THAT(MetricsText(observation), HasSubstr("bottledwater_slot_lost 1\n"));
}

TEST(Metrics, HaveTheExpirationOfACertificate) {
  const Observation observation;
  EXPECT_THAT(MetricsText(observation), Not(HasSubstr("certificate")));
  EXPECT_THAT(MetricsText(observation, {}, {.certificate_expiration = 1795000000}),
              HasSubstr("certificate_expiration_timestamp_seconds 1795000000\n"));
}

TEST(Metrics, BucketsAreCumulative) {
  LatencyHistogram histogram;
  histogram.Observe(900);
  histogram.Observe(1'000);  // On the bound: within.
  histogram.Observe(2'000);
  histogram.Observe(-5);  // A clock that was set back.
  histogram.Observe(400'000'000'000);
  Observation observation;
  observation.status.publish.commit_to_kafka = histogram.Read();
  const std::string text = MetricsText(observation);
  EXPECT_THAT(text, HasSubstr("commit_to_kafka_seconds_bucket{le=\"0.001\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("commit_to_kafka_seconds_bucket{le=\"0.0025\"} 4\n"));
  EXPECT_THAT(text, HasSubstr("commit_to_kafka_seconds_bucket{le=\"86400\"} 4\n"));
  EXPECT_THAT(text, HasSubstr("commit_to_kafka_seconds_bucket{le=\"+Inf\"} 5\n"));
  EXPECT_THAT(text, HasSubstr("commit_to_kafka_seconds_count 5\n"));
}

// In an SQL_ASCII database a name may be any bytes.
TEST(Metrics, ANameThatIsNotUtf8BreaksNeitherFormat) {
  Observation observation;
  observation.status.publish.tables["public.a\xff\"\nb"].changes = 7;
  EXPECT_THAT(MetricsText(observation),
              HasSubstr("bottledwater_table_changes_total{table=\"public.a\\\\xff\\\" b\"} 7\n"));
  EXPECT_THAT(StatusJson(observation), HasSubstr("\"changes\": 7"));
}

}  // namespace
}  // namespace bw
