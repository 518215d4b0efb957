#include "admin/refused_requests.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/log.h"

namespace bw {
namespace {

constexpr Duration kSayInterval{60'000};
// Of what the client has sent.
constexpr size_t kShownBytesMax = 200;

std::string Shown(const std::string& text) { return Printable(text.substr(0, kShownBytesMax)); }

}  // namespace

void RefusedRequests::Note(const AdminRequest& request, const AdminResponse& refusal) {
  const auto* const status = std::ranges::find(kStatuses, refusal.status);
  if (status == kStatuses.end()) return;
  const auto reason = static_cast<size_t>(status - kStatuses.begin());
  uint64_t unsaid = 0;
  {
    const std::lock_guard lock(mutex_);
    const uint64_t count = ++counts_.at(reason);
    Said& said = said_.at(reason);
    if (said.ever && Now() - said.at < kSayInterval) return;
    unsaid = count - said.count - 1;
    said = {true, Now(), count};
  }
  const std::string more =
      unsaid == 0 ? "" : fmt::format(" ({} more since the last such line)", unsaid);
  spdlog::warn("The admin endpoint has refused {} {} from {}, Host \"{}\": {}{}",
               Shown(request.method), Shown(request.path),
               request.peer.empty() ? "an unknown address" : request.peer, Shown(request.host),
               refusal.body.substr(0, refusal.body.find('\n')), more);
}

RefusedRequests::Counts RefusedRequests::counts() const {
  const std::lock_guard lock(mutex_);
  return counts_;
}

}  // namespace bw
