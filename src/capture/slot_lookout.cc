#include "capture/slot_lookout.h"

#include <spdlog/spdlog.h>

#include "base/backoff.h"
#include "base/thread_name.h"
#include "capture/pg_connection.h"
#include "capture/slot_watch.h"

namespace bw {
namespace {

constexpr Duration kLookInterval{3'000};
constexpr Backoff::Limits kAfterFailure{.first = Duration(1'000), .max = Duration(15'000)};

}  // namespace

SlotLookout::SlotLookout(const CaptureOptions& options, CaptureFigures* figures, const Stop& stop)
    : options_(options), figures_(figures), end_(&stop), thread_([this] { Run(); }) {}

SlotLookout::~SlotLookout() {
  end_.Request();
  thread_.join();
}

bool SlotLookout::OthersLook() const {
  const auto newest = figures_->slot.Get();
  return newest && newest->seen_at != looked_at_ && Now() - newest->seen_at < kLookInterval;
}

void SlotLookout::Run() {
  NameThisThread("slot lookout");
  SideConnection connection(options_, end_);
  Backoff backoff(kAfterFailure);
  Duration wait = kLookInterval;  // At first, for the keeper.
  while (!end_.WaitFor(wait)) {
    wait = kLookInterval;
    if (OthersLook()) {
      connection.Reset();
      continue;
    }
    try {
      if (auto facts = ReadSlotFacts(connection.Get(), options_.slot)) {
        looked_at_ = facts->seen_at;
        figures_->slot.Set(*std::move(facts));
      } else {
        figures_->slot.Forget();
      }
      backoff.Reset();
    } catch (const std::exception& error) {
      spdlog::debug("nobody can look at the slot now: {}", error.what());
      connection.Reset();
      if (!OthersLook()) figures_->slot.Forget();
      wait = backoff.Next();
    }
  }
}

}  // namespace bw
