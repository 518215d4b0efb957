#include "capture/piece_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/byte_size.h"
#include "base/halt.h"
#include "base/shown_text.h"
#include "capture/sql_text.h"
#include "capture/wait_report.h"

namespace bw {
namespace {

constexpr int kFirstWithTidRanges = 140000;
constexpr Duration kPieceTarget{50};
// A piece is cut beyond these limits, since rows may be far larger than earlier ones. The limit in
// bytes exists because the rows are appended to the spool without waiting for room.
constexpr Duration kPieceMax{100};
constexpr size_t kPieceBytesMax = 16 * kMiB;

constexpr const char* kLockTimeout = "55P03";
constexpr const char* kNoTable = "42P01";
constexpr const char* kNoSchema = "3F000";

// Only a TID range scan reads a range of pages in page order. For the COPY alone, since catalog
// queries need index scans. (Disabled plans have such a high cost that JIT would compile them, but
// it is off in all our sessions.)
constexpr const char* kCopySettings =
    "SET LOCAL enable_seqscan = off; SET LOCAL enable_indexscan = off; "
    "SET LOCAL enable_indexonlyscan = off; SET LOCAL enable_bitmapscan = off; "
    "SET LOCAL max_parallel_workers_per_gather = 0; "
    // With "on", planning to read a leaf locks its parent, which ALTER TABLE locks first.
    "SET LOCAL constraint_exclusion = off";

}  // namespace

PieceReader::PieceReader(PgConnection* connection, std::string snapshot_name)
    : connection_(connection), snapshot_name_(std::move(snapshot_name)), size_(kPieceTarget) {}

PgQueryOptions PieceReader::Options(const char* verb) const {
  PgQueryOptions options;
  options.doing = fmt::format("{} table {}", verb, Printable(table_->described.qualified_name()));
  options.begin_again_when_missing = true;
  options.remedy_sql = fmt::format("GRANT SELECT ON TABLE {} TO {};", TableName(),
                                   QuoteIdentifier(connection_->role()));
  return options;
}

void PieceReader::BeginAgain(const char* what) const {
  throw TransientError(
      fmt::format("table {} was {} while the snapshot was taken; the snapshot is taken again",
                  Printable(table_->described.qualified_name()), what));
}

void PieceReader::Begin() {
  connection_->Query(
      fmt::format("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET TRANSACTION SNAPSHOT {}",
                  QuoteLiteral(snapshot_name_)),
      Options("import the snapshot for"));
}

std::string PieceReader::TableName() const { return QuoteTable(table_->described.table); }

std::string PieceReader::RegclassName() const {
  return QuoteForRegclass(table_->described.table.schema, table_->described.table.name);
}

// Without children, which are tables of their own.
std::string PieceReader::PartRelation() const { return (part().tree ? "" : "ONLY ") + part().name; }

void PieceReader::Rollback() { connection_->Query("ROLLBACK", Options("release")); }

// Partitions that are foreign or unlogged tables are left out: the stream does not have their
// changes.
void PieceReader::ListParts() {
  Begin();
  const CapturedTable& described = table_->described;
  const PgResult found = connection_->Query(
      fmt::format(R"(
WITH RECURSIVE member(oid) AS (
  SELECT {oid}::oid
  UNION ALL
  SELECT i.inhrelid FROM member m JOIN pg_inherits i ON i.inhparent = m.oid WHERE {partitioned})
SELECT c.oid, quote_ident(n.nspname) || '.' || quote_ident(c.relname), coalesce(a.amname, ''),
  coalesce(has_table_privilege(c.oid, 'SELECT') AND has_schema_privilege(n.oid, 'USAGE')
    AND NOT row_security_active(c.oid), true),
  (SELECT quote_ident(rn.nspname) || '.' || quote_ident(r.relname)
   FROM pg_class r JOIN pg_namespace rn ON rn.oid = r.relnamespace WHERE r.oid = {oid})
FROM member m JOIN pg_class c ON c.oid = m.oid JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_am a ON a.oid = c.relam
WHERE c.relkind = 'r' AND c.relpersistence = 'p' ORDER BY 2)",
                  fmt::arg("oid", described.oid),
                  fmt::arg("partitioned", described.partitioned ? "true" : "false")),
      Options("list the partitions of"));
  Rollback();
  bool all_readable = true;
  for (int row = 0; row < found.rows(); ++row) {
    TablePart part;
    part.oid = static_cast<uint32_t>(found.Int(row, 0));
    part.name = found.String(row, 1);
    part.in_pieces =
        found.Text(row, 2) == "heap" && connection_->server_version() >= kFirstWithTidRanges;
    all_readable &= found.Bool(row, 3);
    cursor_->parts.push_back(std::move(part));
  }
  if (described.partitioned && !all_readable) {
    TablePart root;
    root.oid = described.oid;
    root.name = found.String(0, 4);
    root.tree = true;
    cursor_->parts = {root};
  }
  cursor_->listed = true;
}

