#include "capture/type_catalog.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "avro/postgres_type_name.h"
#include "base/error.h"
#include "base/format.h"
#include "base/log.h"
#include "capture/postgres_server.h"

namespace bw {
namespace {

// A row of pg_type; several for an enum, one for each label.
struct TypeRow {
  uint32_t base_oid = 0;  // Of a domain: the type right below it, perhaps a domain as well.
  int32_t base_typmod = -1;
  UserType type;
};
using TypeRows = std::map<uint32_t, TypeRow>;

// A type is an array if array_out prints it: that is what its texts look like, in every version.
// (The server's own test is typsubscript since 14, and typlen before; int2vector passes both, and
// is printed otherwise.) Between two elements, array_out puts the element's typdelim.
//
// A relation's few types are found by index: a millisecond, however many types there are.
std::string TypesQuery(const std::vector<uint32_t>& oids) {
  return fmt::format(R"(
WITH RECURSIVE wanted(oid) AS (
  SELECT unnest('{{{oids}}}'::oid[])
  UNION
  SELECT part.oid FROM wanted JOIN pg_type t ON t.oid = wanted.oid
  CROSS JOIN LATERAL (VALUES (t.typbasetype), (t.typelem)) part(oid)
  WHERE part.oid >= 10000)
SELECT t.oid, t.typbasetype, t.typtypmod, coalesce(e.oid, 0), coalesce(e.typdelim, ','),
  l.enumlabel
FROM wanted JOIN pg_type t ON t.oid = wanted.oid
LEFT JOIN pg_type e ON e.oid = t.typelem AND t.typtype <> 'd'
  AND t.typoutput = 'pg_catalog.array_out'::regproc
LEFT JOIN pg_enum l ON l.enumtypid = t.oid AND t.typtype = 'e'
ORDER BY t.oid, l.enumsortorder)",
                     fmt::arg("oids", fmt::join(oids, ",")));
}

// As getBaseTypeAndTypmod() in the server's lsyscache.c: only the domain right above the base type
// can have a modifier.
UserType BelowDomains(TypeRow row, const TypeRows& rows) {
  uint32_t base_oid = row.base_oid;
  int32_t typmod = row.base_typmod;
  for (auto below = rows.find(base_oid); below != rows.end() && below->second.base_oid != 0;
       below = rows.find(base_oid)) {
    base_oid = below->second.base_oid;
    typmod = below->second.base_typmod;
  }
  row.type.base_oid = base_oid;
  row.type.base_typmod = base_oid == 0 ? -1 : typmod;
  return std::move(row.type);
}

}  // namespace

UserTypes ReadUserTypes(PgConnection* connection, const std::vector<uint32_t>& oids) {
  if (oids.empty()) return {};
  PgQueryOptions options;
  options.doing = "read types from the catalog";
  const PgResult found = connection->Query(TypesQuery(oids), options);
  TypeRows rows;
  for (int i = 0; i < found.rows(); ++i) {
    TypeRow& row = rows[static_cast<uint32_t>(found.Int(i, 0))];
    row.base_oid = static_cast<uint32_t>(found.Int(i, 1));
    row.base_typmod = static_cast<int32_t>(found.Int(i, 2));
    row.type.element_oid = static_cast<uint32_t>(found.Int(i, 3));
    row.type.delimiter = found.Text(i, 4).at(0);
    if (!found.IsNull(i, 5)) row.type.labels.push_back(found.String(i, 5));
  }
  UserTypes types;
  for (const auto& [oid, row] : rows) types.emplace(oid, BelowDomains(row, rows));
  return types;
}

// A transaction gives up the lock on its own number after it has become visible.
bool IsEnding(PgConnection* connection, uint32_t xid) {
  PgQueryOptions options;
  options.doing = "look whether a transaction is visible";
  return connection
             ->Query(
                 fmt::format("SELECT FROM pg_locks WHERE locktype = 'transactionid' AND granted "
                             "AND transactionid = '{}'::xid LIMIT 1",
                             xid),
                 options)
             .rows() > 0;
}

bool TypeWatch::IsFinal(uint32_t oid) const {
  if (!IsUserTypeOid(oid)) return true;
  const auto found = found_.find(oid);
  if (found == found_.end()) return false;
  const UserType& type = found->second;
  const bool has_parts = type.base_oid != 0 || type.element_oid != 0;
  return has_parts && IsFinal(type.base_oid) && IsFinal(type.element_oid);
}

// A type that is not there was dropped, or made by the very transaction that announces its table:
// any earlier one was visible to this one.
UserTypes TypeWatch::Find(const std::vector<uint32_t>& oids, uint32_t xid) {
  const bool is_final = std::ranges::all_of(oids, [this](uint32_t oid) { return IsFinal(oid); });
  if (!is_final && !Read(oids) && xid != 0) {
    WaitForEnd(xid);
    Read(oids);
  }
  UserTypes types;
  for (const uint32_t oid : oids) AddKnown(oid, &types);
  return types;
}

bool TypeWatch::Read(const std::vector<uint32_t>& oids) {
  UserTypes now = catalog_->ReadUserTypes(oids);
  const bool has_all = std::ranges::all_of(oids, [&](uint32_t oid) { return now.contains(oid); });
  for (auto& [oid, type] : now) found_.insert_or_assign(oid, std::move(type));
  return has_all;
}

void TypeWatch::WaitUntilVisible(uint32_t xid) {
  if (xid != 0) WaitForEnd(xid);
}

// Usually for less than a millisecond. With synchronous replication a commit waits for its standby,
// which might be away for long, or even be this relay.
void TypeWatch::WaitForEnd(uint32_t xid) {
  constexpr Duration kLookInterval{5};
  constexpr Duration kWaitMax{10'000};
  if (given_up_ == xid) return;  // It may announce many tables.
  const TimePoint deadline = Now() + kWaitMax;
  while (catalog_->IsEnding(xid)) {
    if (Now() > deadline) {
      given_up_ = xid;
      spdlog::warn(
          "Transaction {} has committed, and is not visible after {}: PostgreSQL waits for a "
          "synchronous standby. Columns of types that it has made are text until the relay "
          "connects "
          "again",
          xid, FormatDuration(kWaitMax));
      return;
    }
    if (stop_->WaitFor(kLookInterval)) throw TransientError("the session was stopped");
  }
}

void TypeWatch::AddKnown(uint32_t oid, UserTypes* types) const {
  if (!IsUserTypeOid(oid) || types->contains(oid)) return;
  const auto found = found_.find(oid);
  const std::optional<TypeNote> kept =
      found == found_.end() ? spool_->ledger().FindType(oid) : std::nullopt;
  if (found == found_.end() && !kept) return;
  const UserType type = kept ? UserTypeOf(*kept) : found->second;
  types->emplace(oid, type);
  AddKnown(type.base_oid, types);
  AddKnown(type.element_oid, types);
}

void TypeWatch::OnUsed(const CachedRelation& relation) {
  if (!relation.selected) return;
  for (const auto& [oid, type] : relation.user_types) {
    spool_->log().AppendType(TypeNoteOf(oid, type));
  }
}

}  // namespace bw
