#include "capture/look_pace.h"

#include <gtest/gtest.h>

namespace bw {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(LookPace, LooksAtChangesAThirdOfTheTime) {
  LookPace pace;
  const TimePoint begin = TimePoint() + seconds(100);
  EXPECT_LE(pace.Due(true), begin);
  pace.NoteLook(begin, begin + seconds(3), true);
  EXPECT_EQ(pace.Due(true), begin + seconds(9));
  EXPECT_EQ(pace.Due(false), begin + seconds(9));
}

TEST(LookPace, LooksEverMoreRarelyAtWhatDoesNotChange) {
  LookPace pace;
  TimePoint end = TimePoint() + seconds(100);
  pace.NoteLook(end - seconds(1), end, true);
  for (const int pause : {2, 4, 8, 16, 20, 20}) {
    EXPECT_EQ(pace.Due(false), end + seconds(pause));
    EXPECT_EQ(pace.Due(true), end + seconds(2)) << "A change is not kept waiting by that.";
    end = pace.Due(false) + seconds(1);
    pace.NoteLook(end - seconds(1), end, false);
  }
  pace.NoteLook(end - seconds(1), end, true);
  EXPECT_EQ(pace.Due(false), end + seconds(2));
}

TEST(LookPace, ComparesForAPartInTwenty) {
  EXPECT_EQ(LookPace::PauseAfter(TimePoint(), TimePoint() + milliseconds(100)), seconds(2));
}

}  // namespace
}  // namespace bw
