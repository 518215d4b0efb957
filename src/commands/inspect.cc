#include "commands/inspect.h"

#include <fmt/format.h>

#include <algorithm>
#include <iostream>
#include <nlohmann/json.hpp>
#include <utility>
#include <variant>

#include "base/format.h"
#include "base/log.h"
#include "base/shown_json.h"
#include "commands/terminal.h"
#include "inspect/change_line.h"
#include "inspect/change_selection.h"
#include "inspect/spool_tally.h"
#include "spool/corruption.h"
#include "spool/spool_verify.h"

namespace bw {
namespace {

// The further ones are only counted.
constexpr uint64_t kFindingsShown = 100;

// JSON for whoever reads it.
std::string Shown(const std::string& json) {
  static const bool is_terminal = OutputIsTerminal();
  return is_terminal ? ShownJson(json) : json;
}

std::string Dump(const nlohmann::ordered_json& json, int indent) {
  return Shown(json.dump(indent, ' ', false, nlohmann::json::error_handler_t::replace));
}

// What every form of the output needs.
class Inspection {
 public:
  explicit Inspection(const Options& options)
      : options_(options),
        what_(options.command.spool),
        reader_(options.spool),
        forms_(&reader_),
        selection_(what_.tables, what_.key) {}

  // Each prints until the end, the limit, or until nobody reads it any more.
  void PrintChanges() {
    SpoolRecords records = Records();
    uint64_t printed = 0;
    while (std::cout && !IsEnough(printed)) {
      const SpoolRecord* const record = records.Next();
      if (record == nullptr) break;
      const auto* change = std::get_if<Change>(&record->record);
      if (change == nullptr) continue;
      const TableForm& form = forms_.Get(change->schema_id);
      const TableForm& of_old_key = forms_.OfOldKey(*change);
      if (!selection_.Selects(form, of_old_key, *change)) continue;
      std::cout << Shown(ChangeLine(form, of_old_key, *change)) << '\n';
      ++printed;
    }
  }
  void PrintTransactions() {
    SpooledTransactions transactions(Records(), &forms_, &selection_);
    for (uint64_t printed = 0; std::cout && !IsEnough(printed); ++printed) {
      const auto transaction = transactions.Next();
      if (!transaction) break;
      std::cout << (options_.command.json ? Dump(TransactionJson(*transaction), -1)
                                          : TransactionText(*transaction))
                << '\n';
    }
  }
  void PrintSummary() {
    const SpoolTally tally = TallyOf(Records(), &forms_, &selection_);
    const nlohmann::ordered_json json = SpoolJson(options_.spool.directory, reader_.bytes_on_disk(),
                                                  reader_.picture(), tally, Part());
    std::cout << (options_.command.json ? Dump(json, 2) + "\n" : SpoolText(json));
  }

 private:
  SpoolRecords Records() {
    const SpoolState& state = reader_.picture().state;
    Position after = what_.all ? Position::Zero() : state.published.position;
    if (what_.from.valid()) after = Position::EndOf(Lsn{what_.from.value - 1});
    return reader_.Read(after, Position::EndOf(what_.to));
  }
  std::string Part() const {
    std::string part = "not yet published";
    if (what_.from.valid()) {
      part = "from " + what_.from.ToString() + " on";
    } else if (what_.all) {
      part = "all that is retained";
    }
    if (what_.to != Lsn::Max()) part += ", up to " + what_.to.ToString();
    return selection_.selects_everything() ? part : part + ", selected";
  }
  bool IsEnough(uint64_t printed) const { return what_.limit > 0 && printed >= what_.limit; }

  const Options& options_;
  const SpoolCommandOptions& what_;
  SpoolReader reader_;
  TableForms forms_;
  ChangeSelection selection_;
};

nlohmann::ordered_json VerifiedJson(const VerifiedSpool& verified,
                                    const std::vector<std::string>& findings) {
  return {{"findings", verified.findings},         {"shown", findings},
          {"meta_entries", verified.meta_entries}, {"schemas", verified.schemas},
          {"changes", verified.changes},           {"transactions", verified.transactions},
          {"uncaptured", verified.uncaptured},     {"bytes", verified.bytes}};
}

void PrintVerified(const VerifiedSpool& verified) {
  std::cout << fmt::format(
      "read {} changes of {} transactions, {} schemas and {} meta entries: {}\n",
      FormatCount(verified.changes), FormatCount(verified.transactions),
      FormatCount(verified.schemas), FormatCount(verified.meta_entries),
      FormatSize(verified.bytes));
  if (verified.uncaptured > 0) {
    std::cout << fmt::format("{} of the records are of a transaction that was being received\n",
                             FormatCount(verified.uncaptured));
  }
  if (verified.findings == 0) {
    std::cout << "nothing is wrong\n";
    return;
  }
  if (verified.findings > kFindingsShown) {
    std::cout << fmt::format("and {} more\n", FormatCount(verified.findings - kFindingsShown));
  }
  std::cout << "What you can do: " << CorruptSpool::RemedyText() << '\n';
}

ExitCode Verify(const Options& options) {
  const bool json = options.command.json;
  std::vector<std::string> findings;
  const VerifiedSpool verified = VerifySpool(options.spool, [&](const std::string& finding) {
    if (findings.size() == kFindingsShown) return;
    findings.push_back(finding);
    if (!json) std::cout << ShownText(finding) << '\n';
  });
  if (json) {
    std::cout << Dump(VerifiedJson(verified, findings), 2) << '\n';
  } else {
    PrintVerified(verified);
  }
  return verified.findings == 0 ? ExitCode::kOk : ExitCode::kSpoolUnusable;
}

// Verifying a part would leave damage in the others unnoticed.
void RefuseSelectionForVerify(const SpoolCommandOptions& what) {
  const std::pair<const char*, bool> options[] = {{"--table", !what.tables.empty()},
                                                  {"--key", !what.key.empty()},
                                                  {"--from-lsn", what.from.valid()},
                                                  {"--to-lsn", what.to != Lsn::Max()}};
  for (const auto& [name, is_given] : options) {
    if (!is_given) continue;
    throw UsageError(
        fmt::format("{0}: --verify reads all of the spool; leave {0} or --verify out", name));
  }
}

}  // namespace

void CheckInspect(const Options& options) {
  const SpoolCommandOptions& what = options.command.spool;
  if (int{what.changes} + int{what.transactions} + int{what.verify} > 1) {
    throw UsageError("--changes, --transactions and --verify contradict each other");
  }
  if (what.verify) RefuseSelectionForVerify(what);
  if (what.limit > 0 && !what.changes && !what.transactions) {
    throw UsageError("--limit: only with --changes or --transactions, whose lines it counts");
  }
  if (what.to < what.from) throw UsageError("--to-lsn: before --from-lsn");
  ChangeSelection(what.tables, what.key);  // Throws for a key that is not JSON.
  CheckSpoolOptions(options.spool);
}

ExitCode RunInspect(const Invocation& invocation) {
  const Options& options = invocation.options;
  StartLogging({.level = "error"});
  if (options.command.spool.verify) return Verify(options);
  Inspection inspection(options);
  if (options.command.spool.changes) {
    inspection.PrintChanges();
  } else if (options.command.spool.transactions) {
    inspection.PrintTransactions();
  } else {
    inspection.PrintSummary();
  }
  std::cout << std::flush;
  return ExitCode::kOk;
}

}  // namespace bw
