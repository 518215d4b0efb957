#include "publish/replay_mark.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace bw {
namespace {

TEST(ReplayMark, RecordReadsBack) {
  const Lsn from{0x2'44DAB970};
  EXPECT_EQ(DecodeReplayMark(EncodeReplayMark(from), "here"), from);
  EXPECT_THROW(DecodeReplayMark("{}", "here"), Error);
  EXPECT_THROW(DecodeReplayMark(EncodeReplayMark(from) + "x", "here"), Error);
}

}  // namespace
}  // namespace bw
