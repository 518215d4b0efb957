#pragma once

#include <string>
#include <vector>

#include "capture/capture_options.h"
#include "capture/postgres_server.h"
#include "spool/spool.h"

namespace bw {

// What becomes of an operator's wish to have tables read again while the relay runs.
struct AskedRereads {
  std::vector<TableName> noted;        // Will be read again.
  std::vector<TableName> unreadable;   // Of those: once the relay's role may read them.
  std::vector<TableName> without_key;  // Selected, but their rows would only be published twice.
  // Held tables (--on-error=hold) that are read again, or are not captured any more: what they were
  // held for is given up.
  std::vector<TableName> given_up;
};

// Notes the captured tables that the patterns of TableFilter select, all of them without patterns,
// for being read again (Ledger::NoteRereads); the keeper finds the notes within a second. Slot and
// spool stay as they are, and a crash does not forget it.
//
// `held` are the tables that are held. Throws, and then has noted nothing: a usage Error when a
// pattern selects neither a captured nor a held table, or only tables without a key; a transient
// Error when the first snapshot is not complete, or PostgreSQL does not answer within a few
// seconds.
AskedRereads NoteAskedRereads(PostgresServer* postgres, const CaptureOptions& options, Spool* spool,
                              const std::vector<std::string>& patterns,
                              const std::vector<TableName>& held);

}  // namespace bw
