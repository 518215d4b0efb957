#include "publish/publisher.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "base/format.h"
#include "base/shown_text.h"

namespace bw {

Publisher::Publisher(const PublishOptions& options, const PublishParts& parts,
                     SchemaRegistry* registry, const Stop& stop)
    : options_(options),
      parts_(parts),
      stop_(stop),
      memory_(registry),
      kafka_away_("Kafka (" + options.brokers + ")", parts.troubles) {
  BW_CHECK(registry != nullptr || options.output_format != OutputFormat::kAvro);
}

void Publisher::RunSession(const std::function<void()>& made_progress) {
  if (!WaitUntilReachable()) return kafka_away_.Forget();
  PublishSession session(options_, parts_, &memory_, stop_, &kafka_away_);
  session.Start();
  session.Run(made_progress);
}

bool Publisher::WaitUntilReachable() {
  // A failed request has already waited up to a second for a connection, and librdkafka limits its
  // own reconnects (reconnect.backoff.max.ms), so this pause can be short.
  Backoff backoff({.first = Duration(100), .max = Duration(500)});
  while (!stop_.requested() && !parts_.paused->load()) {
    try {
      parts_.cluster->ClusterId();
      kafka_away_.Back();
      return true;
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::kTransient) throw;
      if (stop_.requested()) break;
      if (error.is_refusal()) {
        kafka_away_.Refuses(error.what(), error.remedy());
      } else {
        kafka_away_.Away(error.what());
      }
    }
    stop_.WaitFor(backoff.Next());
  }
  return false;
}

void Publisher::ResumeHeld(const std::vector<std::string>& names) {
  const std::lock_guard lock(memory_.mutex);
  const std::vector<HeldTable>& held = memory_.figures.held;
  const auto is_held = [&](const std::string& name) {
    return std::ranges::any_of(held,
                               [&](const HeldTable& one) { return one.table.qualified() == name; });
  };
  if (memory_.figures.sessions == 0) {
    throw TransientError(
        "resume: which tables are held is not known before the checkpoint is read from Kafka");
  }
  std::vector<std::string> tables;
  for (const HeldTable& one : held) tables.push_back(one.table.qualified());
  for (const std::string& name : names) {
    if (is_held(name)) continue;
    throw UsageError(
        fmt::format("resume: table {} is not held; {}", Printable(name),
                    held.empty() ? "none is" : "these are: " + Printable(FormatList(tables, 10))));
  }
  memory_.resume_asked = true;
}

void Publisher::GiveUpHeld(const std::vector<TableName>& tables) {
  if (tables.empty()) return;
  const std::lock_guard lock(memory_.mutex);
  memory_.given_up.insert(tables.begin(), tables.end());
  memory_.resume_asked = true;
}

PublishFigures Publisher::figures() const {
  const std::lock_guard lock(memory_.mutex);
  return memory_.figures;
}

}  // namespace bw
