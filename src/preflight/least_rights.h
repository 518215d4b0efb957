#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/stop.h"
#include "capture/captured_table.h"
#include "capture/publication.h"
#include "options/options.h"

// The least rights with which a relay of the given options works, as SQL and as ACLs that somebody
// with more rights runs: `check --print-sql`, `check --print-acls`. What no relay needs is not
// among them; what only some situations need is there as a comment.

namespace bw {

// What the set-up depends on. Gathered from PostgreSQL, or without it from the options alone.
struct RightsFacts {
  std::string problem;  // Why PostgreSQL could not be asked; empty when it was.
  std::string role;     // Whom the relay logs in as.
  bool role_exists = false;
  std::string database;
  std::string system_identifier;  // Empty when it is not known.
  int version = 0;                // Of PostgreSQL; 0 when it was not asked.
  std::vector<CapturedTable> tables;
  std::vector<Publication> existing;  // Of CandidatePublications().
  std::set<TableName> with_policies;  // Tables with row security.
};

// Changes nothing. Never throws what a server says: then `problem` has it.
RightsFacts GatherRightsFacts(const Options& options, const Stop& stop);

// Statements for psql, with comments. Pure.
std::string LeastRightsSql(const RightsFacts& facts, const CaptureOptions& options);

// Commands for a shell, with comments. `principal` is empty for the default: User: and
// sasl.username, else User:bottledwater. Pure.
std::string LeastRightsAcls(const RightsFacts& facts, const Options& options,
                            const std::string& principal);

}  // namespace bw
