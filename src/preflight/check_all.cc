#include "preflight/preflight.h"

namespace bw {
namespace {

void Append(std::vector<Finding> more, std::vector<Finding>* all) {
  all->insert(all->end(), std::make_move_iterator(more.begin()),
              std::make_move_iterator(more.end()));
}

}  // namespace

std::vector<Finding> CheckAll(const Options& options, const Stop& stop) {
  Seen seen;
  std::vector<Finding> spool = CheckSpoolDirectory(options.spool, &seen);
  std::vector<Finding> postgres = CheckPostgres(options, stop, &seen);
  std::vector<Finding> kafka = CheckKafka(options.publish, stop, &seen);
  std::vector<Finding> start = CheckStart(options, stop, &seen);
  Append(CheckSpoolDisk(options.spool, seen), &spool);
  std::vector<Finding> all;
  Append(std::move(spool), &all);  // A relay holds its directory before it asks any server.
  Append(CheckAdmin(options, seen), &all);
  Append(std::move(postgres), &all);
  Append(std::move(start), &all);
  Append(std::move(kafka), &all);
  Append(CheckRegistry(options.registry, options.publish, stop), &all);
  return all;
}

ExitCode ExitCodeOf(const std::vector<Finding>& findings) {
  ExitCode code = ExitCode::kOk;
  for (const Finding& finding : findings) {
    if (finding.verdict != Verdict::kBad) continue;
    code = finding.exit_code;
    if (code != ExitCode::kTryAgain) break;
  }
  return code;
}

}  // namespace bw
