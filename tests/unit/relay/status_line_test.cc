#include "relay/status_line.h"

#include <gtest/gtest.h>

#include "base/byte_size.h"

namespace bw {
namespace {

TEST(StatusLine, SaysWhatAPersonWantsToKnow) {
  RelayStatus before;
  before.capture.changes = 4;
  before.publish.figures.changes = 20;
  RelayStatus now;
  now.time = before.time + std::chrono::seconds(30);
  now.capture.changes = 1'204;
  now.publish.figures.changes = 1'190;
  now.capture.captured = Lsn{0x2'44DA'B970};
  now.publish.published = Lsn{0x2'44DA'9910};
  now.spool.bytes = 12 * kMiB + 300 * kKiB;
  now.spool.lag = Duration(1'200);
  now.capture.retained_wal_bytes = 4 * kMiB;
  EXPECT_EQ(FormatStatusLine(before, now),
            "captured 1,204 changes (40/s) up to 2/44DAB970, spooled 12.3 MiB, published 1,190 "
            "changes (39/s) up to 2/44DA9910, lag 1.2 s, retained WAL 4 MiB");
  now.capture.wal_on_disk_bytes = 480 * kMiB;
  EXPECT_TRUE(FormatStatusLine(before, now).ends_with("retained WAL 4 MiB (480 MiB on its disk)"));
  now.capture.safe_wal_bytes = kGiB;
  EXPECT_TRUE(FormatStatusLine(before, now)
                  .ends_with("(480 MiB on its disk, 1 GiB more until the slot is lost)"));
  now.capture.safe_wal_bytes = -static_cast<int64_t>(kMiB);
  EXPECT_TRUE(FormatStatusLine(before, now)
                  .ends_with("beyond the limit by 1 MiB: PostgreSQL may give the slot up at its "
                             "next checkpoint)"));
}

TEST(StatusLine, LeavesOutWhatIsNotKnown) {
  RelayStatus now;
  now.time = TimePoint() + std::chrono::seconds(30);
  EXPECT_EQ(FormatStatusLine({}, now),
            "captured 0 changes (0/s), spooled 0 B, published 0 changes (0/s), lag none, retained "
            "WAL unknown");
}

TEST(StatusLine, NamesWhatStandsInTheWay) {
  RelayStatus now;
  now.time = TimePoint() + std::chrono::seconds(30);
  now.publish.figures.rows_refused = 1;
  now.capture.keyless_changes = 2;
  now.spool.obstacle = "disk\nfull";
  EXPECT_TRUE(FormatStatusLine({}, now).ends_with(
      ", skipped 1 row, 2 changes without a key, waiting: disk full"));
}

TEST(StatusLine, ShowsSlowRatesAndSurvivesAStandingClock) {
  RelayStatus now;
  now.time = TimePoint() + std::chrono::seconds(30);
  now.capture.changes = 10;
  EXPECT_TRUE(FormatStatusLine({}, now).starts_with("captured 10 changes (0.3/s)"));
  now.time = TimePoint();
  EXPECT_TRUE(FormatStatusLine({}, now).starts_with("captured 10 changes (-/s)"));
}

}  // namespace
}  // namespace bw
