// The real spool on a disk that crashes before each of its operations, and one on which each fails:
// what the spool has called captured must be there afterwards, whole and in order.

#include <gtest/gtest.h>
#include <spdlog/spdlog.h>

#include "base/error.h"
#include "base/stop.h"
#include "simulation/deterministic_base.h"
#include "simulation/sim_host.h"
#include "spool/spool.h"

namespace bw::simulation {
namespace {

using Crash = SimFileSystem::Crash;
using Failure = SimFileSystem::Failure;
using Unsynced = SimFileSystem::Unsynced;

const Source kSource{"7300000000000000001", "shop", "bottledwater", 1};
constexpr uint64_t kFirstLsn = 100;
constexpr uint64_t kTransactions = 12;

// Transaction i commits at this LSN and has this many changes; some are larger than a chunk of the
// writer, so that they reach the disk in unsynced pieces.
Lsn CommitLsn(uint64_t i) { return Lsn{kFirstLsn + 20 * (i + 1)}; }
uint64_t Changes(uint64_t i) { return i % 4 == 2 ? 6 : 1 + i % 3; }
std::string Value(uint64_t i, uint64_t index) {
  return std::to_string(i) + "/" + std::to_string(index) +
         std::string(i % 4 == 2 ? 300'000 : 100, static_cast<char>('a' + i % 26));
}

// What outlives the process: the test's ledger.
struct Ledger {
  Progress captured;  // The newest that the spool has called durable.
  bool streaming = false;
  bool reopens = false;      // Opened again and again, so that RocksDB gets files to merge.
  bool begins_anew = false;  // The snapshot is being taken again.
  std::string halted;
  std::string violation;  // The first one.
  uint64_t operations_at_end = 0;
};

class Workload {
 public:
  Workload(SimProcess* process, SimFileSystem* disk, Ledger* ledger)
      : process_(process), disk_(disk), ledger_(ledger), stop_(*process) {
    options_.directory = "/spool";
    options_.memtable_bytes = 4 * kMiB;
    options_.env = disk;
    options_.free_bytes = [disk] { return disk->free_bytes(); };
    options_.clock = process;
  }

  // Opens the spool, checks what it holds against the ledger, and captures what is missing. In the
  // end it begins anew, as for a re-snapshot: until that is durable, all of it must be there.
  void Run() {
    spool_ = OpenWithRetries();
    if (!ledger_->begins_anew || spool_->ledger().state().phase != SpoolPhase::kFirstStart) {
      CaptureAll();
      BeginAnew();
    }
    Require(spool_->ledger().captured() == Progress{}, "a new spool has captured something");
    spool_.reset();
    ledger_->operations_at_end = disk_->operations();
  }

 private:
  void CaptureAll() {
    if (spool_->ledger().state().phase == SpoolPhase::kEmpty) {
      process_->CheckAlive();
      Require(!ledger_->streaming, "the spool has vanished");
      Retry([&] {
        spool_->BeginStreamingAt(kSource, {Position::EndOf(Lsn{kFirstLsn}), Lsn{kFirstLsn + 10}},
                                 "");
      });
      process_->CheckAlive();
      ledger_->streaming = true;
    }
    CheckContent();
    for (uint64_t until = 2; ledger_->reopens && until < kTransactions; until += 2) {
      Retry([&] { CaptureRest(until); });
      spool_.reset();
      spool_ = OpenWithRetries();
      stop_.WaitFor(Duration(100));  // For RocksDB's jobs.
    }
    Retry([&] { CaptureRest(kTransactions); });
    CheckContent();
    Require(spool_->ledger().captured().position == Position::EndOf(CommitLsn(kTransactions - 1)),
            "not everything was captured");
  }

  void BeginAnew() {
    process_->CheckAlive();
    ledger_->begins_anew = true;
    Retry([&] { spool_->BeginFirstStart(kSource, std::vector<std::string>()); });
    process_->CheckAlive();
  }

  void Require(bool holds, const std::string& violation) {
    if (!holds && ledger_->violation.empty()) ledger_->violation = violation;
  }

  std::unique_ptr<Spool> OpenWithRetries() {
    for (int attempt = 0;; ++attempt) {
      try {
        return Spool::Open(options_);
      } catch (const Error& error) {
        process_->CheckAlive();
        // A start that fails for an error of the disk ends the process; an operator starts it
        // again.
        if (attempt >= 3 || !disk_->failing()) {
          ledger_->halted = error.what();
          throw SimKilled();
        }
        disk_->Heal();
      }
    }
  }

  // As a session loop does: after a failure, recover and go on.
  void Retry(const std::function<void()>& run) {
    for (int attempt = 0;; ++attempt) {
      process_->CheckAlive();
      try {
        spool_->Recover();
        NoteCaptured();
        run();
        return;
      } catch (const Error& error) {
        process_->CheckAlive();
        if (attempt >= 20 || error.kind() != ErrorKind::kTransient) {
          ledger_->halted = error.what();
          throw SimKilled();
        }
        if (attempt >= 2) disk_->Heal();
      }
    }
  }

  // Up to, without, transaction `until`.
  void CaptureRest(uint64_t until) {
    spool_->log().DropUncaptured();
    const Progress start = spool_->ledger().captured();
    for (uint64_t i = 0; i < until; ++i) {
      if (Position::EndOf(CommitLsn(i)) <= start.position) continue;
      const SchemaId schema =
          spool_->log().AddSchema({"public", "t" + std::to_string(i / 4), "{}", "{}"});
      for (uint64_t index = 0; index < Changes(i); ++index) {
        const std::string value = Value(i, index);
        Change change;
        change.position = {CommitLsn(i), index};
        change.schema_id = schema;
        change.key = "k";
        change.value = value;
        spool_->log().WaitForRoom(stop_);
        spool_->log().Append(change);
        process_->scheduler().Yield();
      }
      spool_->log().EndTransaction({CommitLsn(i), Lsn{CommitLsn(i).value + 10}});
      NoteCaptured();
      if (i % 3 == 1) {
        WaitDurable();
        const Progress captured = spool_->ledger().captured();
        spool_->ledger().SetPublished(captured);
        // Keeps everything above the fourth, so that the rest can be compared.
        if (i > 5) spool_->log().Trim(Position::EndOf(CommitLsn(3)));
      }
    }
    if (until == kTransactions) spool_->log().AdvanceIdle(Lsn{CommitLsn(kTransactions).value});
    WaitDurable();
  }

  void WaitDurable() {
    spool_->log().WaitUntilDurable(stop_);
    NoteCaptured();
  }

  void NoteCaptured() {
    process_->CheckAlive();
    if (ledger_->begins_anew && spool_->ledger().state().phase == SpoolPhase::kFirstStart) return;
    const Progress captured = spool_->ledger().captured();
    Require(captured.position >= ledger_->captured.position, "captured went back");
    Require(captured.end_lsn >= ledger_->captured.end_lsn, "captured went back");
    ledger_->captured = captured;
  }

  void CheckContent() {
    process_->CheckAlive();
    NoteCaptured();
    const Position trimmed = spool_->ledger().state().trimmed;
    std::vector<std::string> expected;
    for (uint64_t i = 0; i < kTransactions; ++i) {
      if (Position::EndOf(CommitLsn(i)) > spool_->ledger().captured().position) break;
      if (Position::EndOf(CommitLsn(i)) <= trimmed) continue;
      for (uint64_t index = 0; index < Changes(i); ++index) expected.push_back(Value(i, index));
    }
    std::vector<std::string> found;
    Position after = std::max(trimmed, Position::EndOf(Lsn{kFirstLsn}));
    while (after < spool_->ledger().captured().position) {
      const SpoolBatch batch = spool_->log().Read(after, {5, kMiB});
      for (const Change& change : batch.changes()) {
        found.emplace_back(*change.value);
        spool_->log().Schema(change.schema_id);
      }
      after = batch.through().position;
    }
    Require(found == expected, "the spool does not hold what was captured");
  }

  SimProcess* const process_;
  SimFileSystem* const disk_;
  Ledger* const ledger_;
  Stop stop_;
  SpoolOptions options_;
  std::unique_ptr<Spool> spool_;
};

// Runs the workload with `prepare` done before it, then again until it gets to its end. Returns the
// ledger.
Ledger Play(uint64_t seed, const std::function<void(SimHost*)>& prepare, bool reopens = false) {
  spdlog::set_level(spdlog::level::off);
  SetRandomIdSeed(seed);
  SimScheduler scheduler(seed);
  SimHost host(&scheduler, seed);
  SetKillPointHook([&](const char*) { scheduler.Yield(); });
  Ledger ledger;
  ledger.reopens = reopens;
  prepare(&host);
  for (int start = 0; start < 4 && ledger.operations_at_end == 0 && ledger.halted.empty();
       ++start) {
    host.Start("relay",
               [&](SimProcess* process) { Workload(process, &host.disk(), &ledger).Run(); });
    host.Wait();
  }
  SetKillPointHook(nullptr);
  return ledger;
}

uint64_t OperationsOfACleanRun() {
  const Ledger ledger = Play(1, [](SimHost*) {});
  EXPECT_TRUE(ledger.halted.empty()) << ledger.halted;
  EXPECT_GT(ledger.operations_at_end, 40u);
  return ledger.operations_at_end;
}

TEST(SpoolCrash, CapturedSurvivesAKillBeforeEveryOperation) {
  const uint64_t operations = OperationsOfACleanRun();
  for (uint64_t at = 0; at < operations && !testing::Test::HasFailure(); ++at) {
    SCOPED_TRACE(at);
    const Ledger ledger = Play(1, [&](SimHost* host) { host->CrashAt(at, Crash::kKill); });
    EXPECT_EQ(ledger.violation + ledger.halted, "");
    EXPECT_GT(ledger.operations_at_end, 0u);
  }
}

TEST(SpoolCrash, CapturedSurvivesAPowerLossBeforeEveryOperation) {
  const uint64_t operations = OperationsOfACleanRun();
  for (const Unsynced unsynced : {Unsynced::kDropped, Unsynced::kPrefix}) {
    for (uint64_t at = 0; at < operations && !testing::Test::HasFailure(); ++at) {
      SCOPED_TRACE(at);
      const Ledger ledger = Play(1, [&](SimHost* host) {
        host->disk().SetUnsynced(unsynced);
        host->CrashAt(at, Crash::kPowerLoss);
      });
      EXPECT_EQ(ledger.violation + ledger.halted, "");
      EXPECT_GT(ledger.operations_at_end, 0u);
    }
  }
}

// RocksDB deletes at once only the files that it has merged.
TEST(SpoolCrash, AnOldSpoolIsWholeUntilTheNewOneIsDurable) {
  constexpr uint64_t kLastOperations = 40;
  const uint64_t operations = Play(
                                  1, [](SimHost*) {}, /*reopens=*/true)
                                  .operations_at_end;
  ASSERT_GT(operations, kLastOperations);
  for (uint64_t at = operations - kLastOperations; at < operations; ++at) {
    const Ledger ledger = Play(
        1, [&](SimHost* host) { host->CrashAt(at, Crash::kPowerLoss); }, /*reopens=*/true);
    EXPECT_EQ(ledger.halted, "") << "power loss at operation " << at;
    EXPECT_EQ(ledger.violation, "") << "power loss at operation " << at;
  }
}

// Pages out of order can leave a WAL that RocksDB refuses: a halt, never a hole.
TEST(SpoolCrash, PagesWrittenOutOfOrderNeverLeaveAHole) {
  const uint64_t operations = OperationsOfACleanRun();
  uint64_t halts = 0;
  for (uint64_t at = 0; at < operations && !testing::Test::HasFailure(); ++at) {
    SCOPED_TRACE(at);
    const Ledger ledger = Play(1, [&](SimHost* host) {
      host->disk().SetUnsynced(Unsynced::kPages);
      host->CrashAt(at, Crash::kPowerLoss);
    });
    EXPECT_EQ(ledger.violation, "");
    if (!ledger.halted.empty()) ++halts;
  }
  RecordProperty("halts", static_cast<int>(halts));
}

// The tests above would see a spool that does not sync.
TEST(SpoolCrash, ADiskThatLiesAboutSyncsIsFound) {
  const uint64_t operations = OperationsOfACleanRun();
  uint64_t found = 0;
  for (uint64_t at = operations / 2; at < operations; ++at) {
    const Ledger ledger = Play(1, [&](SimHost* host) {
      host->disk().SetUnsynced(Unsynced::kDropped);
      host->disk().SetSyncLies(true);
      host->CrashAt(at, Crash::kPowerLoss);
    });
    if (!ledger.violation.empty()) ++found;
  }
  EXPECT_GT(found, operations / 4);
}

// Runs `use` with an open spool that streams and has no changes yet.
void UseSpool(const std::function<void(SpoolOptions*)>& configure,
              const std::function<void(SimHost*, SimProcess*, Spool*)>& use) {
  spdlog::set_level(spdlog::level::off);
  SetRandomIdSeed(1);
  SimScheduler scheduler(1);
  SimHost host(&scheduler, 1);
  host.Start("relay", [&](SimProcess* process) {
    SpoolOptions options;
    options.directory = "/spool";
    options.env = &host.disk();
    options.free_bytes = [&] { return host.disk().free_bytes(); };
    options.clock = process;
    configure(&options);
    const std::unique_ptr<Spool> spool = Spool::Open(options);
    spool->BeginStreamingAt(kSource, {Position::EndOf(Lsn{kFirstLsn}), Lsn{kFirstLsn + 10}}, "");
    spool->log().DropUncaptured();
    use(&host, process, spool.get());
  });
  host.Wait();
}

// Whether it becomes durable within a minute.
bool Capture(uint64_t i, SimProcess* process, Spool* spool) {
  const Stop stop(*process);
  Change change;
  change.position = {CommitLsn(i), 0};
  change.schema_id = spool->log().AddSchema({"public", "t", "{}", "{}"});
  spool->log().Append(change);
  spool->log().EndTransaction({CommitLsn(i), Lsn{CommitLsn(i).value + 10}});
  return spool->log().WaitUntilDurable(stop, process->Now() + std::chrono::minutes(1));
}

TEST(SpoolRoom, AFullDiskPausesCaptureUntilThereIsRoom) {
  const auto use = [](SimHost* host, SimProcess* process, Spool* spool) {
    EXPECT_TRUE(Capture(0, process, spool));
    host->disk().SetCapacity(host->disk().bytes() + kMiB + kMiB / 2);
    EXPECT_FALSE(Capture(1, process, spool));
    EXPECT_NE(spool->log().Obstacle().value_or("").find("is full (1 MiB free"), std::string::npos);
    EXPECT_FALSE(spool->failed());
    EXPECT_THROW(spool->MakeScratch(), Error);
    host->disk().SetCapacity(kGiB);
    EXPECT_TRUE(Capture(2, process, spool));
    EXPECT_EQ(spool->log().Obstacle(), std::nullopt);
  };
  UseSpool([](SpoolOptions*) {}, use);
}

TEST(SpoolRoom, AtMaxBytesCaptureWaitsForWhatIsNotPublished) {
  const auto use = [](SimHost*, SimProcess* process, Spool* spool) {
    EXPECT_FALSE(Capture(0, process, spool));
    EXPECT_NE(spool->log().Obstacle().value_or("").find("--spool-max-bytes"), std::string::npos);
    spool->ledger().SetPublished(spool->ledger().captured());
    EXPECT_TRUE(Capture(1, process, spool));
  };
  UseSpool([](SpoolOptions* options) { options->max_bytes = 1; }, use);
}

class SpoolFailure : public testing::TestWithParam<Failure> {};

TEST_P(SpoolFailure, OfEveryOperationIsRecoveredFromByOpeningAgain) {
  const uint64_t operations = OperationsOfACleanRun();
  for (uint64_t count : {1U, 5U}) {
    for (uint64_t at = 0; at < operations && !testing::Test::HasFailure(); ++at) {
      SCOPED_TRACE(at);
      const Ledger ledger =
          Play(1, [&](SimHost* host) { host->disk().FailAt(at, count, GetParam()); });
      EXPECT_EQ(ledger.violation + ledger.halted, "");
      EXPECT_GT(ledger.operations_at_end, 0u);
    }
  }
}

// A failed sync leaves data in memory that no later sync writes: what was captured afterwards must
// not rest on it.
TEST_P(SpoolFailure, ThenAPowerLossLosesNothingThatWasCaptured) {
  const uint64_t operations = OperationsOfACleanRun();
  // Each operation fails once, with one of three distances to the power loss.
  constexpr uint64_t kLater[] = {2, 9, 30};
  for (uint64_t first = 0; first < std::size(kLater); ++first) {
    const uint64_t later = kLater[first];
    for (uint64_t at = first; at < operations && !testing::Test::HasFailure();
         at += std::size(kLater)) {
      SCOPED_TRACE(at);
      const Ledger ledger = Play(1, [&](SimHost* host) {
        host->disk().FailAt(at, 1, GetParam());
        host->CrashAt(at + later, Crash::kPowerLoss);
      });
      EXPECT_EQ(ledger.violation + ledger.halted, "");
      EXPECT_GT(ledger.operations_at_end, 0u);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Each, SpoolFailure, testing::Values(Failure::kOutput, Failure::kFull));

}  // namespace
}  // namespace bw::simulation
