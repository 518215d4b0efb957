#pragma once

#include <string>

#include "capture/pg_connection.h"

namespace bw {

// --install-event-trigger: an event trigger that does in the user's own transaction what
// publication_keeper.h does a moment later: adds a table with a replica identity to the publication
// by name, and removes one that has lost it. It can never make the statement that fires it fail,
// nor wait for longer than 10 ms; the keeper does what it leaves undone.
//
// Requires a superuser. Trigger and function remain when the relay stops: docs/operations.md says
// how to remove them.

// The statements, in order; `publication` is the slot's name, from which the names of the trigger
// and its schema are derived; whether roots of partitions join it: publication_members.h. The
// version is as 150004. Pure.
std::string EventTriggerSql(const std::string& publication, bool joins_roots, int server_version);

// Removes it with its function, and their schema if nothing else is in it. Pure.
std::string DropEventTriggerSql(const std::string& publication);
std::string EventTriggerName(const std::string& publication);

enum class EventTriggerState {
  kNone,
  kOurs,
  kForeign,  // Somebody else's of that name.
};
EventTriggerState LookForEventTrigger(PgConnection* connection, const std::string& publication);

// Installs the trigger where there is none, if `installs`. Replaces the function of one of ours,
// installed by whomever, that another version of the relay has made, or this one for another
// version of PostgreSQL. Where PostgreSQL refuses it, returns a warning with the SQL for a
// superuser, else "". Throws transient Errors.
std::string KeepEventTrigger(PgConnection* connection, const std::string& publication,
                             bool joins_roots, bool installs);

}  // namespace bw
