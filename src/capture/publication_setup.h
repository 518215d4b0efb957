#pragma once

#include <string>
#include <vector>

#include "capture/capture_options.h"
#include "capture/captured_table.h"
#include "capture/pg_connection.h"
#include "capture/publication.h"
#include "capture/server_inspection.h"

// Which publications the relay uses, and when it makes them.
//
// A table without replica identity inside a publication that publishes updates makes the user's own
// UPDATE and DELETE fail, also when it gets into that state later. So what the relay makes is
// always a pair (docs/decisions/0008):
//
//   "<slot>"          tables by name, those with a replica identity: everything
//   "<slot>_inserts"  FOR ALL TABLES: inserts
//
// which publication_keeper.h keeps right while the relay runs. What is there already is used as it
// is and never altered: --publication, or a single publication with the slot's name.
//
// Selected tables without identity are the user's to decide about: a first start refuses them
// before anything is made, naming them and the remedies, unless --allow-unkeyed says that inserts
// will do.

namespace bw {

// The publications' names when there is no --publication.
std::string WholePublicationName(const CaptureOptions& options);
std::string InsertsPublicationName(const CaptureOptions& options);
// All that this relay could use, by its options.
std::vector<std::string> CandidatePublications(const CaptureOptions& options);

struct PublicationFacts {
  RoleRights role;
  std::string database;
  int version = 0;
  std::vector<CapturedTable> tables;
  std::vector<Publication> existing;  // Of CandidatePublications().
};

struct PublicationPlan {
  std::vector<std::string> names;       // What to stream from.
  std::vector<std::string> create_sql;  // In one transaction; empty when nothing is to be made.
  std::vector<CapturedTable> join;      // Then added to the first of `names`, as far as it goes.
  // What the user should know: what an existing publication leaves out, who will wait for keys.
  std::vector<std::string> warnings;
};

// Decides for a first start. Throws Halt errors: kUnkeyedTables, kMissingRight with the SQL for an
// owner, kServerSetting when --publication names none. Pure.
PublicationPlan PlanPublications(const PublicationFacts& facts, const CaptureOptions& options);

// Executes the plan's statements. Nobody's statement waits for longer than a moment behind them,
// and they wait for nobody: a table that is locked is left to the keeper, which is said.
void CreatePublications(PgConnection* connection, const PublicationPlan& plan);
// For a first start that fails: takes back what CreatePublications made.
void DropPublications(PgConnection* connection, const PublicationPlan& plan);
// Tables that these publications make read-only by publishing their updates or deletes. Pure.
std::vector<const CapturedTable*> HarmedTables(const std::vector<CapturedTable>& tables,
                                               const std::vector<Publication>& publications);

// Whether the relay made them, and keeps them: the pair.
bool IsOwnPair(const CaptureOptions& options, const std::vector<std::string>& publications);

// For later starts: the publications that are there. Throws Halt kServerSetting when there is none,
// or only one where the spool expects the pair (Ledger::accounted_members).
std::vector<std::string> FindPublications(PgConnection* connection, const CaptureOptions& options,
                                          bool expects_pair);

}  // namespace bw
