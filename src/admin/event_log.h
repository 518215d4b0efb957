#pragma once

#include <spdlog/sinks/base_sink.h>

#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <vector>

namespace bw {

// One line of the log, as the admin endpoint shows it.
struct Event {
  int64_t time_us = 0;  // Since 1970-01-01 UTC.
  std::string level;    // "info", "warning", "error", "critical".
  std::string message;  // As in the log: without control characters, row values or secrets.
};

// Keeps the newest lines of the log from level info on. Thread-safe.
class EventLog : public spdlog::sinks::base_sink<std::mutex> {
 public:
  static constexpr size_t kEventsMax = 100;

  EventLog() { set_level(spdlog::level::info); }
  // The newest last.
  std::vector<Event> List();

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override;
  void flush_() override {}

 private:
  std::deque<Event> events_;
};

}  // namespace bw
