#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/stop.h"
#include "capture/capture_figures.h"
#include "capture/capture_options.h"
#include "capture/change_assembler.h"
#include "capture/history_proof.h"
#include "capture/pgoutput_decoder.h"
#include "capture/relation_cache.h"
#include "capture/replication_stream.h"
#include "spool/spool.h"

namespace bw {

// Why a session ended without an Error.
enum class SessionEnd {
  kStopped,   // A stop was requested.
  kComplete,  // StreamFacts::stop_before was reached.
  kNoRoom,    // The spool has had no room for some seconds: WaitForRoom, then start another one.
  kWanted,    // SessionHooks::end_wanted.
};

// What others do with a session, on its thread; each may be empty.
struct SessionHooks {
  // The server has sent something; called once.
  std::function<void()> made_progress;
  // A relation is new to this connection, or was altered.
  std::function<void(const CachedRelation& relation)> relation_changed;
  // Called about once a second. An LSN ends the session between two transactions
  // (SessionEnd::kWanted), as soon as the next session would be sent nothing that commits before
  // it; 0 ends it at once.
  std::function<std::optional<Lsn>()> end_wanted;
};

// The capture side of one connection: changes go from the slot into the spool, and the LSN of what
// is durable (and published, see confirm_policy.h) goes back to the slot.
//
// Straight-line code on one thread. Any error ends the session, and the next one begins from the
// spool's durable state. Never calls Kafka or the registry, and never waits for them.
//
//   drop what was appended and not captured
//   start the stream after the newest captured change, or where PostgreSQL must send the newest
//     captured transaction again, to prove its history (history_proof.h)
//   until a stop:
//     report: once a second if the confirmed LSN moved, every 10 s anyway
//     no room in the spool?  wait for it (reporting continues), read nothing; after some seconds
//       leave, so that a shutdown of PostgreSQL does not have to wait for us
//     receive a frame, or nothing for a second
//     WAL data:   decode, assemble; a change: append it; a commit: end the transaction
//     keepalive:  answer if asked; outside a transaction, its WAL end may be noted as captured;
//       leave a server that shuts down at once
//   report a last time, end the stream
//
// The order of writes: the change into the spool (Append), the end of its transaction
// (EndTransaction; one synced batch), then the slot's confirmed LSN, which is never above what
// spool.ledger().captured() says is durable.
class CaptureSession {
 public:
  // Everything must outlive the session. In the simulation stream, spool and clock are scripted.
  struct Environment : SessionHooks {
    const CaptureOptions* options = nullptr;
    ReplicationStream* stream = nullptr;
    Spool* spool = nullptr;
    Clock* clock = nullptr;
    const Stop* stop = nullptr;
    CaptureFigures* figures = nullptr;
    RelationCache::KeyLookup key_lookup;
    RelationCache::TypeLookup type_lookup;   // May be empty.
    CatalogParts::FactsLookup facts_lookup;  // With --envelope=debezium, or --schema-docs.
    ToastValues::Look toast_look;            // May be empty.
    ToastValues::Read toast_read;            // Likewise.
    // As in ChangeAssembler::Hooks; may be empty.
    std::function<void(const CachedRelation& relation, Position position)> relation_used;
    std::function<void(const CachedRelation& relation, const KeylessChange& change)> keyless;
  };

  // The slot and the database as they are when the session begins.
  struct StreamFacts {
    std::vector<std::string> publications;
    // The slot's, read after the previous session ended; at most the spool's captured end.
    Lsn confirmed_flush;
    TextEncoding encoding;  // The database's.
    // Ends the session when exactly what commits before it is captured.
    std::optional<Lsn> stop_before;
  };

  CaptureSession(const Environment& environment, const StreamFacts& facts);

  SessionEnd Run();

 private:
  void Start();
  SessionEnd Loop();
  // Whether the spool has had no room for so long that the connection should be closed.
  bool PausedTooLong();
  void Handle(const XLogData& data);
  void Handle(const Keepalive& keepalive);
  void HandleMessage(std::string_view bytes, Lsn wal_start);
  std::optional<Frame> Receive();
  Error WithinTransaction(const Error& error) const;
  // For a session that ends anyway: what still comes is dropped. Takes up to a second.
  bool StreamIsLost();
  // The server repeatedly asks for a reply: see the .cc.
  bool LooksLikeShutdown(const Keepalive& keepalive) const;
  void CountToast();
  void OnTransactionEnd(Lsn end_lsn);
  void CheckStopBefore(Lsn wal_end);
  // Whether another session, started now, would be sent nothing that commits before `lsn`.
  bool HasPassed(Lsn lsn) const;
  void AdvanceIdle(TimePoint now);
  void ReportIfDue(TimePoint now);
  void Report(TimePoint now, bool request_reply);
  bool ServerIsAhead() const;
  Lsn FlushToReport() const;
  bool OnTruncated(const std::string& tables, Lsn commit_lsn);
  bool RefuseRow(const Error& error, Position position);
  ChangeAssembler::Hooks MakeHooks();

  const Environment env_;
  const StreamFacts facts_;
  const uint32_t publications_;  // Their checksum.
  RelationCache relations_;
  PgoutputDecoder decoder_;
  std::optional<ToastValues> toast_;          // From Start on.
  std::optional<ChangeAssembler> assembler_;  // From Start on.
  ToastValues::Counts toast_counted_;         // As far as they are in the figures.
  uint64_t unavailable_counted_ = 0;          // Likewise.

  Lsn received_;                       // Newest LSN seen, for the status message. Never moves back.
  Lsn server_wal_end_;                 // Likewise, from keepalives and commits.
  Lsn confirmed_;                      // What the slot was told. Never moves back.
  std::optional<HistoryProof> proof_;  // From Start on.
  // This connection has delivered everything that committed below it: nothing above is confirmed.
  Lsn covered_;
  // Everything that committed below it was received completely: WAL up to here may count as
  // captured.
  Lsn idle_lsn_;
  Lsn idle_noted_;  // The newest LSN given to AdvanceIdle or EndTransaction.

  TimePoint next_report_check_;
  TimePoint last_report_;
  TimePoint last_idle_advance_;
  std::optional<TimePoint> paused_since_;  // The spool has no room.
  bool heard_since_report_ = false;        // A frame came since the last status message.
  bool answered_request_ = false;  // The last status message was asked for, and no WAL came since.
  bool progress_told_ = false;
  bool end_is_wanted_ = false;
  bool is_complete_ = false;  // facts_.stop_before is reached.
};

// Called before a session, so that PostgreSQL has no connection of ours while it waits. False on a
// stop. Throws a transient Error when a write fails.
bool WaitForRoom(Spool* spool, const Stop& stop);

}  // namespace bw
