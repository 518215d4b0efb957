#include "capture/row_refetcher.h"

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <system_error>

#include "base/error.h"
#include "base/log.h"
#include "base/thread_name.h"
#include "capture/pg_connection.h"

namespace bw {
namespace {

constexpr Duration kAnswerMax{1'000};
constexpr Duration kVisibleMax{200};
constexpr Duration kVisibleInterval{2};
constexpr Duration kPause{5'000};
constexpr Duration kIdleMax{60'000};
constexpr Duration kAllowanceMax{5'000};
constexpr int kAllowanceShare = 4;  // One part in so many of the time that passes.

}  // namespace

RowRefetcher::RowRefetcher(const CaptureOptions& options, const Stop& stop)
    : options_(options),
      stop_(stop),
      end_(&stop),
      allowance_(kAllowanceMax),
      counted_at_(Now()),
      away_until_(counted_at_) {}

RowRefetcher::~RowRefetcher() {
  end_.Request();
  {
    const std::lock_guard lock(mutex_);
    changed_.notify_one();
  }
  if (thread_.joinable()) thread_.join();
}

bool RowRefetcher::MayAsk(RelationId relation, TimePoint now) {
  const TimePoint::duration earned = (now - counted_at_) / kAllowanceShare;
  allowance_ = std::min<TimePoint::duration>(kAllowanceMax, allowance_ + earned);
  counted_at_ = now;
  if (allowance_.count() <= 0 || now < away_until_) return false;
  const auto refused = refused_until_.find(relation.value);
  return refused == refused_until_.end() || now >= refused->second;
}

ReadRow RowRefetcher::Read(const RowQuestion& question) {
  const TimePoint began = Now();
  if (!MayAsk(question.relation, began)) return {};
  Answer answer = Ask(question);
  allowance_ -= Now() - began;
  if (stop_.requested()) return {};
  if (answer.kind == Answer::Kind::kRow) return std::move(answer.row);
  Note(question, answer);
  return {};
}

RowRefetcher::Answer RowRefetcher::Ask(const RowQuestion& question) {
  std::shared_ptr<Task> task;
  try {
    task = std::make_shared<Task>(question, &end_);
  } catch (const Error& error) {
    return {Answer::Kind::kAway, {}, error.what()};
  }
  {
    const std::lock_guard lock(mutex_);
    if (task_) return {Answer::Kind::kAway, {}, "PostgreSQL has not answered an earlier question"};
    try {
      if (!thread_.joinable()) thread_ = std::thread([this] { Run(); });
    } catch (const std::system_error& error) {
      return {Answer::Kind::kAway, {}, error.what()};
    }
    task_ = task;
    changed_.notify_one();
  }
  task->done.WaitFor(kAnswerMax);
  const std::lock_guard lock(mutex_);
  if (task->answer) return std::move(*task->answer);
  return {Answer::Kind::kRefused, {}, "PostgreSQL has not answered within a second"};
}

void RowRefetcher::Note(const RowQuestion& question, const Answer& answer) {
  const TimePoint until = Now() + kPause;
  const bool is_away = answer.kind == Answer::Kind::kAway;
  if (is_away) {
    away_until_ = until;
  } else {
    refused_until_[question.relation.value] = until;
  }
  const std::string what = (is_away ? "" : question.table) + "\n" + answer.why;
  if (!told_.insert(what).second) return;
  spdlog::warn(
      "A TOASTed value of table {} that an update left alone cannot be read again: {}. The header "
      "\"unavailable\" names such values; reading is tried again after {} s",
      Printable(question.table), Printable(answer.why),
      std::chrono::duration_cast<std::chrono::seconds>(kPause).count());
}

void RowRefetcher::Run() {
  NameThisThread("row refetcher");
  std::unique_lock lock(mutex_);
  while (true) {
    const bool is_asked = changed_.wait_for(
        lock, kIdleMax, [this] { return end_.requested() || (task_ && !task_->answer); });
    if (end_.requested()) return;
    if (!is_asked) {
      lock.unlock();
      Disconnect();
      lock.lock();
      continue;
    }
    const std::shared_ptr<Task> task = task_;
    lock.unlock();
    Answer answer = LookUp(task->question);
    lock.lock();
    task->answer = std::move(answer);
    task_.reset();
    task->done.Request();
  }
}

void RowRefetcher::Disconnect() {
  lookup_.reset();
  connection_.reset();
}

RowRefetcher::Answer RowRefetcher::LookUp(const RowQuestion& question) {
  const TimePoint deadline = Now() + kVisibleMax;
  try {
    if (connection_ && !connection_->is_connected()) Disconnect();
    if (!connection_) {
      connection_.emplace(options_, PgConnection::Mode::kSql, end_);
      lookup_.emplace(&*connection_);
    }
    while (true) {
      std::optional<ReadRow> row = lookup_->Find(question);
      if (row) return {Answer::Kind::kRow, std::move(*row), {}};
      if (Now() > deadline || end_.WaitFor(kVisibleInterval)) break;
    }
    // The server may be another one than that of the stream, or no longer what it was.
    Disconnect();
    return {Answer::Kind::kAway, {}, "its transaction has committed, and is not visible"};
  } catch (const std::exception& error) {  // Without memory for the value, for example.
    const bool is_away = !lookup_ || !connection_->is_connected();
    Disconnect();  // A statement may be unfinished.
    return {is_away ? Answer::Kind::kAway : Answer::Kind::kRefused, {}, error.what()};
  }
}

}  // namespace bw
