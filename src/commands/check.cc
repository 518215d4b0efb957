#include "commands/check.h"

#include <fmt/format.h>

#include <iostream>
#include <nlohmann/json.hpp>

#include "base/log.h"
#include "commands/terminal.h"
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

}  // namespace

ExitCode RunCheck(const Invocation& invocation) {
  // What the checks log is in what they find.
  StartLogging({.level = "error"});
  static Stop stop;
  InstallSignalHandlers(&stop);
  const std::vector<Finding> findings = CheckAll(invocation.options, stop);
  invocation.options.command.json ? PrintJson(findings) : PrintText(findings);
  for (const Finding& finding : findings) {
    if (finding.verdict == Verdict::kBad) return finding.exit_code;
  }
  return ExitCode::kOk;
}

}  // namespace bw
