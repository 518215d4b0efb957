#include "simulation/schedule.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <vector>

#include "base/error.h"
#include "simulation/checker.h"
#include "simulation/deterministic_base.h"
#include "simulation/mutation.h"
#include "simulation/sim_host.h"
#include "simulation/sim_relay.h"

namespace bw::simulation {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr uint64_t kStepsMax = 60'000;
constexpr seconds kDrainTimeout{600};
constexpr seconds kRestartPause{1};
constexpr uint64_t kCapacity = uint64_t{1} << 40;

// Which kinds of faults a schedule has: few at a time find more than all at once.
struct Faults {
  bool kills = false;
  bool power_losses = false;
  bool disk = false;
  bool small_disk = false;  // At times it has no room for the spool.
  bool network = false;
  bool kafka_away = false;
  bool late_requests = false;
  bool postgres = false;
  bool amnesia = false;
  bool foreign = false;
  bool spool_lost = false;  // The disk is replaced, by an empty one or by an older copy.
  bool outage = false;      // A long one of Kafka at the end, to see that the WAL is bounded.
  bool torn = false;        // Copies of EndTxn, of which no client knows.
  bool impostor = false;    // Another database answers at PostgreSQL's address, for a while.
  bool resnapshot = false;  // Some starts are `bottledwater resnapshot`.
  // In the end the database is set back to a cold copy, and writes more WAL than was captured.
  bool set_back = false;

  explicit Faults(Random* random) {
    for (bool* fault :
         {&kills, &power_losses, &disk, &network, &kafka_away, &late_requests, &postgres}) {
      *fault = random->Chance(400);
    }
    amnesia = random->Chance(50);
    foreign = random->Chance(100);
    torn = random->Chance(150);
    spool_lost = random->Chance(200);
    // Each start may find another disk, and what a copy has may be unpublished.
    kills = kills || spool_lost;
    kafka_away = kafka_away || spool_lost;
    outage = random->Chance(150);
    small_disk = random->Chance(200);
    // With neither a spool nor Kafka a relay cannot know that it is another database.
    impostor = !spool_lost && random->Chance(80);
    resnapshot = !spool_lost && !impostor && !amnesia && random->Chance(150);
    set_back = !spool_lost && !impostor && !amnesia && !resnapshot && random->Chance(300);
  }
};

class World {
 public:
  explicit World(const ScheduleOptions& options)
      : options_(options),
        random_(options.seed),
        scheduler_(random_.Next()),
        postgres_(&scheduler_, random_.Next()),
        kafka_(&scheduler_, random_.Next()),
        host_(&scheduler_, random_.Next()),
        faults_(&random_),
        settings_(MakeSettings(&random_)),
        checker_(&postgres_, faults_.torn ? 0 : settings_.publish.transaction_max_messages) {
    SetRandomIdSeed(random_.Next());
    if (faults_.resnapshot) checker_.AllowResnapshots();
    scheduler_.SetStepsMax(kStepsMax);
    kafka_.SetOnVisible([this](const auto& records) { checker_.OnVisible(records); });
    if (options.verbose) kafka_.SetTrace([this](const std::string& what) { Tell("    {}", what); });
    kafka_.SetHighIsLastStable(Mutated("high_watermark_read_committed"));
    postgres_.SetOnStatus([this](Lsn flush, Lsn before) { OnStatus(flush, before); });
    postgres_.SetOnStart([this] {
      if (postgres_.impostor()) checker_.Violate("streams from another database");
    });
    SetKillPointHook([this](const char* name) { OnKillPoint(name); });
  }

  ~World() { SetKillPointHook(nullptr); }

  ScheduleResult Run() {
    try {
      Chaos();
      HealAndDrain();
      if (faults_.set_back && !checker_.violation() && !halted_rightly_) SetDatabaseBack();
      if (!checker_.violation() && !halted_rightly_) checker_.OnEnd(kafka_);
    } catch (const SimStuck& stuck) {
      checker_.Violate(fmt::format("stuck: {}\n{}", stuck.what(), kafka_.Describe()));
    }
    SetKillPointHook(nullptr);
    host_.Crash(SimFileSystem::Crash::kKill);
    if (host_.busy()) host_.Wait();
    result_.violation = checker_.violation();
    result_.fingerprint = scheduler_.fingerprint();
    result_.steps = scheduler_.steps();
    result_.records = checker_.records_seen();
    result_.late_requests = kafka_.late_requests();
    return result_;
  }

