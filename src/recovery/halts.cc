#include "recovery/halts.h"

#include <fmt/format.h>

#include "base/format.h"
#include "base/shell_text.h"
#include "base/shown_text.h"

namespace bw::halts {
namespace {

std::string DropSlotSql(const std::string& slot) {
  return fmt::format("SELECT pg_drop_replication_slot('{}');", slot);
}

std::string MoveSpoolAside(const RelayPlaces& places) {
  std::string directory = places.spool_directory;
  while (directory.size() > 1 && directory.back() == '/') directory.pop_back();
  return fmt::format("mv {} {}", ShellQuoted(directory), ShellQuoted(directory + ".old"));
}

Remedy Republish() {
  return {
      "publish again what the spool retains (see --replay-window). Start with the same options "
      "and once with",
      "--republish"};
}

std::string Describe(const Source& source) {
  return fmt::format("database \"{}\", slot \"{}\", system identifier {}",
                     Printable(source.database), Printable(source.slot),
                     Printable(source.system_identifier));
}

}  // namespace

Halt SlotActive(const SlotState& slot) {
  const bool in_first_start = !slot.active_pid && slot.creator_pid;
  const std::optional<int> pid = in_first_start ? slot.creator_pid : slot.active_pid;
  const std::string who = pid ? fmt::format(" (PostgreSQL process {})", *pid) : "";
  return {
      ExitCode::kAnotherRelay,
      "slot-active",
      fmt::format("{} slot \"{}\"{}.",
                  in_first_start ? "Another process has just created, and reads the snapshot of,"
                                 : "Another process receives from",
                  slot.name, who),
      "A slot serves one relay; two would take changes from each other.",
      {{"stop the other relay, or give this one a slot of its own with --slot", ""},
       {"see who it is",
        pid ? fmt::format("SELECT * FROM pg_stat_activity WHERE pid = {};", *pid)
            : "SELECT a.* FROM pg_replication_slots s JOIN pg_stat_activity a ON a.pid = "
              "s.active_pid WHERE s.slot_name = '" +
                  slot.name + "';"}}};
}

Halt ForeignSlotKind(const StartFacts& facts) {
  const SlotState& slot = *facts.slot;
  return {ExitCode::kHaltForeignSlot,
          "slot-foreign",
          fmt::format("Slot \"{}\" exists, with output plugin \"{}\" for database \"{}\"; this "
                      "relay needs pgoutput for database \"{}\".",
                      slot.name, Printable(slot.plugin), Printable(slot.database),
                      Printable(facts.server.database)),
          "It belongs to something else.",
          {{"use another name", "--slot=NAME"},
           {"drop it if nobody needs it", DropSlotSql(slot.name)}}};
}

Halt ForeignSlot(const StartFacts& facts) {
  const SlotState& slot = *facts.slot;
  Halt halt{ExitCode::kHaltForeignSlot,
            "slot-foreign",
            fmt::format("Slot \"{}\" exists, but there is no spool in {} and no checkpoint in "
                        "topic \"{}\".",
                        slot.name, ShellQuoted(facts.places.spool_directory),
                        facts.places.checkpoint_topic),
            "Somebody else created it, or both spool and checkpoint were removed.",
            {}};
  if (!slot.lost() && slot.confirmed_flush.valid()) {
    halt.remedies.push_back({fmt::format("take it over and stream from {}, without a snapshot of "
                                         "what is in the tables now. Start once with",
                                         slot.confirmed_flush.ToString()),
                             "--adopt-slot"});
  }
  // Not an ordinary first start: topics of the relay that had it may hold rows that are gone.
  halt.remedies.push_back(
      {fmt::format("start with a snapshot and a new slot; rows that only the topics still have get "
                   "their tombstone. Drop this slot ({}) and start once, with the same options, as",
                   DropSlotSql(slot.name)),
       "bottledwater resnapshot"});
  halt.remedies.push_back({"leave it alone and use another slot", "--slot=NAME"});
  return halt;
}

Halt SlotMissing(const StartFacts& facts) {
  const bool spool = facts.spool && facts.spool->phase == SpoolPhase::kStreaming;
  const std::string who = spool ? fmt::format("the spool in {} goes up to {}",
                                              ShellQuoted(facts.places.spool_directory),
                                              facts.spool->captured.end_lsn.ToString())
                                : fmt::format("the checkpoint in topic \"{}\" goes up to {}",
                                              facts.places.checkpoint_topic,
                                              facts.checkpoint.progress.position.ToString());
  return {ExitCode::kHaltSlot,
          "slot-missing",
          fmt::format("There is no slot \"{}\" in database \"{}\", but {}.", facts.slot_name,
                      Printable(facts.server.database), who),
          "The slot was dropped, and what was committed since then is lost.",
          {ResnapshotRemedy(),
           {"if the slot has another name, or the database another address, give that",
            "--slot=NAME, --postgres=..."}}};
}

Halt SlotInvalidated(const StartFacts& facts) {
  const SlotState& slot = *facts.slot;
  const std::string reason = slot.invalidation_reason.empty()
                                 ? "max_slot_wal_keep_size was exceeded, or wal_level was lowered"
                                 : "reason: " + Printable(slot.invalidation_reason);
  return {ExitCode::kHaltSlot,
          "slot-invalidated",
          fmt::format("PostgreSQL has invalidated slot \"{}\" at {} ({}).", slot.name,
                      slot.confirmed_flush.ToString(), reason),
          "The WAL after that LSN is gone, and with it the changes committed since.",
          {ResnapshotRemedy(),
           {"so that it does not happen again, set max_slot_wal_keep_size well above "
            "--max-wal-retained",
            ""}}};
}

Halt Gap(const StartFacts& facts, Lsn from) {
  const Lsn confirmed = facts.slot->confirmed_flush;
  const bool spool = facts.spool && facts.spool->phase == SpoolPhase::kStreaming;
  return {ExitCode::kHaltGap,
          "gap",
          fmt::format("Slot \"{}\" was confirmed up to {}, but {} only up to {}: {} of WAL between "
                      "them.",
                      facts.slot_name, confirmed.ToString(),
                      spool ? "spool and checkpoint go" : "the checkpoint in Kafka goes",
                      from.ToString(), FormatSize(WalBytesBetween(from, confirmed))),
          "Changes committed between these two are lost: PostgreSQL does not send them again. The "
          "spool was lost or is an old copy, or the slot was recreated or advanced by hand.",
          {{"if the right spool is elsewhere, give its directory", "--spool=DIR"},
           ResnapshotRemedy(),
           {"continue without these changes: they will be missing in Kafka. Start with the same "
            "options and once with",
            "--accept-gap=" + confirmed.ToString()}}};
}

Halt OtherDatabase(const StartFacts& facts) {
  return {
      ExitCode::kHaltOtherDatabase,
      "other-database",
      fmt::format("The spool in {} belongs to {}, but the server is database \"{}\", system "
                  "identifier {}.",
                  ShellQuoted(facts.places.spool_directory), Describe(facts.spool->source),
                  Printable(facts.server.database), Printable(facts.server.system_identifier)),
      "Another database answers at this address, or the spool is another relay's.",
      {{"give the right database or spool", "--postgres=..., --spool=DIR"},
       {"if the cluster was rebuilt (pg_upgrade, dump and restore), capture everything anew: move "
        "the spool aside and then start once as `bottledwater resnapshot`",
        MoveSpoolAside(facts.places)}}};
}

Halt OtherSlot(const StartFacts& facts) {
  return {ExitCode::kSpoolUnusable,
          "other-slot",
          fmt::format("The spool in {} belongs to slot \"{}\", but --slot is \"{}\".",
                      ShellQuoted(facts.places.spool_directory),
                      Printable(facts.spool->source.slot), facts.slot_name),
          "Each slot needs a spool of its own.",
          {{"use the spool's slot", "--slot=" + Printable(facts.spool->source.slot)},
           {"use another spool", "--spool=DIR"}}};
}

Halt DatabaseWentBack(const StartFacts& facts, Lsn known, uint32_t known_timeline) {
  const ServerIdentity& server = facts.server;
  const Lsn left = server.SwitchPointOf(known_timeline).value_or(Lsn::Invalid());
  std::string found;
  if (server.wal_end < known) {
    found = fmt::format("The server's WAL ends at {}, but changes up to {} were captured from it.",
                        server.wal_end.ToString(), known.ToString());
  } else if (left.valid() && server.timeline > known_timeline) {
    found = fmt::format(
        "The server is on timeline {}, which branched off timeline {} at {}, but changes up to {} "
        "were "
        "captured from timeline {}.",
        server.timeline, known_timeline, left.ToString(), known.ToString(), known_timeline);
  } else {
    found = fmt::format(
        "The server is on timeline {}, whose history does not contain timeline {}, from which "
        "changes "
        "up to {} were captured.",
        server.timeline, known_timeline, known.ToString());
  }
  return {
      ExitCode::kHaltDatabaseWentBack,
      "database-went-back",
      std::move(found),
      "The database was restored to, or failed over to, an older state: the spool and Kafka "
      "may hold changes that it no longer has.",
      {{"if this is the wrong server, e.g. an old primary, give the right one", "--postgres=..."},
       ResnapshotRemedy()}};
}

Halt CheckpointOfOtherDatabase(const CheckpointState& checkpoint, const Source& ours,
                               const RelayPlaces& places) {
  return {ExitCode::kHaltOtherDatabase,
          "checkpoint-other-database",
          fmt::format("The checkpoint in topic \"{}\" belongs to {}, but this relay captures {}.",
                      places.checkpoint_topic, Describe(checkpoint.source), Describe(ours)),
          "Another relay publishes to the same topics, or the database was rebuilt.",
          {{"give this relay topics of its own", "--topic-prefix=PREFIX"},
           {fmt::format("if the database was rebuilt (pg_upgrade, dump and restore), let this "
                        "relay take the topics over with a new snapshot: if there is a slot or a "
                        "spool, drop it ({}) and move it aside ({}), and start once, with the same "
                        "options, as",
                        DropSlotSql(ours.slot), MoveSpoolAside(places)),
            "bottledwater resnapshot"}}};
}

Halt CheckpointForeign(const SpoolState& spool, const CheckpointState& checkpoint,
                       bool has_published, const RelayPlaces& places) {
  Halt halt{has_published ? ExitCode::kAnotherRelay : ExitCode::kHaltKafka,
            "checkpoint-foreign",
            fmt::format("The checkpoint in topic \"{}\" is at {} and was written from a spool of "
                        "lineage {}; the spool in {} has lineage {}.",
                        places.checkpoint_topic, checkpoint.progress.position.ToString(),
                        Printable(checkpoint.lineage), ShellQuoted(places.spool_directory),
                        spool.lineage),
            "",
            {}};
  if (has_published) {
    halt.meaning = "Another relay with the same slot has published since this one did.";
    halt.remedies = {{"stop the other relay, or this one", ""},
                     {"if this spool is a leftover, move it aside: the next start resumes from the "
                      "checkpoint if nothing is lost, and says so if something is",
                      MoveSpoolAside(places)}};
  } else {
    halt.meaning =
        "Kafka already has what an earlier relay of this name published; its spool and slot are "
        "gone.";
    halt.remedies = {ResnapshotRemedy(),
                     {fmt::format("give this relay topics of its own: drop its slot ({}), move its "
                                  "spool aside ({}), and start with",
                                  DropSlotSql(spool.source.slot), MoveSpoolAside(places)),
                      "--topic-prefix=PREFIX"}};
  }
  return halt;
}

Halt CheckpointMissing(const SpoolState& spool, const RelayPlaces& places) {
  return {ExitCode::kHaltKafka,
          "checkpoint-missing",
          fmt::format("Topic \"{}\" has no checkpoint, but changes up to {} were published.",
                      places.checkpoint_topic,
                      std::max(spool.published.position, spool.trimmed).ToString()),
          "Kafka was wiped or restored, or the topic was deleted.",
          {{"if this is the wrong Kafka cluster or topic prefix, give the right one",
            "--broker=..., --topic-prefix=..."},
           Republish(),
           ResnapshotRemedy()}};
}

Halt CheckpointBehind(const SpoolState& spool, const CheckpointState& checkpoint,
                      const RelayPlaces& places) {
  return {ExitCode::kHaltKafka,
          "checkpoint-behind",
          fmt::format("The checkpoint in topic \"{}\" is at {}, but changes up to {} were "
                      "published.",
                      places.checkpoint_topic, checkpoint.progress.position.ToString(),
                      std::max(spool.published.position, spool.trimmed).ToString()),
          "Kafka has lost what it had confirmed (an unclean leader election, or a restored copy).",
          {Republish(), ResnapshotRemedy()}};
}

Halt OtherKafkaCluster(const SpoolState& spool, const CheckpointState& checkpoint) {
  return {ExitCode::kHaltKafka,
          "other-kafka-cluster",
          fmt::format("The brokers belong to Kafka cluster {}, but this spool was published to "
                      "cluster {}.",
                      Printable(checkpoint.cluster_id), Printable(spool.kafka_cluster_id)),
          "The address leads to another cluster, or the cluster was replaced.",
          {{"if it is the wrong one, give the right brokers", "--broker=..."},
           {"continue with the new cluster: publish there what the spool retains (see "
            "--replay-window). What was published before that is missing there unless it was "
            "copied. Start with the same options and once with",
            "--republish"},
           ResnapshotRemedy()}};
}

}  // namespace bw::halts
