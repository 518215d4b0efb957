#pragma once

#include <string>

#include "capture/pg_connection.h"

namespace bw {

// --install-event-trigger: an event trigger that does in the user's own transaction what
// publication_keeper.h does a moment later: adds a table with a replica identity to the publication
// by name, takes out one that has lost it. It can never fail the statement that fires it, nor let
// it wait for longer than 10 ms; what it leaves undone, the keeper does.
//
// It takes a superuser. Both stay when the relay stops: docs/operations.md says how they go.

// The statements, in order; `publication` is the slot's name, and the trigger's and its schema's
// are made of it. Pure.
std::string EventTriggerSql(const std::string& publication);

// Does nothing when it is there as it must be. Throws Halt kMissingRight and others.
void InstallEventTrigger(PgConnection* connection, const std::string& publication);

}  // namespace bw
