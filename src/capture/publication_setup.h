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
// UPDATE and DELETE fail. The relay never does that to anybody by surprise:
//
//   --publication=P      P as it is, never altered; what it leaves out is said.
//   no unkeyed table     "<slot>"          FOR ALL TABLES
//   unkeyed tables       refused before anything is created, naming them and the remedies, unless
//   --allow-unkeyed      "<slot>"          FOR TABLE those with an identity
//                        "<slot>_inserts"  FOR ALL TABLES, inserts only
//
// The second form is also used when every unkeyed table is left out by --tables/--exclude-tables.
// A publication with the slot's name that exists already is used as it is, if it does no such harm.

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
  // What the user should know: what an existing publication leaves out, who will wait for keys.
  std::vector<std::string> warnings;
};

// Decides for a first start. Throws Halt errors: kUnkeyedTables, kMissingRight with the SQL for an
// owner, kServerSetting when --publication names none. Pure.
PublicationPlan PlanPublications(const PublicationFacts& facts, const CaptureOptions& options);

PublicationFacts ReadPublicationFacts(PgConnection* connection, const CaptureOptions& options,
                                      const ServerView& view);
// Executes the plan's statements in one transaction.
void CreatePublications(PgConnection* connection, const PublicationPlan& plan);
// For a first start that fails: takes back what CreatePublications made.
void DropPublications(PgConnection* connection, const PublicationPlan& plan);

// For later starts: the publications that are there. Throws Halt kServerSetting when there is none.
std::vector<std::string> FindPublications(PgConnection* connection, const CaptureOptions& options);

}  // namespace bw
