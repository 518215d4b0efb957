// simulate --schedules N [--seed S] [--jobs J] [--mutation NAME] [--verify]
// simulate --seed S            one schedule, told step by step
// simulate --mutations N [--seeds FILE [--note]]
//                              each mutation, until it is found or N schedules have passed; first
//                              the seed that FILE has for it. With --note, FILE is written anew.
// simulate --list              the mutations
//
// Schedules run in worker processes, each on a processor of its own, so that a failed check, which
// aborts, or a schedule that hangs costs one worker and names its seed.

#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <chrono>
#include <cstring>
#include <ctime>
#include <fstream>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "simulation/mutation.h"
#include "simulation/schedule.h"

namespace bw::simulation {
namespace {

constexpr size_t kTextBytes = 2000;
// For one schedule, of the processor's time; or of looks, a second each, that find it idle.
constexpr unsigned kHangSeconds = 60;
constexpr std::clock_t kIdleClocks = CLOCKS_PER_SEC / 1000;

// What the workers and their parent share.
struct Shared {
  std::atomic<uint64_t> next{0};  // Schedule to run.
  std::atomic<uint64_t> done{0};
  std::atomic<uint64_t> steps{0};
  std::atomic<uint64_t> records{0};
  std::atomic<uint64_t> kills{0};
  std::atomic<uint64_t> starts{0};
  std::atomic<uint64_t> late_requests{0};
  std::atomic<bool> stop{false};
  struct Worker {
    uint64_t seed = 0;
    std::atomic<bool> busy{false};
    std::atomic<uint64_t> schedules{0};  // Begun.
    bool found = false;
    char violation[kTextBytes] = {};
  } workers[64];
};

struct RunOptions {
  uint64_t schedules = 0;
  uint64_t first_seed = 0;
  unsigned jobs = 2;
  bool verify = false;  // Each twice: equal seeds must give equal runs.
};

struct Outcome {
  uint64_t schedules = 0;  // Until the violation, or all.
  std::string violation;
  uint64_t seed = 0;
};

// Ends the process when a schedule hangs. Real time does not count: the machine may be busy with
// something else, or the process stopped.
void WatchForHang(const Shared::Worker& worker) {
  uint64_t schedules = 0;
  unsigned idle_looks = 0;
  std::clock_t began = 0, seen = 0;
  while (true) {
    std::this_thread::sleep_for(std::chrono::seconds(1));
    const std::clock_t now = std::clock();
    if (!worker.busy || worker.schedules != schedules) {
      schedules = worker.schedules;
      idle_looks = 0;
      began = now;
    } else {
      idle_looks = now - seen < kIdleClocks ? idle_looks + 1 : 0;
    }
    seen = now;
    if (idle_looks >= kHangSeconds || now - began >= kHangSeconds * CLOCKS_PER_SEC) raise(SIGALRM);
  }
}

void Work(Shared* shared, unsigned index, const RunOptions& options) {
  cpu_set_t processors;
  CPU_ZERO(&processors);
  CPU_SET(index % std::max(1U, std::thread::hardware_concurrency()), &processors);
  sched_setaffinity(0, sizeof(processors), &processors);
  // The log of a failed check would be all that remains to see: keep quiet, the parent tells.
  Shared::Worker& me = shared->workers[index];
  std::thread([&me] { WatchForHang(me); }).detach();
  while (!shared->stop) {
    const uint64_t number = shared->next.fetch_add(1);
    if (number >= options.schedules) break;
    me.seed = options.first_seed + number;
    me.busy = true;
    ++me.schedules;
    ScheduleResult result = RunSchedule({.seed = me.seed});
    if (options.verify && !result.violation) {
      const ScheduleResult again = RunSchedule({.seed = me.seed});
      if (again.fingerprint != result.fingerprint) {
        result.violation = "two runs of one seed differ";
      }
    }
    me.busy = false;
    shared->steps += result.steps;
    shared->records += result.records;
    shared->kills += result.kills;
    shared->starts += result.starts;
    shared->late_requests += result.late_requests;
    ++shared->done;
    if (result.violation) {
      std::strncpy(me.violation, result.violation->c_str(), kTextBytes - 1);
      me.found = true;
      break;
    }
  }
}

Outcome Run(const RunOptions& options, bool quiet) {
  auto* const shared =
      new (mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0))
          Shared;
  std::vector<pid_t> workers;
  for (unsigned i = 0; i < options.jobs; ++i) {
    const pid_t pid = fork();
    if (pid == 0) {
      if (quiet && freopen("/dev/null", "w", stderr) == nullptr) _exit(1);
      Work(shared, i, options);
      _exit(0);
    }
    workers.push_back(pid);
  }
  Outcome outcome;
  for (size_t left = workers.size(); left > 0; --left) {
    int status = 0;
    const pid_t pid = wait(&status);
    const auto index =
        static_cast<size_t>(std::find(workers.begin(), workers.end(), pid) - workers.begin());
    Shared::Worker& worker = shared->workers[index];
    if (WIFSIGNALED(status) && !worker.found) {
      worker.found = true;
      std::strncpy(worker.violation,
                   WTERMSIG(status) == SIGALRM ? "the schedule hangs"
                                               : "a check failed, or the process died",
                   kTextBytes - 1);
    }
    if (!worker.found) continue;
    shared->stop = true;
    if (outcome.violation.empty() || worker.seed < outcome.seed) {
      outcome.violation = worker.violation;
      outcome.seed = worker.seed;
    }
  }
  outcome.schedules =
      outcome.violation.empty() ? shared->done.load() : outcome.seed - options.first_seed + 1;
  if (!quiet) {
    printf(
        "%lu schedules, %lu kills, %lu starts, %lu late or repeated requests, %lu records, "
        "%lu steps\n",
        shared->done.load(), shared->kills.load(), shared->starts.load(),
        shared->late_requests.load(), shared->records.load(), shared->steps.load());
  }
  munmap(shared, sizeof(Shared));
  return outcome;
}

// The seeds that have shown mutations before: lines of a mutation's name and a seed.
class KnownSeeds {
 public:
  explicit KnownSeeds(std::string path) : path_(std::move(path)) {
    std::ifstream file(path_);
    std::string name;
    for (uint64_t seed = 0; file >> name >> seed;) seeds_[name] = seed;
  }

