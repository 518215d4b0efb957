#include "capture/publication_keeper.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "base/backoff.h"
#include "base/error.h"
#include "base/shown_text.h"
#include "base/thread_name.h"
#include "capture/event_trigger.h"
#include "capture/full_key.h"
#include "capture/publication_setup.h"
#include "capture/slot_watch.h"
#include "capture/snapshot_tables.h"
#include "capture/sql_text.h"
#include "capture/table_catalog.h"
#include "capture/wait_report.h"

namespace bw {
namespace {

constexpr Duration kLookInterval{1'000};
constexpr Duration kFullLookInterval{30'000};
// One session ends for outdated relations, at most, in this time.
constexpr Duration kOutdatedInterval{10'000};
// A table whose rows have no key although the catalog says otherwise is not read again for ever.
constexpr int kUnkeyedNotesMax = 3;

std::vector<TableName> NamesOf(const std::vector<const CapturedTable*>& tables) {
  std::vector<TableName> names;
  for (const CapturedTable* table : tables) names.push_back(table->name());
  return names;
}

}  // namespace

PublicationKeeper::PublicationKeeper(const CaptureOptions& options, CaptureFigures* figures)
    : options_(options), figures_(figures), filter_(options.tables, options.exclude_tables) {}

PublicationKeeper::~PublicationKeeper() = default;

class PublicationKeeper::Running final : public Watch {
 public:
  explicit Running(PublicationKeeper* keeper) : keeper_(keeper) {}
  ~Running() override {
    keeper_->end_->Request();
    keeper_->changed_.notify_all();
    keeper_->thread_.join();
  }

 private:
  PublicationKeeper* const keeper_;
};

std::unique_ptr<Watch> PublicationKeeper::Run(Spool* spool) {
  BW_CHECK(!thread_.joinable());
  spool_ = spool;
  seen_signature_.clear();
  gate_.Close();
  end_.emplace();
  thread_ = std::thread([this] { Loop(); });
  return std::make_unique<Running>(this);
}

void PublicationKeeper::OnSessionBegins() {
  const std::lock_guard lock(mutex_);
  ++announced_.session;
  announced_.relations.clear();
  outdated_at_.reset();
}

PublicationKeeper::Announced PublicationKeeper::announced() const {
  const std::lock_guard lock(mutex_);
  return announced_;
}

std::optional<Lsn> PublicationKeeper::outdated_at() const {
  const std::lock_guard lock(mutex_);
  return outdated_at_;
}

void PublicationKeeper::OnRelationChanged(const CachedRelation& relation, Spool* spool) {
  const bool is_unkeyed = relation.selected && !relation.encoder.has_key() &&
                          relation.identity != ReplicaIdentity::kFull;
  if (!is_unkeyed) {
    unkeyed_noted_.erase(relation.name());
  } else if (unkeyed_noted_[relation.name()]++ < kUnkeyedNotesMax) {
    spool->ledger().NoteReread({relation.table.schema, relation.table.name},
                               "rows of it were captured while it had no key");
  }
  {
    const std::lock_guard lock(mutex_);
    announced_.relations.insert_or_assign(
        relation.id.value,
        ToldRelation{KeyFormOf(relation.id.value, relation.table), relation.identity});
    look_now_ = true;
  }
  changed_.notify_all();
}

void PublicationKeeper::RereadWasTried() {
  gate_.Shut();
  {
    const std::lock_guard lock(mutex_);
    look_now_ = true;
  }
  changed_.notify_all();
}

void PublicationKeeper::Loop() {
  NameThisThread("keeper");
  Backoff backoff;
  std::optional<PgConnection> connection;
  std::optional<SlotWatch> slot_watch;
  while (!end_->requested()) {
    Duration wait = kLookInterval;
    try {
      if (!connection) {
        connection.emplace(options_, PgConnection::Mode::kSql, *end_);
        slot_watch.emplace(&*connection, options_.slot, figures_);
        FindPublications(&*connection);
      }
      slot_watch->Look();
      wait = Look(&*connection);
      backoff.Reset();
      away_.Back();
    } catch (const std::exception& error) {
      if (!end_->requested()) SayTrouble(error);
      connection.reset();
      wait = backoff.Next();
    }
    WaitForNextLook(wait);
  }
}

void PublicationKeeper::WaitForNextLook(Duration wait) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, wait, [this] { return look_now_ || end_->requested(); });
  look_now_ = false;
}

void PublicationKeeper::FindPublications(PgConnection* connection) {
  connection->Query(fmt::format("SET lock_timeout = '{}ms'", kPublicationLockTimeout.count()));
  publications_ = bw::FindPublications(connection, options_, /*expects_pair=*/false);
  seen_signature_.clear();
  if (!IsOwnPair(options_, publications_)) return;
  const std::string refusal = KeepEventTrigger(connection, options_.slot,
                                               JoinsRoots(options_, connection->server_version()),
                                               options_.install_event_trigger);
  if (!refusal.empty()) WarnOnce("event trigger", refusal);
  if (std::exchange(has_told_limits_, true)) return;
  spdlog::info("{}", LimitsText(publications_.front()));
}

Duration PublicationKeeper::Look(PgConnection* connection) {
  const TimePoint begin = Now();
  const Announced before = announced();
  // Before the catalog: see LookForRereads.
  const std::vector<Reread> notes = spool_->ledger().rereads();
  const std::string signature = ReadMembershipSignature(connection, publications_.front());
  const TimePoint compared = Now();
  const Duration wait = std::max(kLookInterval, LookPace::PauseAfter(begin, compared));
  const bool is_changed = signature != seen_signature_ || notes != seen_notes_;
  if (is_changed || left_something_ || compared >= look_anyway_at_) {
    const TimePoint due = pace_.Due(is_changed);
    if (compared < due) return std::min(wait, std::chrono::ceil<Duration>(due - compared));
    LookAtTables(connection, notes, signature);
    pace_.NoteLook(compared, Now(), is_changed);
  } else if (gate_.is_waiting()) {
    gate_.TryToOpen(connection);
  }
  FindOutdated(connection, before);
  return wait;
}

void PublicationKeeper::LookAtTables(PgConnection* connection, const std::vector<Reread>& notes,
                                     const std::string& signature) {
  left_something_ = false;
  seen_signature_.clear();  // Until all of it is done.
  tables_ = ReadTables(connection, options_.type_forms);
  if (IsOwnPair(options_, publications_)) {
    // The inserts of all tables are published.
    const bool joins_roots = JoinsRoots(options_, connection->server_version());
    const IsPublished is_published = [&](const CapturedTable& table) {
      return IsUnit(table, joins_roots);
    };
    LookAtNames(is_published);
    LookAtPair(connection);
    const std::vector<PublicationMember> members = ReadMembers(connection, publications_.front());
    LookForRereads(connection, notes, [&](const CapturedTable& table) {
      // A table that became a partition stays a member.
      return is_published(table) &&
             std::ranges::find(members, table.oid, &PublicationMember::table_oid) != members.end();
    });
  } else {
    const std::vector<Publication> publications = ReadPublications(connection, publications_);
    const IsPublished is_published = [&](const CapturedTable& table) {
      return bw::IsPublished(publications, table.table);
    };
    LookAtNames(is_published);
    LookAtOthers(connection, publications);
    LookForRereads(connection, notes, is_published);
  }
  generated_columns_.TellOnce(connection, publications_, tables_, filter_);
  seen_signature_ = signature;
  seen_notes_ = notes;
  look_anyway_at_ = Now() + kFullLookInterval;
}

bool PublicationKeeper::IsSelected(const CapturedTable& table) const {
  return filter_.Selects(table.table.schema, table.table.name);
}

void PublicationKeeper::LookAtNames(const IsPublished& is_published) {
  CheckKeys(
      tables_, [&](const CapturedTable& table) { return IsSelected(table) && is_published(table); },
      spool_);
  TellSelection(is_published);
}

void PublicationKeeper::TellSelection(const IsPublished& is_published) {
  if (std::exchange(has_told_selection_, true)) return;
  std::vector<const CapturedTable*> published;
  for (const CapturedTable& table : tables_) {
    if (is_published(table)) published.push_back(&table);
  }
  const SelectionReport report = ReportSelection(options_, tables_, published);
  for (const std::string& text : report.unmatched) spdlog::warn("{}", text);
  if (!report.selects_nothing) return;
  spdlog::error(
      "--tables and --exclude-tables select no table that is published: nothing is "
      "captured until there is one");
}

void PublicationKeeper::LookAtPair(PgConnection* connection) {
  const std::string& publication = publications_.front();
  std::vector<PublicationMember> members = ReadMembers(connection, publication);
  AccountForMembers(members);
  const MembershipPlan plan =
      PlanMembership(tables_, members, filter_, JoinsRoots(options_, connection->server_version()));
  TakeOut(connection, plan.take_out);
  Join(connection, plan.join);
  if (!plan.join.empty() || !plan.take_out.empty()) {
    AccountForMembers(ReadMembers(connection, publication));
  }
  for (const CapturedTable* table : plan.inserts_only) {
    WarnOnce("unkeyed " + table->qualified_name(), InsertsOnlyText(*table));
  }
}

void PublicationKeeper::LookAtOthers(PgConnection* connection,
                                     const std::vector<Publication>& publications) {
  CheckLeaves(tables_, publications, filter_, spool_,
              [this](const std::string& table, const std::string& text) {
                WarnOnce("leaves " + table, text);
              });
  for (const CapturedTable* table : HarmedTables(tables_, publications)) {
    const int version = connection->server_version();
    const bool refuses = RefusesUpdates(*table, version);
    if (!refuses && !table->unfit_leaves.empty()) continue;  // CheckLeaves has said it.
    if (!refuses && !IsSelected(*table)) continue;
    WarnOnce("harmed " + table->qualified_name(),
             HarmedText(*table, publications_.front(), version));
  }
}

// The stay of a table that is left out is not accounted for: what changes meanwhile is dropped.
// When it is selected again, it is like one that somebody has added.
void PublicationKeeper::AccountForMembers(const std::vector<PublicationMember>& members) {
  const std::optional<std::vector<uint32_t>> before = spool_->ledger().accounted_members();
  std::unordered_set<uint32_t> accounted;
  if (before) accounted.insert(before->begin(), before->end());
  std::unordered_map<uint32_t, const CapturedTable*> by_oid;
  for (const CapturedTable& table : tables_) by_oid.emplace(table.oid, &table);
  std::vector<uint32_t> now;
  std::vector<const CapturedTable*> added;
  for (const PublicationMember& member : members) {
    const auto found = by_oid.find(member.table_oid);
    const bool is_accounted = !before || accounted.contains(member.row_oid);
    // A member that was created since tables_ was read waits for the next look.
    if (found == by_oid.end() && !is_accounted) left_something_ = true;
    if (found == by_oid.end() ? !is_accounted : !IsSelected(*found->second)) continue;
    now.push_back(member.row_oid);
    if (!is_accounted) added.push_back(found->second);
  }
  if (before == now) return;
  // Those that Join has added are noted already.
  NoteJoined(added);
  spool_->ledger().SetAccountedMembers(now);
}

// The note goes by name. What the table is called now is kept first, so that one that is renamed
// before it is read, and before any row of it has come, is noted under its new name (CheckKeys).
void PublicationKeeper::NoteJoined(const std::vector<const CapturedTable*>& tables) {
  std::vector<TableKey> fresh;
  for (const CapturedTable* table : tables) {
    if (spool_->ledger().FindTableKey(table->oid)) continue;
    fresh.push_back(TableKeyOf(table->oid, table->table, table->identity));
  }
  if (!fresh.empty()) spool_->ledger().NoteTableKeys(fresh);
  spool_->ledger().NoteRereads(NamesOf(tables), kJoinedLate);
}

void PublicationKeeper::Join(PgConnection* connection,
                             const std::vector<const CapturedTable*>& tables) {
  if (tables.empty()) return;
  NoteJoined(tables);
  const std::vector<RefusedChange> refused =
      ChangeMembers(connection, publications_.front(), MemberChange::kAdd, tables);
  std::vector<const CapturedTable*> joined = tables;
  for (const RefusedChange& change : refused) {
    SayRefused(connection, change);
    std::erase(joined, change.table);
  }
  if (joined.empty()) return;
  for (const CapturedTable* table : joined) warned_.erase("unkeyed " + table->qualified_name());
  spdlog::info("{} tables added to publication \"{}\", to be read again: {}", joined.size(),
               publications_.front(), FormatTables(NamesOf(joined)));
}

void PublicationKeeper::TakeOut(PgConnection* connection,
                                const std::vector<const CapturedTable*>& tables) {
  if (tables.empty()) return;
  std::vector<const CapturedTable*> selected;
  std::ranges::copy_if(tables, std::back_inserter(selected),
                       [this](const CapturedTable* table) { return IsSelected(*table); });
  spool_->ledger().NoteRereads(
      NamesOf(selected), "what was updated or deleted without a replica identity was not captured");
  const std::vector<RefusedChange> refused =
      ChangeMembers(connection, publications_.front(), MemberChange::kDrop, tables);
  for (const RefusedChange& change : refused) SayRefused(connection, change);
  for (const CapturedTable* table : tables) {
    if (std::ranges::any_of(refused, [&](const auto& r) { return r.table == table; })) continue;
    spdlog::warn("{}", TakenOutText(*table, publications_.front(), IsSelected(*table)));
  }
}

// A lock that somebody holds is tried again, in silence for the first seconds; a right that is
// missing is said.
void PublicationKeeper::SayRefused(PgConnection* connection, const RefusedChange& refused) {
  left_something_ = true;
  if (refused.error.exit_code() == ExitCode::kHaltSlot) return;  // The table has changed meanwhile.
  if (refused.error.kind() == ErrorKind::kTransient) return SayHeldUp(connection, refused);
  WarnOnce(
      "refused " + refused.sql,
      fmt::format("Table {} is not where it belongs: {}. Until its owner, or a superuser, "
                  "runs this, its updates and deletes are not captured, or refused:{}",
                  refused.table->qualified_name(), refused.error.what(), OwnLine(refused.sql)));
}

// With a look a second.
void PublicationKeeper::SayHeldUp(PgConnection* connection, const RefusedChange& refused) {
  constexpr int kSilentLooks = 5, kLooksBetween = 60;
  if (held_up_[refused.sql]++ % kLooksBetween != kSilentLooks) return;
  const std::string holders =
      DescribeMemberLockHolders(connection, publications_.front(), refused.table->oid);
  spdlog::warn(
      "Table {}: its updates and deletes are not captured, or refused by PostgreSQL, until "
      "this can run, which waits for {}:{}",
      refused.table->qualified_name(), holders.empty() ? refused.error.what() : holders,
      OwnLine(refused.sql));
}

// Of a table that is gone. Until then the note says that its rows without a key, which a compacted
// topic refuses, are to be left out.
void PublicationKeeper::ForgetOncePublished(PgConnection* connection, const Reread& note) {
  const auto gone = gone_.find(note.number);
  if (gone == gone_.end()) {
    gone_[note.number] = connection->Query("SELECT pg_current_wal_insert_lsn()").LsnAt(0, 0);
  } else if (spool_->ledger().published().end_lsn >= gone->second) {
    gone_.erase(gone);
    return spool_->ledger().ForgetReread(note);
  }
  left_something_ = true;
}

// `notes` were read before tables_: a noted table that is not among those is gone.
void PublicationKeeper::LookForRereads(PgConnection* connection, const std::vector<Reread>& notes,
                                       const IsPublished& is_published) {
  bool is_wanted = false;
  std::map<TableName, const CapturedTable*> by_name;
  for (const CapturedTable& table : tables_) by_name.emplace(table.name(), &table);
  for (const Reread& note : notes) {
    const auto found = by_name.find(note.table);
    if (found == by_name.end()) {
      ForgetOncePublished(connection, note);
      continue;
    }
    const CapturedTable* const table = found->second;
    if (!is_published(*table) || !IsWorthRereading(*table, note, filter_)) continue;
    const std::string remedies = ReadRemedies({&table, 1}, connection->role());
    if (remedies.empty()) {
      is_wanted = true;
    } else {
      const std::string problem = fmt::format(
          "Table {} has to be read again, and the relay's role may not", table->qualified_name());
      WarnOnce(problem + remedies, fmt::format("{}: {}. {}", problem, note.reason, remedies));
    }
  }
  if (!is_wanted) {
    gate_.Close();
  } else {
    gate_.TryToOpen(connection);
  }
}

// `announced` was taken before tables_ was found to be the catalog of now: what differs is older.
// (A walsender may send a commit before the catalog shows it. That costs a connection.)
//
// A new connection is told each relation as its rows' transactions know it, so they have the right
// name and key from there on. Nothing is lost or repeated by that: the session ends between two
// transactions, and the next one begins after what is captured, as after a lost connection. But
// not before the next one will be sent nothing that commits before `seen`, as the change itself
// did: a connection that is sent rows from before the change is told the old form again, and keeps
// to it.
//
// Rows that committed between the change and the session's end went out under the old form.
// CheckKeys has noted their table by then, from the same catalog, and so does KeyWatch with the
// first row that comes under the new one; whichever is first, the note is durable before the kept
// form is the new one, so that no crash forgets it.
void PublicationKeeper::FindOutdated(PgConnection* connection, const Announced& announced) {
  if (Now() < next_outdated_) return;
  const auto outdated = std::ranges::find_if(tables_, [&](const CapturedTable& table) {
    const auto told = announced.relations.find(table.oid);
    return told != announced.relations.end() && IsOutdated(told->second, table);
  });
  if (outdated == tables_.end()) return;
  const Lsn seen = connection->Query("SELECT pg_current_wal_insert_lsn()").LsnAt(0, 0);
  {
    const std::lock_guard lock(mutex_);
    if (announced_.session != announced.session || outdated_at_) return;
    outdated_at_ = seen;
  }
  next_outdated_ = Now() + kOutdatedInterval;
  const TableName told = announced.relations.at(outdated->oid).form.table;
  spdlog::info(
      "Rows of table {} still arrive as those of {}.{}, or with an earlier key: "
      "PostgreSQL does not announce this change to a connection, so a new one begins",
      outdated->qualified_name(), told.schema, told.table);
}

void PublicationKeeper::WarnOnce(const std::string& topic, const std::string& text) {
  if (warned_.insert(topic).second) spdlog::warn("{}", text);
}

}  // namespace bw
