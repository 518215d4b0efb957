#include "capture/history_proof.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace bw {
namespace {

constexpr uint32_t kPublications = 77;

// The newest captured transaction committed from 0x20 to 0x30; idle WAL is noted up to 0x80.
SpoolState Captured() {
  SpoolState spool;
  spool.phase = SpoolPhase::kStreaming;
  spool.captured = {Position::EndOf(Lsn{0x20}), Lsn{0x80}};
  spool.history = {Lsn{0x30}, {Lsn{0x20}, Lsn{0x30}, 700, 1'000'000, kPublications}};
  return spool;
}

BeginMessage Begin(uint64_t commit_lsn, uint32_t xid = 700, int64_t time_us = 1'000'000) {
  return {Lsn{commit_lsn}, time_us, xid};
}

template <typename Action>
void ExpectWentBack(const Action& action) {
  try {
    action();
    FAIL() << "no halt";
  } catch (const Error& error) {
    EXPECT_EQ(error.exit_code(), ExitCode::kHaltDatabaseWentBack);
    EXPECT_NE(std::string(error.what()).find("[database-went-back]"), std::string::npos);
    EXPECT_NE(std::string(error.what()).find("bottledwater resnapshot"), std::string::npos);
  }
}

TEST(HistoryProof, IsTheSlotItselfWhenThatWasConfirmedBeyondTheTransaction) {
  HistoryProof proof(Captured(), Lsn{0x30}, kPublications);
  EXPECT_FALSE(proof.is_open());
  // Not from the idle WAL's end: of that only the server's word is known.
  EXPECT_EQ(proof.start_lsn(), Lsn{0x30});
  proof.OnBegin(Begin(0x40, 1));
  proof.OnWalEnd(Lsn{0x90});
}

TEST(HistoryProof, HasTheTransactionSentAgainOtherwise) {
  HistoryProof proof(Captured(), Lsn{0x20}, kPublications);
  EXPECT_TRUE(proof.is_open());
  EXPECT_EQ(proof.start_lsn(), Lsn{0x20});
  proof.OnBegin(Begin(0x18, 1));  // More than was asked for.
  proof.OnWalEnd(Lsn{0x20});
  EXPECT_TRUE(proof.is_open());
  proof.OnBegin(Begin(0x20));
  EXPECT_FALSE(proof.is_open());
  proof.OnBegin(Begin(0x40, 1));
}

TEST(HistoryProof, HaltsWhenAnotherTransactionIsThere) {
  for (const BeginMessage& other :
       {Begin(0x20, 701), Begin(0x20, 700, 1'000'001), Begin(0x28), Begin(0x30)}) {
    HistoryProof proof(Captured(), Lsn{0x10}, kPublications);
    ExpectWentBack([&] { proof.OnBegin(other); });
  }
}

TEST(HistoryProof, HaltsWhenTheWalGoesOnWithoutIt) {
  HistoryProof proof(Captured(), Lsn{0x10}, kPublications);
  proof.OnWalEnd(Lsn{0x2F});
  ExpectWentBack([&] { proof.OnWalEnd(Lsn{0x30}); });
}

TEST(HistoryProof, ExpectsNothingOfOtherPublications) {
  HistoryProof proof(Captured(), Lsn{0x10}, kPublications + 1);
  EXPECT_TRUE(proof.is_open());
  proof.OnWalEnd(Lsn{0x30});
  EXPECT_FALSE(proof.is_open());
  // But what they do send must be right.
  HistoryProof sent(Captured(), Lsn{0x10}, kPublications + 1);
  ExpectWentBack([&] { sent.OnBegin(Begin(0x20, 701)); });
}

TEST(HistoryProof, BeginsBehindASnapshotAndAtTheEndThatAnOlderProgramNoted) {
  SpoolState snapshot = Captured();
  snapshot.captured.position = Position::EndOf(Lsn{0x5F});
  snapshot.history.changes_end = Lsn{0x60};
  EXPECT_EQ(HistoryProof(snapshot, Lsn{0x28}, kPublications).start_lsn(), Lsn{0x60});
  EXPECT_EQ(HistoryProof(snapshot, Lsn{0x20}, kPublications).start_lsn(), Lsn{0x20});
  snapshot.history = {Lsn{0x80}, {}};
  const HistoryProof older(snapshot, Lsn{0x10}, kPublications);
  EXPECT_FALSE(older.is_open());
  EXPECT_EQ(older.start_lsn(), Lsn{0x80});
}

TEST(HistoryProof, OfALostSpoolIsThatATransactionCommitsWhereTheCheckpointIs) {
  SpoolState lost = Captured();
  lost.predecessor = "of the checkpoint";
  lost.history = {Lsn{0x80}, {}};
  HistoryProof proof(lost, Lsn{0x18}, kPublications);
  EXPECT_TRUE(proof.is_open());
  EXPECT_EQ(proof.start_lsn(), Lsn{0x20});
  proof.OnBegin(Begin(0x20, 4711, 5));
  EXPECT_FALSE(proof.is_open());
  HistoryProof other(lost, Lsn{0x18}, kPublications);
  ExpectWentBack([&] { other.OnBegin(Begin(0x28)); });
  // In a snapshot's rows, and within a transaction, nothing committed.
  lost.captured.position = Position::EndOf(Lsn{0x1F});
  EXPECT_FALSE(HistoryProof(lost, Lsn{0x18}, kPublications).is_open());
  lost.captured.position = {Lsn{0x20}, 3};
  EXPECT_FALSE(HistoryProof(lost, Lsn{0x18}, kPublications).is_open());
}

TEST(HistoryProof, TellsPublicationsByTheirNames) {
  EXPECT_EQ(PublicationsChecksum({"a", "b"}), PublicationsChecksum({"b", "a"}));
  EXPECT_NE(PublicationsChecksum({"a", "b"}), PublicationsChecksum({"ab"}));
}

}  // namespace
}  // namespace bw