  std::optional<uint64_t> Of(const std::string& mutation) const {
    const auto found = seeds_.find(mutation);
    return found == seeds_.end() ? std::nullopt : std::optional(found->second);
  }

  void Note(const std::string& mutation, uint64_t seed) { seeds_[mutation] = seed; }

  // Whether the file could be written. Mutations that there are no more are left out.
  bool Write() const {
    std::ofstream file(path_);
    for (const Mutation& mutation : Mutations()) {
      const std::string name(mutation.name);
      if (const auto seed = Of(name)) file << name << ' ' << *seed << '\n';
    }
    return static_cast<bool>(file.flush());
  }

 private:
  std::string path_;
  std::map<std::string, uint64_t> seeds_;
};

// A seed that has shown the mutation before usually does so again, at once; where the source has
// changed since, it may not, and all schedules are tried.
Outcome Hunt(const RunOptions& options, std::optional<uint64_t> known_seed) {
  if (known_seed) {
    RunOptions one = options;
    one.first_seed = *known_seed;
    one.schedules = one.jobs = 1;
    Outcome outcome = Run(one, /*quiet=*/true);
    if (!outcome.violation.empty()) return outcome;
  }
  return Run(options, /*quiet=*/true);
}

int RunMutations(const RunOptions& options, const std::string& seeds_file, bool note_seeds) {
  const auto start = std::chrono::steady_clock::now();
  KnownSeeds known(seeds_file);
  int missed = 0, hunted = 0;
  for (const Mutation& mutation : Mutations()) {
    const std::string name(mutation.name);
    if (!ActivateMutation(name)) {
      printf("%-32s its text is not in %s any more\n", name.c_str(),
             std::string(mutation.file).c_str());
      ++missed;
      continue;
    }
    const std::optional<uint64_t> known_seed = note_seeds ? std::nullopt : known.Of(name);
    const Outcome outcome = Hunt(options, known_seed);
    const std::string what = outcome.violation.substr(0, outcome.violation.find('\n'));
    if (outcome.violation.empty()) {
      ++missed;
      printf("%-32s NOT FOUND\n", name.c_str());
    } else if (known_seed == outcome.seed) {
      printf("%-32s seed %lu: %s\n", name.c_str(), outcome.seed, what.c_str());
    } else {
      ++hunted;
      known.Note(name, outcome.seed);
      printf("%-32s %lu schedules: %s\n", name.c_str(), outcome.schedules, what.c_str());
    }
    fflush(stdout);
  }
  printf("%.1f s, %d not found, %d not by a known seed\n",
         std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(), missed,
         hunted);
  if (note_seeds && !known.Write()) {
    fprintf(stderr, "cannot write %s\n", seeds_file.c_str());
    ++missed;
  }
  return missed;
}

int RunMany(const RunOptions& options) {
  const auto start = std::chrono::steady_clock::now();
  const Outcome outcome = Run(options, /*quiet=*/false);
  const double took =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  printf("%.1f s, %.0f schedules a minute\n", took,
         static_cast<double>(outcome.schedules) * 60 / took);
  if (outcome.violation.empty()) return 0;
  printf("VIOLATION in seed %lu: %s\nto see it: simulate --seed %lu, and the same --mutation\n",
         outcome.seed, outcome.violation.c_str(), outcome.seed);
  return 1;
}

int RunOne(uint64_t seed) {
  const ScheduleResult result = RunSchedule({.seed = seed, .verbose = true});
  printf("%lu steps, %lu records, fingerprint %016lx\n", result.steps, result.records,
         result.fingerprint);
  if (!result.violation) return 0;
  printf("VIOLATION: %s\n", result.violation->c_str());
  return 1;
}

int Main(int argc, char** argv) {
  CLI::App app("Runs the relay's own code in simulated schedules");
  RunOptions options;
  options.jobs = std::max(1U, std::thread::hardware_concurrency());
  std::string mutation;
  uint64_t of_each_mutation = 0;
  std::string seeds_file;
  bool note_seeds = false;
  bool list = false;
  app.add_option("--schedules", options.schedules, "How many, with consecutive seeds");
  auto* const seed =
      app.add_option("--seed", options.first_seed, "The first seed; random if absent");
  app.add_option("--jobs", options.jobs, "Worker processes")->check(CLI::Range(1, 64));
  app.add_option("--mutation", mutation, "Break this rule");
  app.add_option("--mutations", of_each_mutation, "Break each rule, for at most so many schedules");
  auto* const seeds = app.add_option(
      "--seeds", seeds_file, "File of the seeds that have shown the mutations, tried first");
  app.add_flag("--note", note_seeds, "Hunt without them, and write what was found to that file")
      ->needs(seeds);
  app.add_flag("--verify", options.verify, "Run each schedule twice and compare");
  app.add_flag("--list", list, "List the mutations");
  CLI11_PARSE(app, argc, argv);
  if (list) {
    for (const Mutation& each : Mutations()) {
      printf("%-32s %s (%s)\n", std::string(each.name).c_str(), std::string(each.rule).c_str(),
             std::string(each.file).c_str());
    }
    return 0;
  }
  if (seed->count() == 0) options.first_seed = std::random_device{}() % 1'000'000'000;
  if (of_each_mutation > 0) {
    options.schedules = of_each_mutation;
    return RunMutations(options, seeds_file, note_seeds) == 0 ? 0 : 1;
  }
  if (!mutation.empty() && !ActivateMutation(mutation)) {
    fprintf(stderr, "no such mutation, or its text is not in the source any more: %s\n",
            mutation.c_str());
    return 64;
  }
  if (options.schedules == 0) return RunOne(options.first_seed);
  printf("seeds from %lu\n", options.first_seed);
  return RunMany(options);
}

}  // namespace
}  // namespace bw::simulation

int main(int argc, char** argv) { return bw::simulation::Main(argc, argv); }
