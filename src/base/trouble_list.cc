#include "base/trouble_list.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace bw {
namespace {

std::string NameOf(const std::string& server) { return server.substr(0, server.find(" (")); }

}  // namespace

const char* ToString(TroubleKind kind) {
  switch (kind) {
    case TroubleKind::kAway:
      return "away";
    case TroubleKind::kRefuses:
      return "refuses";
    case TroubleKind::kFails:
      return "fails";
    case TroubleKind::kWaits:
      return "waits";
    case TroubleKind::kAtRisk:
      return "at risk";
  }
  return "unknown";
}

void TroubleList::Set(Trouble trouble) {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const std::lock_guard lock(mutex_);
  const std::string name = NameOf(trouble.server);
  const bool fails = trouble.kind == TroubleKind::kFails;
  Trouble& known = (fails ? failing_ : troubles_)[name];
  if (fails) {
    // The same trouble, of which more is known now.
    if (auto before = troubles_.extract(name); before && known.since_us == 0) {
      known = std::move(before.mapped());
    }
  }
  trouble.since_us = known.since_us != 0
                         ? known.since_us
                         : std::chrono::duration_cast<std::chrono::microseconds>(now).count();
  // Who knows the address may not be the one who notices the trouble.
  if (known.server.size() > trouble.server.size()) trouble.server = known.server;
  known = std::move(trouble);
}

void TroubleList::Clear(const std::string& server) {
  const std::lock_guard lock(mutex_);
  troubles_.erase(NameOf(server));
}

void TroubleList::ClearFailing(const std::string& server) {
  const std::lock_guard lock(mutex_);
  failing_.erase(NameOf(server));
}

std::vector<Trouble> TroubleList::List() const {
  std::vector<Trouble> list;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [name, trouble] : troubles_) list.push_back(trouble);
    for (const auto& [name, trouble] : failing_) {
      if (!troubles_.contains(name)) list.push_back(trouble);
    }
  }
  std::ranges::stable_sort(list, {}, &Trouble::since_us);
  return list;
}

}  // namespace bw
