#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "base/stop.h"
#include "capture/capture_figures.h"
#include "capture/capture_options.h"
#include "capture/captured_table.h"
#include "capture/generated_columns.h"
#include "capture/key_watch.h"
#include "capture/look_pace.h"
#include "capture/pg_connection.h"
#include "capture/postgres_server.h"
#include "capture/publication.h"
#include "capture/publication_members.h"
#include "capture/relation_cache.h"
#include "capture/reread_gate.h"
#include "spool/spool.h"

namespace bw {

// Keeps the publication by name right while the relay runs, on a thread and a connection of its
// own:
//
//   about once a second (in a large catalog less often: look_pace.h), and at once when the stream
//   announces a relation:
//     has anything changed in the catalog, or was something left to do?  else done
//     a table has a replica identity and is not in the publication:  note its re-read, then add it
//     a table in it has none (any more):                             note its re-read, take it out
//     a table was added by somebody else, or is selected again:      note its re-read
//     its name or key is not that of its messages (key_watch.h):     note its re-read
//     of the tables that are noted, some can be read again:          ask capture for it
//   each time:
//     how much WAL does the slot keep (slot_watch.h)
//     rows arrive under a name or key that is no longer their table's (key_watch.h), and the
//     stream does not say so: ask capture for a new connection
//
// A note comes first, so that whatever was missed before a table was added is healed, whoever is
// killed when. Nothing waits for a lock for longer than kPublicationLockTimeout, nor lets others
// wait; what could not be done is done at a later look. Publications that are not the relay's own
// pair are never altered: of them the keeper only says whose UPDATE and DELETE they refuse.
//
// Its failures are warnings: capture does not depend on it.
class PublicationKeeper final : public Keeper {
 public:
  // `options` and `figures` must outlive it.
  PublicationKeeper(const CaptureOptions& options, CaptureFigures* figures);
  ~PublicationKeeper() override;
  PublicationKeeper(const PublicationKeeper&) = delete;
  PublicationKeeper& operator=(const PublicationKeeper&) = delete;

  // Starts the thread, for a server that was found to be the spool's.
  std::unique_ptr<Watch> Run(Spool* spool) override;
  // A connection begins to stream, and has announced nothing yet. Called by the capture thread.
  void OnSessionBegins() override;
  // The stream announced a relation, new or changed. A row of a table without key has a null key:
  // the table is noted, so that it is right once it has a key again. Called by the capture thread;
  // throws what Spool::NoteReread does.
  void OnRelationChanged(const CachedRelation& relation, Spool* spool) override;
  // Noted tables can be read again, and no transaction that was open when they were noted would
  // make the slot's creation wait. Thread-safe.
  bool reread_is_ready() const override { return gate_.is_open(); }
  // Relations that were announced to this session are outdated: it is to end as soon as the next
  // one will be sent nothing that commits before this LSN; the .cc says why not before.
  // Thread-safe.
  std::optional<Lsn> outdated_at() const override;
  // The re-read has been tried: it is decided anew. Called by the capture thread.
  void RereadWasTried() override;

 private:
  class Running;
  void Loop();
  // Returns how long to wait for the next one.
  Duration Look(PgConnection* connection);
  using IsPublished = std::function<bool(const CapturedTable& table)>;
  bool IsSelected(const CapturedTable& table) const;
  void LookAtNames(const IsPublished& is_published);
  // Once: what --tables and --exclude-tables do not select may be an error.
  void TellSelection(const IsPublished& is_published);
  void LookAtTables(PgConnection* connection, const std::vector<Reread>& notes,
                    const std::string& signature);
  void FindPublications(PgConnection* connection);
  void LookAtPair(PgConnection* connection);
  void LookAtOthers(PgConnection* connection, const std::vector<Publication>& publications);
  // Members whose stay in the publication nobody has accounted for yet.
  void AccountForMembers(const std::vector<PublicationMember>& members);
  void NoteJoined(const std::vector<const CapturedTable*>& tables);
  void Join(PgConnection* connection, const std::vector<const CapturedTable*>& tables);
  void TakeOut(PgConnection* connection, const std::vector<const CapturedTable*>& tables);
  void SayRefused(PgConnection* connection, const RefusedChange& refused);
  void SayHeldUp(PgConnection* connection, const RefusedChange& refused);
  void ForgetOncePublished(PgConnection* connection, const Reread& note);
  void LookForRereads(PgConnection* connection, const std::vector<Reread>& notes,
                      const IsPublished& is_published);
  // What was announced to the session of this number.
  struct Announced {
    uint64_t session = 0;
    std::map<uint32_t, ToldRelation> relations;  // By OID.
  };
  Announced announced() const;
  void FindOutdated(PgConnection* connection, const Announced& announced);
  void WarnOnce(const std::string& topic, const std::string& text);
  void WaitForNextLook(Duration wait);
  // That PostgreSQL is away, or refuses and why.
  void SayTrouble(const std::exception& error) {
    const auto* known = dynamic_cast<const Error*>(&error);
    if (known != nullptr && known->is_refusal()) {
      away_.Refuses(error.what(), known->remedy());
    } else {
      away_.Away(error.what());
    }
  }

  const CaptureOptions& options_;
  CaptureFigures* const figures_;
  const TableFilter filter_;

  mutable std::mutex mutex_;  // Protects what follows.
  std::condition_variable changed_;
  bool look_now_ = false;
  Announced announced_;
  std::optional<Lsn> outdated_at_;

  RereadGate gate_;
  std::map<std::string, int> unkeyed_noted_;  // How often in a row. The capture thread's.

  // From here on, the keeper's thread's own, while it runs.
  Spool* spool_ = nullptr;
  std::vector<std::string> publications_;  // That there are; read again with each connection.
  std::vector<CapturedTable> tables_;      // At the last look that read them.
  std::string seen_signature_;
  std::vector<Reread> seen_notes_;
  TimePoint look_anyway_at_;
  LookPace pace_;
  TimePoint next_outdated_;  // Sessions are not ended for it before.
  bool left_something_ = false;
  bool has_told_limits_ = false;
  bool has_told_selection_ = false;
  GeneratedColumnsNote generated_columns_;
  std::set<std::string> warned_;        // One warning for each topic.
  std::map<uint64_t, Lsn> gone_;        // Notes of tables that are gone: they were by this LSN.
  std::map<std::string, int> held_up_;  // How often each change of members met somebody's lock.
  AwayLog away_{"The publication's keeper: PostgreSQL"};

  std::optional<Stop> end_;
  std::thread thread_;
};

}  // namespace bw