void PieceReader::NextPart() {
  ++cursor_->part;
  cursor_->pages.reset();
  cursor_->done = {};
}

std::string PieceReader::TryLock(const std::string& relation, Duration lock_wait) {
  PgQueryOptions options = Options("lock");
  options.timeout += lock_wait;
  Begin();
  const std::string refused = connection_->Try(
      fmt::format("SET LOCAL lock_timeout = {}; LOCK TABLE {} IN ACCESS SHARE MODE",
                  lock_wait.count(), relation),
      options, {kLockTimeout, kNoTable, kNoSchema});
  if (!refused.empty()) Rollback();
  return refused;
}

// Catalog rows are as of the snapshot; functions of an OID answer as of now. Where both agree, the
// lock keeps it that way, except for the schema's name, which Close checks again.
PieceReader::Check PieceReader::CheckUnderLock() {
  const CapturedTable& described = table_->described;
  // Only servers whose partitioned tables can be members of a publication have that function.
  const std::string is_whole =
      described.partitioned
          ? fmt::format(
                "(SELECT bool_and({} IN (SELECT relid FROM pg_partition_ancestors(m.oid))) "
                "FROM member m)",
                described.oid)
          : "true";
  const PgResult found = connection_->Query(
      fmt::format(R"(
WITH RECURSIVE member(oid) AS (
  SELECT {part}::oid
  UNION ALL
  SELECT i.inhrelid FROM member m JOIN pg_inherits i ON i.inhparent = m.oid WHERE {tree})
SELECT {part}::regclass::text, coalesce(to_regclass({name})::oid = {table}, false),
  (SELECT coalesce(bool_and(coalesce(c.relfilenode = pg_relation_filenode(c.oid), false)), true)
   FROM member m JOIN pg_class c ON c.oid = m.oid WHERE c.relkind = 'r'),
  {is_whole},
  (SELECT coalesce(bool_and(coalesce(
     (pg_identify_object('pg_catalog.pg_class'::regclass, a.attrelid, a.attnum)).identity
       = a.attrelid::regclass::text || '.' || quote_ident(a.attname), false)), true)
   FROM pg_attribute a WHERE a.attrelid = {part} AND a.attnum > 0 AND NOT a.attisdropped),
  coalesce(pg_relation_size({part}), 0) / current_setting('block_size')::int8)",
                  fmt::arg("part", part().oid), fmt::arg("table", described.oid),
                  fmt::arg("tree", part().tree ? "true" : "false"), fmt::arg("is_whole", is_whole),
                  fmt::arg("name", QuoteLiteral(RegclassName()))),
      Options("check"));
  if (found.Text(0, 0) != part().name) return CheckMissing();
  if (!found.Bool(0, 1)) BeginAgain("renamed");
  if (!found.Bool(0, 2)) BeginAgain("truncated or rewritten");
  if (!found.Bool(0, 3)) BeginAgain("detached or has lost a partition");
  if (!found.Bool(0, 4)) BeginAgain("altered in its columns");
  if (!cursor_->pages) cursor_->pages = static_cast<uint64_t>(found.Int(0, 5));
  return Check::kSame;
}

// The part no longer has its name.
PieceReader::Check PieceReader::CheckMissing() {
  const CapturedTable& described = table_->described;
  const PgResult found = connection_->Query(
      // A dropped OID is shown as the number itself.
      fmt::format("SELECT c.name = c.oid::text, c.name, to_regclass({name}) IS NULL "
                  "FROM (SELECT {part}::oid, {part}::regclass::text) c(oid, name)",
                  fmt::arg("part", part().oid), fmt::arg("name", QuoteLiteral(RegclassName()))),
      Options("look for"));
  const bool leaf = part().oid != described.oid;
  if (found.Bool(0, 0)) {
    if (!leaf && !found.Bool(0, 2)) BeginAgain("replaced by another table of that name");
    return Check::kGone;
  }
  if (!leaf) BeginAgain("renamed or dropped");
  cursor_->parts[cursor_->part].name = found.String(0, 1);
  return Check::kOtherName;
}

