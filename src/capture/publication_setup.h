#pragma once

#include <string>
#include <vector>

#include "capture/capture_options.h"
#include "capture/captured_table.h"
#include "capture/pg_connection.h"
#include "capture/publication.h"
#include "capture/server_inspection.h"

// Which publications the relay uses, and when it creates them.
//
// If a table without replica identity is in a publication that publishes updates, the users' own
// UPDATE and DELETE fail, also if it loses its identity later. So the relay always creates a pair
// (docs/decisions/0008):
//
//   "<slot>"          tables by name, those with a replica identity: everything
//   "<slot>_inserts"  FOR ALL TABLES: inserts
//
// which publication_keeper.h keeps correct while the relay runs. An existing publication is used as
// it is and never altered: --publication, or a single one with the slot's name.
//
// The user decides about selected tables without identity: a first start refuses them before
// anything is created, with their names and the remedies, unless --allow-unkeyed accepts inserts
// only.

namespace bw {

// All publications that this relay might use, by its options.
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
  std::vector<std::string> create_sql;  // In one transaction; empty when nothing is to be created.
  std::vector<CapturedTable> join;      // Then added to the first of `names`, if possible.
  // For the user: what an existing publication omits, which tables need keys.
  std::vector<std::string> warnings;
};

// Decides for a first start. Throws Halt errors: kUnkeyedTables, kMissingRight with the SQL for an
// owner, kServerSetting when the publication of --publication does not exist. Pure.
PublicationPlan PlanPublications(const PublicationFacts& facts, const CaptureOptions& options);

// The statements that make one with these tables by name, and that of the inserts of all. Pure.
std::string CreatePublicationSql(const std::string& name, bool joins_roots,
                                 const std::vector<const CapturedTable*>& tables);
std::string CreateInsertsPublicationSql(const CaptureOptions& options, bool joins_roots);

// Executes the plan's statements. They neither wait long for a lock nor make others wait: a locked
// table is left to the keeper, and logged.
void CreatePublications(PgConnection* connection, const PublicationPlan& plan);
// For a first start that fails: drops what CreatePublications created.
void DropPublications(PgConnection* connection, const PublicationPlan& plan);

// Whether these are the pair that the relay created and maintains.
bool IsOwnPair(const CaptureOptions& options, const std::vector<std::string>& publications);

// Why a later start ends when only `existing` are there, with the SQL that makes the others. Pure.
Halt PublicationsGone(const std::vector<std::string>& existing, const CaptureOptions& options,
                      const ServerView& view);
// For later starts: the existing publications. Throws PublicationsGone when there is none, or
// only one where the spool expects the pair (Ledger::accounted_members).
std::vector<std::string> FindPublications(PgConnection* connection, const CaptureOptions& options,
                                          bool expects_pair);

}  // namespace bw
