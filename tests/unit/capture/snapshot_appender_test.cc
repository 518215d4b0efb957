#include "capture/snapshot_appender.h"

#include <gtest/gtest.h>

#include "capture/snapshot_progress.h"

namespace bw {
namespace {

TEST(RowBatch, KeepsKeysAndValuesApart) {
  RowBatch batch;
  batch.buffer()->append("k1");
  batch.FinishKey();
  batch.buffer()->append("value1");
  batch.FinishRow();
  batch.buffer()->append("value2");
  batch.FinishRow();
  ASSERT_EQ(batch.rows(), 2u);
  EXPECT_EQ(batch.At(0).key, "k1");
  EXPECT_EQ(batch.At(0).value, "value1");
  EXPECT_EQ(batch.At(1).key, std::nullopt);
  EXPECT_EQ(batch.At(1).value, "value2");
}

TEST(RowBatch, ForgetsADroppedRow) {
  RowBatch batch;
  batch.buffer()->append("first");
  batch.FinishRow();
  batch.buffer()->append("key of a refused row");
  batch.FinishKey();
  batch.DropRow();
  batch.buffer()->append("second");
  batch.FinishRow();
  ASSERT_EQ(batch.rows(), 2u);
  EXPECT_EQ(batch.At(1).key, std::nullopt);
  EXPECT_EQ(batch.At(1).value, "second");
}

TEST(RowBatch, IsFullByRowsOrByBytes) {
  RowBatch batch;
  while (!batch.full()) batch.FinishRow();
  EXPECT_EQ(batch.rows(), 512u);
  batch.Clear();
  EXPECT_TRUE(batch.empty());
  batch.buffer()->append(std::string(200'000, 'x'));
  batch.FinishRow();
  EXPECT_TRUE(batch.full());
}

}  // namespace
}  // namespace bw
