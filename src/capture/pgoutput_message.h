#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <variant>

#include "avro/text_value.h"
#include "base/lsn.h"

// The messages of pgoutput, protocol version 1: whole transactions in commit order. Source:
// PostgreSQL 15 documentation, 55.9 "Logical Replication Message Formats", and
// src/backend/replication/logical/proto.c where the documentation is silent.
//
// All views point into the message's bytes or into the decoder's buffers: they are valid until the
// decoder's next message, as long as the bytes live.

namespace bw {

// PostgreSQL counts microseconds from 2000-01-01 UTC, which is this long after 1970-01-01.
inline constexpr int64_t kPostgresEpochUs = 946'684'800'000'000;

// A table's OID as pgoutput uses it. Announced by a Relation message before its first use in each
// connection, and again whenever the table may have changed.
struct RelationId {
  uint32_t value = 0;
  friend constexpr auto operator<=>(RelationId, RelationId) = default;
};

// How the server identifies the old row of an UPDATE or DELETE: pg_class.relreplident.
enum class ReplicaIdentity : char {
  kDefault = 'd',  // The primary key, if there is one.
  kNothing = 'n',
  kFull = 'f',   // All columns.
  kIndex = 'i',  // A unique index that the user chose.
};

struct BeginMessage {
  Lsn commit_lsn;              // Start of the transaction's commit record.
  int64_t commit_time_us = 0;  // Since 1970-01-01 UTC.
  uint32_t xid = 0;
};

struct CommitMessage {
  Lsn commit_lsn;  // As in Begin.
  Lsn end_lsn;     // End of the commit record; the next transaction's commit LSN is not below it.
  int64_t commit_time_us = 0;
};

// The transaction was replicated to this server from elsewhere. Not needed.
struct OriginMessage {
  Lsn origin_commit_lsn;
  std::string_view name;
};

struct RelationColumn {
  bool key = false;  // Part of the replica identity; with FULL, every column is.
  std::string_view name;
  uint32_t type_oid = 0;
  int32_t typmod = -1;
};

struct RelationMessage {
  RelationId id;
  std::string_view schema;  // "pg_catalog" is spelled out; the server sends it as "".
  std::string_view name;
  ReplicaIdentity identity = ReplicaIdentity::kDefault;
  std::span<const RelationColumn> columns;
};

// The name of a type that is not built in; comes before the Relation message that uses it. For a
// domain the OID is the domain's and the name its base type's (logicalrep_write_typ).
struct TypeMessage {
  uint32_t oid = 0;
  std::string_view schema;  // As in RelationMessage.
  std::string_view name;
};

enum class OldTuple : char {
  kNone = 0,
  kKey = 'K',   // Only the columns of the replica identity are set, the others are null.
  kFull = 'O',  // The whole old row (REPLICA IDENTITY FULL).
};

struct InsertMessage {
  RelationId relation;
  std::span<const TextValue> values;
};

struct UpdateMessage {
  RelationId relation;
  OldTuple old_tuple = OldTuple::kNone;   // None when the replica identity did not change.
  std::span<const TextValue> old_values;  // Empty for kNone.
  std::span<const TextValue> values;
};

struct DeleteMessage {
  RelationId relation;
  OldTuple old_tuple = OldTuple::kKey;  // Never kNone.
  std::span<const TextValue> old_values;
};

struct TruncateMessage {
  std::span<const RelationId> relations;
};

// pg_logical_emit_message(). Sent only on request, and we do not request it.
struct LogicalMessage {
  bool transactional = false;
  Lsn lsn;
  std::string_view prefix;
  std::string_view content;
};

using PgoutputMessage =
    std::variant<BeginMessage, CommitMessage, OriginMessage, RelationMessage, TypeMessage,
                 InsertMessage, UpdateMessage, DeleteMessage, TruncateMessage, LogicalMessage>;

}  // namespace bw
