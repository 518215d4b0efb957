#include "admin/event_log.h"

#include <chrono>

#include "base/shown_text.h"

namespace bw {

std::vector<Event> EventLog::List() {
  const std::lock_guard lock(mutex_);
  return {events_.begin(), events_.end()};
}

void EventLog::sink_it_(const spdlog::details::log_msg& message) {
  const auto time = message.time.time_since_epoch();
  const spdlog::string_view_t level = spdlog::level::to_string_view(message.level);
  if (events_.size() >= kEventsMax) events_.pop_front();
  events_.push_back({std::chrono::duration_cast<std::chrono::microseconds>(time).count(),
                     {level.data(), level.size()},
                     ShownText({message.payload.data(), message.payload.size()})});
}

}  // namespace bw
