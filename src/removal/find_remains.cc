#include <fmt/format.h>

#include <algorithm>

#include "base/halt.h"
#include "base/log.h"
#include "removal/remains.h"

namespace bw {
namespace {

bool Keeps(const Options& options, RelayPart part) {
  return std::ranges::find(options.command.keep, part) != options.command.keep.end();
}

// Slot and spool belong together, also where one of them is not of the options given.
void RequireSameSource(const SpoolRemains& spool, const Source& source, const Options& options) {
  if (!spool.source || Keeps(options, RelayPart::kSpool)) return;
  const Source& of_spool = *spool.source;
  if (of_spool.slot == source.slot && of_spool.database == source.database &&
      (source.system_identifier.empty() ||
       of_spool.system_identifier == source.system_identifier)) {
    return;
  }
  throw Halt{ExitCode::kSpoolUnusable,
             "other-slot",
             fmt::format("Spool \"{}\" is that of slot \"{}\" of database \"{}\" (system "
                         "identifier {}), and the options are of slot \"{}\" of database \"{}\" "
                         "(system identifier {}).",
                         Printable(options.spool.directory), Printable(of_spool.slot),
                         Printable(of_spool.database), Printable(of_spool.system_identifier),
                         source.slot, Printable(source.database),
                         source.system_identifier.empty() ? "unknown" : source.system_identifier),
             "Nothing was removed.",
             {{"give all options of one relay", "--postgres=..., --slot=NAME, --spool=DIR"},
              {"leave the spool", "--keep=spool"}}}
      .ToError();
}

// PostgreSQL's part, or a reason why nothing can be removed yet.
ServerRemains AskServer(const Options& options, const Stop& stop) {
  try {
    return FindServerRemains(options.capture, stop);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kTransient) throw;
    throw Error(
        ErrorKind::kHalt,
        fmt::format(
            "{} Nothing was removed: as long as replication slot \"{}\" exists, PostgreSQL "
            "retains WAL for it. Repeat this when it answers, or let a superuser run there:{}{}",
            Sentence(error.what()), options.capture.slot,
            OwnLine(fmt::format("SELECT pg_drop_replication_slot('{}');", options.capture.slot)),
            OwnLine("If that server is gone for good, remove the rest: "
                    "--keep=slot,publication,trigger")),
        ExitCode::kNoRelay);
  }
}

// Without PostgreSQL, the spool tells which database it was.
Source SourceOfSpool(const SpoolRemains& spool, const Options& options) {
  if (spool.source) return *spool.source;
  const std::string directory = Printable(options.spool.directory);
  const std::string why =
      spool.list.empty()
          ? fmt::format("there is none in \"{}\"; name the relay's with --spool=DIR", directory)
          : fmt::format("that in \"{}\" does not ({}); remove it by hand:{}", directory,
                        spool.list.front().found, spool.list.front().by_hand);
  throw Error(
      ErrorKind::kUsage,
      "--keep: without PostgreSQL the spool would have to tell the database's name, and " + why);
}

// With the list and the absent things of one of the three places.
template <class Part>
void Append(Part* more, RemainsOfRelay* all) {
  std::ranges::move(more->list, std::back_inserter(all->list));
  std::ranges::move(more->absent, std::back_inserter(all->absent));
}

}  // namespace

RemainsOfRelay FindRemains(const Options& options, const Stop& stop) {
  SpoolRemains spool = HoldSpool(options.spool);
  const bool keeps_server = Keeps(options, RelayPart::kSlot) &&
                            Keeps(options, RelayPart::kPublication) &&
                            Keeps(options, RelayPart::kTrigger);
  ServerRemains server;
  if (keeps_server) {
    server.source = SourceOfSpool(spool, options);
  } else {
    server = AskServer(options, stop);
  }
  server.source.slot = options.capture.slot;
  RequireSameSource(spool, server.source, options);
  RemainsOfRelay all;
  all.database = server.source.database;
  Append(&server, &all);
  KafkaRemains kafka;
  if (!Keeps(options, RelayPart::kCheckpoint)) {
    kafka = FindKafkaRemains(options.publish, server.source, stop);
  }
  all.table_topics = std::move(kafka.table_topics);
  Append(&kafka, &all);
  Append(&spool, &all);
  std::erase_if(all.absent, [&](const Absent& one) { return Keeps(options, one.part); });
  for (Remains& one : all.list) {
    if (!Keeps(options, one.part)) continue;
    one.stays = "--keep";
    one.remove = nullptr;
  }
  return all;
}

}  // namespace bw