// In a transaction of its own: pg_get_expr() locks the table that has the filter, which must not
// happen while a leaf's lock is held (wrong order). False when the table is locked.
bool PieceReader::ReadFilter(Duration lock_wait) {
  if (table_->row_filters.empty() || !cursor_->filter.empty()) return true;
  const std::string refused = TryLock("ONLY " + TableName(), lock_wait);
  if (refused == kLockTimeout) return false;
  if (!refused.empty()) BeginAgain("renamed or dropped");
  std::string filter;
  for (const uint32_t oid : table_->row_filters) {
    const PgResult found = connection_->Query(
        fmt::format("SELECT pg_get_expr(prqual, prrelid) FROM pg_publication_rel WHERE oid = {}",
                    oid),
        Options("read the row filter of"));
    // The snapshot has the row; the table may be gone.
    if (found.rows() == 0 || found.IsNull(0, 0)) BeginAgain("altered in its publication");
    filter += fmt::format("{}({})", filter.empty() ? "" : " OR ", found.Text(0, 0));
  }
  Rollback();
  cursor_->filter = "(" + filter + ")";
  return true;
}

void PieceReader::StartCopy() {
  CopySource source;
  source.relation = PartRelation();
  source.condition = cursor_->filter;
  source.with_ctid = part().in_pieces;
  if (part().in_pieces) {
    if (!source.condition.empty()) source.condition += " AND ";
    source.condition += fmt::format("ctid > {} AND ctid < {}", from_.ToSql(),
                                    TupleId{static_cast<uint32_t>(to_block_), 0}.ToSql());
    connection_->Query(kCopySettings, Options("set up the read of"));
  }
  connection_->StartCopy(table_->CopySql(source), Options("read"));
}

PieceReader::Step PieceReader::Open(const SnapshotTable& table, TableCursor* cursor,
                                    Duration lock_wait) {
  table_ = &table;
  cursor_ = cursor;
  if (!cursor->listed) ListParts();
  if (!ReadFilter(lock_wait)) return Step::kLocked;
  while (!cursor->finished()) {
    const std::string refused = TryLock(PartRelation(), lock_wait);
    if (refused == kLockTimeout) return Step::kLocked;
    const Check check = refused.empty() ? CheckUnderLock() : CheckMissing();
    if (check == Check::kSame && (!part().in_pieces || cursor->done.block < *cursor->pages)) {
      from_ = cursor->done;
      to_block_ = std::min(*cursor->pages, from_.block + size_.pages());
      bytes_ = 0;
      cut_ = false;
      began_ = Now();
      StartCopy();
      return Step::kOpen;
    }
    if (refused.empty()) Rollback();
    if (check == Check::kOtherName) continue;
    cursor->dropped |= check == Check::kGone;
    NextPart();
  }
  return Step::kFinished;
}

std::optional<std::span<char>> PieceReader::NextRow() {
  if (!part().in_pieces) return connection_->ReadCopyRow();
  if (bytes_ > kPieceBytesMax || (bytes_ > 0 && Now() - began_ > kPieceMax)) {
    connection_->AbandonCopy();
    cut_ = true;
    return std::nullopt;
  }
  std::optional<std::span<char>> row = connection_->ReadCopyRow();
  if (!row) return std::nullopt;
  bytes_ += row->size();
  const TupleId id = TakeTupleId(&*row);
  if (id <= cursor_->done || id.block >= to_block_) {  // Rows would be missed or repeated.
    throw UnexpectedHalt(fmt::format("PostgreSQL read {} out of order", part().name));
  }
  cursor_->done = id;
  return row;
}

void PieceReader::Close() {
  const std::string same_name =
      fmt::format("SELECT {}::regclass::text = {}", part().oid, QuoteLiteral(part().name));
  if (cut_) Rollback();  // Its transaction is aborted and accepts no more queries.
  if (!connection_->Query(same_name, Options("check")).Bool(0, 0)) BeginAgain("renamed");
  if (!cut_) Rollback();
  if (!part().in_pieces) return NextPart();
  const uint64_t pages_read = (cut_ ? cursor_->done.block + 1 : to_block_) - from_.block;
  size_.Adapt(pages_read, Now() - began_);
  if (cut_) return;
  cursor_->done = {static_cast<uint32_t>(to_block_), 0};
  if (to_block_ == *cursor_->pages) NextPart();
}

std::string PieceReader::DescribeHolders() {
  const bool filter_unknown = !table_->row_filters.empty() && cursor_->filter.empty();
  return DescribeLockHolders(
      connection_, filter_unknown || cursor_->finished() ? table_->described.oid : part().oid);
}

}  // namespace bw
