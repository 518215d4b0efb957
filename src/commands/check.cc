#include "commands/check.h"

#include <fmt/format.h>

#include <iostream>
#include <nlohmann/json.hpp>

#include "base/log.h"
#include "commands/terminal.h"
#include "options/option_sources.h"
#include "preflight/least_rights.h"
#include "preflight/preflight.h"
#include "relay/signals.h"

namespace bw {
namespace {

struct Shown {
  const char* word;  // For --json.
  const char* sign;
  const char* colour;  // ANSI.
};

Shown ShownAs(Verdict verdict) {
  switch (verdict) {
    case Verdict::kGood:
      return {"good", "\u2713", "32"};
    case Verdict::kDoubtful:
      return {"doubtful", "!", "33"};
    case Verdict::kBad:
      return {"bad", "\u2717", "31"};
  }
  BW_CHECK(false);
}

void PrintJson(const std::vector<Finding>& findings) {
  auto list = nlohmann::ordered_json::array();
  for (const Finding& finding : findings) {
    list.push_back({{"verdict", ShownAs(finding.verdict).word},
                    {"subject", finding.subject},
                    {"text", ShownText(finding.text)},
                    {"exit_code", static_cast<int>(finding.exit_code)}});
  }
  std::cout << list.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) << '\n';
}

void PrintText(const std::vector<Finding>& findings) {
  const bool colour = OutputHasColour();
  std::string subject;
  for (const Finding& finding : findings) {
    if (finding.subject != subject) {
      subject = finding.subject;
      std::cout << subject << '\n';
    }
    const Shown shown = ShownAs(finding.verdict);
    std::cout << "  " << Coloured(colour, shown.colour, shown.sign) << ' '
              << ShownText(finding.text) << '\n';
  }
}

ExitCode PrintRights(const Options& options, const Stop& stop) {
  const RightsFacts facts = GatherRightsFacts(options, stop);
  if (options.command.print_sql) std::cout << LeastRightsSql(facts, options.capture);
  if (options.command.print_acls) {
    if (options.command.print_sql) std::cout << '\n';
    std::cout << LeastRightsAcls(facts, options, options.command.principal);
  }
  return ExitCode::kOk;
}

}  // namespace

void CheckCheckOptions(const Options& options) {
  CheckOptions(options);
  const CommandOptions& command = options.command;
  if (command.json && (command.print_sql || command.print_acls)) {
    throw UsageError("--json: not with --print-sql and --print-acls");
  }
  if (!command.role.empty() && !command.print_sql) {
    throw UsageError("--role: only with --print-sql");
  }
  if (!command.principal.empty() && !command.print_acls) {
    throw UsageError("--principal: only with --print-acls");
  }
}

ExitCode RunCheck(const Invocation& invocation) {
  // What the checks log is in what they find.
  StartLogging({.level = "error"});
  static Stop stop;
  InstallSignalHandlers(&stop);
  const CommandOptions& command = invocation.options.command;
  if (command.print_sql || command.print_acls) return PrintRights(invocation.options, stop);
  const std::vector<Finding> findings = CheckAll(invocation.options, stop);
  invocation.options.command.json ? PrintJson(findings) : PrintText(findings);
  return ExitCodeOf(findings);
}

}  // namespace bw