 private:
  static Options MakeSettings(Random* random) {
    Options settings;
    settings.capture.allow_unkeyed = true;
    const uint64_t retained[] = {0, 2'000, 20'000, 256 << 20};
    settings.capture.max_wal_retained_bytes = retained[random->Below(4)];
    const size_t messages[] = {2, 5, 20, 10'000};
    settings.publish.transaction_max_messages = messages[random->Below(4)];
    settings.publish.output_format =
        random->Chance(500) ? OutputFormat::kAvro : OutputFormat::kPlainJson;
    settings.publish.replay_window_bytes = random->Chance(700) ? 0 : 3'000;
    settings.publish.topic_config = {{"partitions", random->Chance(300) ? "1" : "3"}};
    const int read_back_ms[] = {0, 50, 1'000};
    settings.publish.read_back_interval = Duration(read_back_ms[random->Below(3)]);
    // So small that the offsets are always in several records.
    if (random->Chance(400)) settings.publish.checkpoint_record_bytes_max = 300;
    // --spool-max-bytes. With the replay window nothing is trimmed: to reclaim what was, RocksDB
    // waits for its own threads, which wait for the baton.
    if (random->Chance(100)) {
      settings.spool.max_bytes = 60'000;
      settings.publish.replay_window_bytes = 256 << 20;
    }
    // So small that most transactions come to the spool in pieces, and capture waits for room.
    if (random->Chance(300)) {
      settings.spool.chunk_bytes = 150;
      settings.spool.pending_bytes_max = 300;
    }
    return settings;
  }

  template <typename... Args>
  void Tell(fmt::format_string<Args...> format, Args&&... args) {
    if (!options_.verbose) return;
    const auto now = std::chrono::duration_cast<microseconds>(scheduler_.Now() - start_);
    fmt::print("{:>12.6f} {}\n", static_cast<double>(now.count()) / 1e6,
               fmt::format(format, std::forward<Args>(args)...));
    fflush(stdout);
  }

  // --- The relay's life -----------------------------------------------------------------------

  void StartRelay() {
    ++result_.starts;
    Tell("relay starts{}", settings_.overrides.resnapshot ? ", to take the snapshot again" : "");
    host_.Start("relay", [this](SimProcess* process) {
      // The pointer must go before the relay does, also when it is killed.
      struct Handle {
        SimRelay** pointer;
        ~Handle() { *pointer = nullptr; }
      };
      try {
        SimRelay relay(
            process,
            {&postgres_, &kafka_, &host_.disk(), [this] { Kill(SimFileSystem::Crash::kKill); }},
            settings_);
        const Handle handle{&relay_};
        relay_ = &relay;
        exit_ = relay.Run();
        process->CheckAlive();
      } catch (const Error& error) {
        process->CheckAlive();
        exit_ = SessionExit{error.exit_code(), error.what()};
      }
    });
  }

  // What an operator and a supervisor would do.
  void Supervise() {
    if (host_.busy() && !host_.ended() && !host_.died()) return;
    if (host_.busy()) {
      if (host_.died()) {
        ++result_.kills;
        exit_.reset();
      }
      host_.Wait();
      relay_ = nullptr;
    }
    if (exit_) JudgeExit();
    exit_.reset();
    if (checker_.violation() || halted_rightly_) return;
    if (faults_.spool_lost) ReplaceDisk();
    scheduler_.Sleep(kRestartPause);
    settings_.overrides.resnapshot = faults_.resnapshot && random_.Chance(300);
    StartRelay();
  }

  void ReplaceDisk() {
    const uint64_t dice = random_.Below(6);
    // A copy, the loss of its disk and the copy's return: rare, were each as likely as the others.
    const uint64_t saves = saved_superseded_ ? 0 : 2;
    const uint64_t restores = saved_superseded_ ? 4 : 3;
    if (dice < saves) {
      if (!checker_.checkpoint_end().valid()) return;  // A copy of half a snapshot helps nobody.
      host_.disk().Save();
      is_saved_ = true;
    } else if (dice < restores && host_.disk().Restore()) {
      Tell("the disk is restored from an older copy");
      // Often with the slot where it was: else there is a gap, and nothing of the copy is believed.
      if (random_.Chance(700)) postgres_.Crash();
      spool_lost_ = true;
      spool_superseded_ = saved_superseded_;
    } else if (dice == restores) {
      Tell("the disk is lost");
      host_.disk().Wipe();
      spool_lost_ = true;
      saved_superseded_ = is_saved_;
      spool_superseded_ = false;
    }
  }

  // Whether what was confirmed to PostgreSQL and not published may be gone with the disk.
  bool MayHaveLost() const {
    return spool_lost_ && postgres_.confirmed() > checker_.checkpoint_end();
  }

  void JudgeExit() {
    Tell("relay exits {}: {}", static_cast<int>(exit_->exit_code), exit_->message);
    switch (exit_->exit_code) {
      case ExitCode::kAnotherRelay:
        // The walsender of the one before still lives, or fenced by it: start again. But the copy
        // of a spool that was lost cannot go on beside the one that followed it.
        halted_rightly_ = spool_superseded_ && exit_->message.starts_with("[checkpoint-foreign]");
        return;
      case ExitCode::kHaltKafka:
        if (kafka_.forgot_commit()) {
          settings_.overrides.republish = true;
          return;
        }
        // A copy from before the disk was lost: another spool has published since.
        halted_rightly_ = spool_superseded_;
        if (halted_rightly_) return;
        break;
      case ExitCode::kHaltOtherDatabase:
        if (postgres_.impostor() || impostor_was_there_) {
          impostor_was_there_ = false;
          return;
        }
        break;
      case ExitCode::kHaltGap:
      case ExitCode::kHaltForeignSlot:
        // Right, and the end of this schedule: only an operator can go on, and not without a gap.
        halted_rightly_ = MayHaveLost();
        if (halted_rightly_) return;
        break;
      case ExitCode::kHaltDatabaseWentBack:
        halted_rightly_ = must_halt_;
        if (halted_rightly_) return;
        break;
      case ExitCode::kSpoolUnusable:
        // An operator looks at the disk and starts again.
        if (disk_touched_ && exit_->message.find("corrupt") == std::string::npos) {
          host_.disk().Heal();
          return;
        }
        break;
      default:
        break;
    }
    checker_.Violate(
        fmt::format("the relay exits {}: {}", static_cast<int>(exit_->exit_code), exit_->message));
  }

  void Kill(SimFileSystem::Crash crash) {
    if (!host_.busy()) return;
    Tell("{}", crash == SimFileSystem::Crash::kKill ? "kill -9" : "power loss");
    host_.disk().SetUnsynced(random_.Chance(500) ? SimFileSystem::Unsynced::kDropped
                                                 : SimFileSystem::Unsynced::kPrefix);
    host_.Crash(crash);
  }

  SimFileSystem::Crash ChooseCrash() {
    if (faults_.power_losses && (!faults_.kills || random_.Chance(500))) {
      return SimFileSystem::Crash::kPowerLoss;
    }
    return SimFileSystem::Crash::kKill;
  }

  void OnKillPoint(const char* name) {
    SimProcess* const process = host_.process();
    if (process == nullptr || process->dead()) return;
    if (kill_points_left_ > 0 && --kill_points_left_ == 0) {
      Tell("at {}:", name);
      Kill(kill_point_crash_);
      process->CheckAlive();
      return;
    }
    if (yields_.Chance(250)) scheduler_.Sleep(microseconds(yields_.Below(400)));
  }

  void OnStatus(Lsn flush, Lsn before) {
    if (relay_ == nullptr || relay_->spool() == nullptr) return;
    if (must_halt_ && flush > before) {
      checker_.Violate("confirms to a database that lacks what was captured");
    }
    checker_.OnConfirm({flush, before, relay_->spool()->ledger().captured().end_lsn,
                        relay_->spool()->ledger().published().end_lsn, postgres_.wal_end(),
                        settings_.capture.max_wal_retained_bytes});
    checker_.OnTrimmed(relay_->spool()->ledger().state().trimmed,
                       settings_.publish.replay_window_bytes);
  }

  // --- Chaos ----------------------------------------------------------------------------------

  void Chaos() {
    // Something for the snapshot.
    for (uint64_t i = random_.Below(4); i > 0; --i) postgres_.Commit(random_.Between(1, 10));
    if (faults_.torn && random_.Chance(700)) HarmNetwork();
    postgres_.SetStalls(faults_.postgres);
    StartRelay();
    const uint64_t actions = random_.Between(20, 60);
    for (uint64_t i = 0; i < actions && !checker_.violation() && !halted_rightly_; ++i) {
      Act();
      Pause();
      Supervise();
    }
  }

  void Pause() {
    const uint64_t dice = random_.Below(100);
    const uint64_t micros = dice < 40   ? random_.Below(2'000)
                            : dice < 80 ? random_.Below(60'000)
                            : dice < 97 ? random_.Below(2'500'000)
                                        : random_.Below(20'000'000);
    scheduler_.Sleep(microseconds(micros));
  }

  void Act() {
    const uint64_t dice = random_.Below(100);
    if (dice < 55) {
      const uint64_t changes =
          random_.Chance(100) ? random_.Between(10, 40) : random_.Between(1, 5);
      postgres_.Commit(changes);
      Tell("commit of {} changes at {}", changes,
           postgres_.transactions().back().commit_lsn.ToString());
    } else if (dice < 60) {
      postgres_.WriteOtherWal(random_.Below(8'000));
    } else if (dice < 65) {
      postgres_.CheckpointSlot();
    } else if (dice < 68) {
      kafka_.Compact();
      if (faults_.set_back && HasCaptured() && !postgres_.copy_wal_end()) {
        Tell("a cold copy of the database is made");
        postgres_.SaveCopy();
      }
    } else if (dice < 70 && relay_ != nullptr) {
      Tell("SIGTERM");
      relay_->RequestStop();
    } else {
      Harm();
    }
  }

  void Harm() {
    switch (random_.Below(10)) {
      case 0:
      case 1:
        if (faults_.kills || faults_.power_losses) Kill(ChooseCrash());
        break;
      case 2:
      case 3:
        if (!faults_.kills && !faults_.power_losses) break;
        kill_points_left_ = random_.Between(1, 60);
        kill_point_crash_ = ChooseCrash();
        break;
      case 4:
        if (!faults_.power_losses) break;
        Tell("power loss within the disk's next operations");
        host_.CrashAt(host_.disk().operations() + random_.Below(25),
                      SimFileSystem::Crash::kPowerLoss);
        break;
      case 5:
        HarmDisk();
        break;
      case 6:
        HarmNetwork();
        break;
      case 7:
        if (!faults_.kafka_away) break;
        Tell("Kafka goes or comes");
        kafka_up_ = !kafka_up_;
        kafka_.SetUp(kafka_up_);
        break;
      case 8:
        HarmPostgres();
        break;
      case 9:
        if (faults_.amnesia && !amnesia_used_) {
          Tell("Kafka will forget a commit");
          amnesia_used_ = true;
          kafka_.ForgetNextCommit();
        } else if (faults_.foreign) {
          Tell("a foreign transaction in the checkpoint topic");
          kafka_.OpenForeignTransaction("bottledwater.shop.bottledwater.checkpoint");
        }
        break;
      default:
        break;
    }
  }

  void HarmDisk() {
    if (faults_.small_disk && random_.Chance(500)) {
      // Of what the relay keeps free, and wants to open the spool, too little is left.
      disk_is_small_ = !disk_is_small_;
      Tell("the disk has {}", disk_is_small_ ? "no room" : "room again");
      host_.disk().SetCapacity(disk_is_small_ ? host_.disk().bytes() + random_.Below(100 << 20)
                                              : kCapacity);
      return;
    }
    if (!faults_.disk) return;
    if (disk_touched_ && random_.Chance(400)) {
      Tell("the disk is well again");
      host_.disk().Heal();
      return;
    }
    disk_touched_ = true;
    const bool full = random_.Chance(500);
    const uint64_t first = host_.disk().operations() + random_.Below(30);
    const uint64_t count = random_.Chance(600) ? 1 : random_.Between(2, 40);
    Tell("{} of the disk's operations will fail: {}", count, full ? "full" : "EIO");
    host_.disk().FailAt(first, count,
                        full ? SimFileSystem::Failure::kFull : SimFileSystem::Failure::kOutput);
  }

  void HarmNetwork() {
    KafkaFaults faults;
    if (faults_.network && random_.Chance(600)) {
      faults.request_lost = random_.Below(30);
      faults.answer_lost = random_.Below(60);
      faults.refused = random_.Below(30);
      faults.registry_away = random_.Below(300);
    }
    if (faults_.late_requests && random_.Chance(700)) {
      faults.request_late = random_.Below(80);
      faults.request_repeated = random_.Below(150);
    }
    if (faults_.torn) {
      faults.request_repeated = random_.Below(500);
      faults.repeats_end = true;
    }
    Tell("network: {} lost, {} late, {} repeated, {} answers lost", faults.request_lost,
         faults.request_late, faults.request_repeated, faults.answer_lost);
    kafka_.SetFaults(faults);
    kafka_.EndForeignTransaction();
  }

  void ReplacePostgres() {
    const bool may_begin = relay_ != nullptr && relay_->spool() != nullptr &&
                           relay_->spool()->ledger().state().phase == SpoolPhase::kStreaming;
    if (!postgres_.impostor() && !may_begin) return;
    Tell("{} answers at PostgreSQL's address",
         postgres_.impostor() ? "our own server" : "another server");
    postgres_.SetUp(false);
    scheduler_.Sleep(seconds(1));
    impostor_was_there_ = postgres_.impostor();
    postgres_.SetImpostor(!postgres_.impostor());
    postgres_up_ = true;
    postgres_.SetUp(true);
  }

  void HarmPostgres() {
    if (!faults_.postgres && !faults_.impostor) return;
    if (faults_.impostor && random_.Chance(400)) return ReplacePostgres();
    switch (random_.Below(4)) {
      case 0:
        Tell("PostgreSQL: connections cut");
        postgres_.CutConnections();
        break;
      case 1:
        Tell("PostgreSQL crashes");
        postgres_.Crash();
        break;
      case 2:
        postgres_up_ = !postgres_up_;
        Tell("PostgreSQL {}", postgres_up_ ? "is back" : "is away");
        postgres_.SetUp(postgres_up_);
        break;
      case 3:
        postgres_.SetCutChance(random_.Chance(500) ? 0 : random_.Below(20));
        break;
      default:
        break;
    }
  }

  // --- The end --------------------------------------------------------------------------------

  void HealAndDrain() {
    if (checker_.violation() || halted_rightly_) return;
    Tell("everything heals");
    kill_points_left_ = 0;
    host_.CrashAt(UINT64_MAX, SimFileSystem::Crash::kKill);
    host_.disk().Heal();
    host_.disk().SetCapacity(kCapacity);
    kafka_.SetFaults({});
    kafka_.EndForeignTransaction();
    if (postgres_.impostor()) ReplacePostgres();
    postgres_.SetUp(true);
    postgres_.SetCutChance(0);
    postgres_.SetStalls(false);
    if (faults_.outage) LastThroughOutage();
    if (halted_rightly_) return;
    kafka_.SetUp(true);
    const TimePoint deadline = scheduler_.Now() + kDrainTimeout;
    while (!halted_rightly_ && !Drained() && !checker_.violation()) {
      if (scheduler_.Now() >= deadline) {
        checker_.OnEnd(kafka_);
        return checker_.Violate(fmt::format(
            "not drained: captured {}, published {}, confirmed {}, WAL end {}\n{}",
            relay_ != nullptr && relay_->spool() != nullptr
                ? relay_->spool()->ledger().captured().end_lsn.ToString()
                : "nothing",
            relay_ != nullptr && relay_->spool() != nullptr
                ? relay_->spool()->ledger().published().end_lsn.ToString()
                : "nothing",
            postgres_.confirmed().ToString(), postgres_.wal_end().ToString(), kafka_.Describe()));
      }
      Supervise();
      scheduler_.Sleep(milliseconds(500));
    }
  }

  // While Kafka is away the WAL that the slot retains stays below --max-wal-retained.
  void LastThroughOutage() {
    Tell("a long outage of Kafka");
    kafka_.SetUp(false);
    Lsn earlier;
    for (int second = 0; second < 60 && !checker_.violation() && !halted_rightly_; ++second) {
      postgres_.Commit(random_.Between(1, 20));
      Supervise();
      scheduler_.Sleep(seconds(1));
      // What was written in the last seconds has not been reported yet.
      if (second == 55) earlier = postgres_.wal_end();
    }
    // At its limit the spool takes nothing, and PostgreSQL keeps it.
    if (settings_.spool.max_bytes != 0) return;
    const bool streaming = relay_ != nullptr && relay_->capture_figures().streaming.load();
    const uint64_t retained = WalBytesBetween(postgres_.confirmed(), earlier);
    if (!streaming || retained <= settings_.capture.max_wal_retained_bytes) return;
    // A start that needs the checkpoint waits for Kafka before it streams.
    checker_.Violate(fmt::format("{} bytes of WAL are retained, {} are allowed", retained,
                                 settings_.capture.max_wal_retained_bytes));
  }

  // Durably: on a full disk the end of a first start waits for room.
  bool HasCaptured() const {
    if (relay_ == nullptr || relay_->spool() == nullptr) return false;
    const SpoolState state = relay_->spool()->ledger().state();
    return state.phase == SpoolPhase::kStreaming && state.captured.end_lsn.valid();
  }

  // A copy that lacks captured transactions is noticed; with one that has them all, the relay goes
  // on and misses nothing, also where it has noted WAL as idle that is now written otherwise.
  void SetDatabaseBack() {
    if (!HasCaptured() || !host_.busy() || host_.died()) return;
    if (!postgres_.copy_wal_end()) {
      postgres_.SaveCopy();
      postgres_.WriteOtherWal(random_.Below(100'000));
      scheduler_.Sleep(milliseconds(random_.Below(20'000)));
      if (!HasCaptured()) return;
    }
    const SpoolState spool = relay_->spool()->ledger().state();
    must_halt_ = spool.history.last.commit_lsn >= *postgres_.copy_wal_end();
    Tell("the database is set back to {}; the newest captured transaction is at {}",
         postgres_.copy_wal_end()->ToString(), spool.history.last.commit_lsn.ToString());
    postgres_.SetUp(false);
    if (random_.Chance(300)) Kill(ChooseCrash());
    scheduler_.Sleep(seconds(1));
    postgres_.RestoreCopy();
    postgres_.Commit(random_.Between(1, 3));
    while (postgres_.wal_end() <= spool.captured.end_lsn || random_.Chance(700)) {
      postgres_.Commit(random_.Between(1, 20));
    }
    postgres_.SetUp(true);
    HealAndDrain();
    if (must_halt_ && !halted_rightly_) {
      checker_.Violate("goes on with a database that lacks what was captured");
    }
  }

  // An idle database's slot holds no WAL, so the confirmed LSN gets to its end.
  bool Drained() {
    if (relay_ == nullptr || relay_->spool() == nullptr || !host_.busy() || host_.died()) {
      return false;
    }
    return kafka_.settled() && postgres_.confirmed() >= postgres_.wal_end() &&
           relay_->spool()->ledger().published().end_lsn >= postgres_.wal_end() &&
           checker_.Complete();
  }

  const ScheduleOptions options_;
  Random random_;
  SimScheduler scheduler_;
  const TimePoint start_ = scheduler_.Now();
  SimPostgres postgres_;
  SimKafka kafka_;
  SimHost host_;
  const Faults faults_;
  Options settings_;
  Checker checker_;
  Random yields_{random_.Next()};

  SimRelay* relay_ = nullptr;  // While it lives.
  std::optional<SessionExit> exit_;
  uint64_t kill_points_left_ = 0;
  SimFileSystem::Crash kill_point_crash_ = SimFileSystem::Crash::kKill;
  bool kafka_up_ = true;
  bool postgres_up_ = true;
  bool disk_touched_ = false;
  bool disk_is_small_ = false;
  bool amnesia_used_ = false;
  bool impostor_was_there_ = false;
  bool spool_lost_ = false;
  bool is_saved_ = false;          // There is a copy of the disk.
  bool spool_superseded_ = false;  // Of a lineage that another one has followed, perhaps.
  bool saved_superseded_ = false;  // The copy likewise.
  bool must_halt_ = false;  // The database was set back to before the newest captured transaction.
  bool halted_rightly_ = false;
  ScheduleResult result_;
};

}  // namespace

ScheduleResult RunSchedule(const ScheduleOptions& options) {
  spdlog::set_level(options.verbose ? spdlog::level::debug : spdlog::level::off);
  return World(options).Run();
}

}  // namespace bw::simulation
