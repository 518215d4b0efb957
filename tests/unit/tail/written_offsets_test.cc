#include "tail/written_offsets.h"

#include <gtest/gtest.h>

namespace bw {
namespace {

const TopicPartition kA{"a", 0};
const TopicPartition kB{"b", 0};

TEST(WrittenOffsets, CountALineOnlyWhenAllOfItWasWritten) {
  WrittenOffsets offsets;
  offsets.Expect(kA, 5, 0);  // Where reading begins.
  offsets.Expect(kA, 6, 10);
  offsets.Expect(kB, 1, 20);
  offsets.Expect(kA, 7, 30);
  offsets.NoteWritten(0);
  EXPECT_EQ(offsets.Unstored(), (NextOffsets{{kA, 5}}));
  offsets.NoteWritten(29);
  EXPECT_EQ(offsets.Unstored(), (NextOffsets{{kA, 6}, {kB, 1}}));
  offsets.NoteWritten(30);
  EXPECT_EQ(offsets.Unstored(), (NextOffsets{{kA, 7}, {kB, 1}}));
}

TEST(WrittenOffsets, AreStoredOnceEach) {
  WrittenOffsets offsets;
  offsets.Expect(kA, 5, 0);
  offsets.Expect(kB, 1, 0);
  offsets.NoteWritten(0);
  offsets.NoteStored({{kA, 5}});
  EXPECT_EQ(offsets.Unstored(), (NextOffsets{{kB, 1}}));
  offsets.Expect(kA, 6, 10);
  offsets.NoteWritten(10);
  EXPECT_EQ(offsets.Unstored(), (NextOffsets{{kA, 6}, {kB, 1}}));
}

TEST(WrittenOffsets, OfATopicThatWasDeletedAreNotStored) {
  WrittenOffsets offsets;
  offsets.Expect(kA, 5, 0);
  offsets.Expect(kB, 1, 0);
  offsets.NoteWritten(0);
  offsets.Expect(kA, 6, 10);
  offsets.Forget("a");
  offsets.NoteWritten(10);
  EXPECT_EQ(offsets.Unstored(), (NextOffsets{{kB, 1}}));
}

}  // namespace
}  // namespace bw
