#include "base/trouble_list.h"

#include <algorithm>
#include <chrono>

namespace bw {

void TroubleList::Set(const std::string& part, const std::string& what, const std::string& remedy) {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const std::lock_guard lock(mutex_);
  Trouble& trouble = troubles_[part];
  if (trouble.since_us == 0) {
    trouble.since_us = std::chrono::duration_cast<std::chrono::microseconds>(now).count();
  }
  trouble.what = what;
  trouble.remedy = remedy;
}

void TroubleList::Clear(const std::string& part) {
  const std::lock_guard lock(mutex_);
  troubles_.erase(part);
}

std::vector<Trouble> TroubleList::List() const {
  std::vector<Trouble> list;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [part, trouble] : troubles_) list.push_back(trouble);
  }
  std::ranges::stable_sort(list, {}, &Trouble::since_us);
  return list;
}

}  // namespace bw
