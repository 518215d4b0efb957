#pragma once

#include <cstdint>
#include <vector>

#include "base/stop.h"
#include "capture/pg_connection.h"
#include "capture/relation_cache.h"
#include "capture/user_types.h"
#include "spool/spool.h"

namespace bw {

class ServerCatalog;

// What pg_type and pg_enum say now of these types, and of those that they consist of; without those
// that were dropped. One query for all; none when `oids` is empty. Reads only catalog rows, which
// every role may, so it never waits for a lock on a table.
UserTypes ReadUserTypes(PgConnection* connection, const std::vector<uint32_t>& oids);

// Whether this transaction, which the stream has sent, is perhaps not visible to queries yet: a
// walsender may send a commit before the catalog shows it. Once this is false, the next query sees
// all that it has done.
bool IsEnding(PgConnection* connection, uint32_t xid);

// Knows the types of the stream's relations. Rows are decoded with the catalog of their moment, and
// the catalog that can be asked is that of now; what it no longer has was dropped since:
//
//   the catalog of now, which may already have more labels of an enum than the row knew
//   else what this session has found before
//   else what the spool has noted with earlier changes
//   else the type is not known: RelationCache knows the base type of some domains, all else is text
//
// Asks for a type only when a relation with it is announced: a database has a type for each table,
// and one for that type's arrays. A domain or an array that was found is not asked for again, since
// it never changes, unless it consists of an enum, which may get labels.
//
// For one session, on its thread. All methods may throw transient Errors.
class TypeWatch {
 public:
  // `catalog` is asked on the session's thread.
  TypeWatch(Spool* spool, ServerCatalog* catalog, const Stop* stop)
      : spool_(spool), catalog_(catalog), stop_(stop) {}

  // RelationCache::TypeLookup.
  UserTypes Find(const std::vector<uint32_t>& oids, uint32_t xid);
  // Returns when what this transaction, of which the stream has sent something, has done is visible
  // to queries, or it never may be (synchronous replication): at once for 0.
  void WaitUntilVisible(uint32_t xid);
  // The first change of a relation in this form is about to be appended: notes its types with it.
  void OnUsed(const CachedRelation& relation);

 private:
  // Asks the catalog. Whether it has found all of them.
  bool Read(const std::vector<uint32_t>& oids);
  void WaitForEnd(uint32_t xid);
  // What is known of a type, as above, and of those that it consists of.
  void AddKnown(uint32_t oid, UserTypes* types) const;
  // Whether nothing about it can have changed.
  bool IsFinal(uint32_t oid) const;

  Spool* const spool_;
  ServerCatalog* const catalog_;
  const Stop* const stop_;
  UserTypes found_;
  uint32_t given_up_ = 0;  // The transaction whose end was waited for in vain.
};

}  // namespace bw
