#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/stop.h"
#include "options/options.h"
#include "spool/spool_state.h"

// What a relay has made on servers and disk, and how to remove it: for `bottledwater remove`. What
// others have made is never among it, whatever its name.

namespace bw {

// One thing that a relay has made, or that has the name of one.
struct Remains {
  RelayPart part;
  std::string what;     // "replication slot \"shop\"".
  std::string found;    // What is known about it; may be empty.
  std::string by_hand;  // What removes it without this program, each line an OwnLine().
  // Why it stays; empty for what `remove` removes.
  std::string stays;
  // Throws Errors. Nothing happens when it is gone already.
  std::function<void()> remove = {};
};

// One thing that every relay has and that is not there under the name that the options give.
struct Absent {
  RelayPart part;
  std::string what;    // "replication slot \"shop\"".
  std::string option;  // The one that names it, "--slot".
};

struct RemainsOfRelay {
  std::string database;  // Empty when nobody can tell.
  // In the order in which they are to be removed: the slot first, since PostgreSQL retains WAL for
  // it, and the spool last, which knows whose the others are.
  std::vector<Remains> list;
  std::vector<Absent> absent;
  std::vector<std::string> table_topics;  // Those of the tables, as far as the checkpoint tells.
};

// Looks for everything; the spool is held from then on until the result is destroyed, so no relay
// starts on it. `options` and `stop` must outlive the result. Changes nothing.
//
// Throws when a relay runs, on the spool or on the slot (Halt kAnotherRelay), when slot or spool
// are another relay's or another database's (Halts), and when PostgreSQL cannot be asked. Kafka may
// be away: then the removal of the checkpoint topic will fail.
RemainsOfRelay FindRemains(const Options& options, const Stop& stop);

// --- Its parts -----------------------------------------------------------------------------------

struct ServerRemains {
  Source source;
  std::vector<Remains> list;
  std::vector<Absent> absent;
};
ServerRemains FindServerRemains(const CaptureOptions& options, const Stop& stop);

struct KafkaRemains {
  std::vector<Remains> list;
  std::vector<Absent> absent;
  std::vector<std::string> table_topics;
};
KafkaRemains FindKafkaRemains(const PublishOptions& options, const Source& source,
                              const Stop& stop);

struct SpoolRemains {
  std::optional<Source> source;  // Nothing without a spool, or when it cannot be read.
  std::vector<Remains> list;
  std::vector<Absent> absent;
};
SpoolRemains HoldSpool(const SpoolOptions& options);

}  // namespace bw
