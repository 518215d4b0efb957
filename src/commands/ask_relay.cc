#include "commands/ask_relay.h"

#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <iostream>
#include <nlohmann/json.hpp>
#include <thread>

#include "admin/admin_client.h"
#include "base/error.h"
#include "base/log.h"
#include "base/shown_text.h"
#include "commands/run_relay.h"
#include "commands/status_at_rest.h"
#include "commands/status_text.h"
#include "commands/terminal.h"

namespace bw {
namespace {

constexpr std::chrono::seconds kWatchInterval{2};
// While no relay runs: each look asks the servers.
constexpr std::chrono::seconds kWatchIntervalAtRest{10};
// HTTP's.
constexpr int kAccepted = 202;
constexpr int kBadRequest = 400;

Error NoRelay(const Options& options) {
  return {ErrorKind::kHalt,
          fmt::format("no relay runs on spool \"{}\": start one, or name its spool with --spool",
                      Printable(options.spool.directory)),
          ExitCode::kNoRelay};
}

std::string BodyOf(const std::optional<AdminAnswer>& answer, const Options& options) {
  if (!answer) throw NoRelay(options);
  if (answer->status != 200) {
    throw Error(ErrorKind::kHalt, "the relay refuses: " + Printable(answer->body),
                ExitCode::kNoRelay);
  }
  return answer->body;
}

void ClearWatchedScreen(const Options& options) {
  if (options.command.watch && isatty(STDOUT_FILENO) == 1) std::cout << "\x1b[H\x1b[2J";
}

void PrintStatusAtRest(const Options& options) {
  StartLogging({.level = "error"});
  const nlohmann::json status = StatusAtRest(options);
  ClearWatchedScreen(options);
  if (options.command.json) {
    std::cout << status.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) << '\n';
  } else {
    std::cout << StatusAtRestText(status, OutputHasColour());
  }
  std::cout << std::flush;
}

// False when no relay runs.
bool PrintStatus(const Options& options) {
  const auto answer = AskRelay(options.spool.directory, "GET", "/status");
  if (!answer) {
    PrintStatusAtRest(options);
    return false;
  }
  const std::string body = BodyOf(answer, options);
  ClearWatchedScreen(options);
  if (options.command.json) {
    std::cout << body;
  } else {
    std::cout << StatusText(nlohmann::json::parse(body), OutputHasColour());
  }
  std::cout << std::flush;
  return true;
}

ExitCode Steer(const Invocation& invocation, const std::string& verb) {
  const std::string side =
      invocation.arguments.empty() ? "" : "?side=" + invocation.arguments.front();
  const Options& options = invocation.options;
  std::cout << BodyOf(AskRelay(options.spool.directory, "POST", "/" + verb + side), options);
  return ExitCode::kOk;
}

}  // namespace

ExitCode ShowStatus(const Invocation& invocation) {
  const Options& options = invocation.options;
  bool runs = PrintStatus(options);
  // A relay that is restarted is seen again.
  while (options.command.watch && std::cout) {
    std::this_thread::sleep_for(runs ? kWatchInterval : kWatchIntervalAtRest);
    runs = PrintStatus(options);
  }
  if (!runs) throw NoRelay(options);
  return ExitCode::kOk;
}

ExitCode PauseRelay(const Invocation& invocation) { return Steer(invocation, "pause"); }

ExitCode Resnapshot(const Invocation& invocation) {
  const Options& options = invocation.options;
  std::multimap<std::string, std::string> tables;
  for (const std::string& glob : options.resnapshot_tables) tables.emplace("table", glob);
  const auto answer = AskRelay(options.spool.directory, "POST", "/resnapshot", tables);
  if (!answer) {
    if (!options.unread_files.empty()) throw options.unread_files.begin()->second;
    return RunRelay(invocation);
  }
  if (answer->status != kAccepted) {
    throw Error(ErrorKind::kHalt, "the running relay refuses: " + Printable(answer->body),
                answer->status == kBadRequest ? ExitCode::kUsage : ExitCode::kNoRelay);
  }
  std::cout << answer->body << "bottledwater status shows how many still wait\n";
  return ExitCode::kOk;
}

// A name with a dot is a table's.
ExitCode ResumeRelay(const Invocation& invocation) {
  const std::vector<std::string>& words = invocation.arguments;
  if (words.empty() || words.front().find('.') == std::string::npos) {
    return Steer(invocation, "resume");
  }
  std::multimap<std::string, std::string> tables;
  for (const std::string& table : words) tables.emplace("table", table);
  const Options& options = invocation.options;
  const auto answer = AskRelay(options.spool.directory, "POST", "/resume", tables);
  if (!answer) throw NoRelay(options);
  if (answer->status != kAccepted) {
    throw Error(ErrorKind::kHalt, "the running relay refuses: " + Printable(answer->body),
                answer->status == kBadRequest ? ExitCode::kUsage : ExitCode::kNoRelay);
  }
  std::cout << answer->body << "bottledwater status shows which are still held\n";
  return ExitCode::kOk;
}

}  // namespace bw
