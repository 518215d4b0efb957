#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "spool/change.h"
#include "spool/spool_state.h"

// The bytes of the `meta` and `schemas` column families; see docs/spool_format.md.
//
//   Value := crc32c: fixed32 over name and body | body
//
// The meta entries are separate because they change at different rates: `captured` with every
// synced batch, `published` and `trimmed` often and unsynced, `identity` hardly ever.

namespace bw {

inline constexpr uint32_t kSpoolFormatVersion = 1;

inline constexpr char kMetaFormat[] = "format";         // fixed32
inline constexpr char kMetaIdentity[] = "identity";     // JSON: lineage, predecessor, source, phase
inline constexpr char kMetaCaptured[] = "captured";     // Progress
inline constexpr char kMetaHistory[] = "history";       // CapturedHistory
inline constexpr char kMetaPublished[] = "published";   // Progress
inline constexpr char kMetaHeldAfter[] = "held_after";  // Likewise, without end LSN; or absent
inline constexpr char kMetaTrimmed[] = "trimmed";       // Progress, without end LSN
inline constexpr char kMetaKafkaCluster[] = "kafka_cluster";  // The id as text
inline constexpr char kMetaSnapshots[] = "snapshots";  // JSON: of each commit_lsn, purges, tables
inline constexpr char kMetaRemedies[] = "remedies";    // JSON: array of texts

inline constexpr char kMetaMembers[] = "members";           // JSON: array of numbers
inline constexpr char kMetaRegistryIds[] = "registry_ids";  // JSON: object of ids by schema

inline constexpr char kMetaRereadPrefix[] = "reread/";  // And a number: JSON: a table, the reason
inline constexpr char kMetaTableKeyPrefix[] = "key/";   // And an OID: JSON: TableKey

inline constexpr char kMetaTypePrefix[] = "type/";  // And an OID: JSON: TypeNote

inline constexpr char kMetaClaimPrefix[] = "claim/";  // And checkpoint topic, '/', topic: a table
inline constexpr char kMetaClaimsReadPrefix[] = "claims_read/";  // And checkpoint topic: fixed64
inline constexpr char kMetaHeldPrefix[] = "held/";               // And a table: the table

// Adds, and checks and removes, the checksum. UnwrapMeta throws Halt kSpoolUnusable, naming the
// entry.
std::string WrapMeta(std::string_view name, std::string_view body);
std::string_view UnwrapMeta(std::string_view name, std::string_view value);

std::string EncodeProgress(const Progress& progress);
Progress DecodeProgress(std::string_view body);

std::string EncodeHistory(const CapturedHistory& history);
CapturedHistory DecodeHistory(std::string_view body);

// Only lineage, predecessor, supersedes, source and phase.
std::string EncodeIdentity(const SpoolState& state);
void DecodeIdentity(std::string_view body, SpoolState* state);

std::string EncodeSnapshots(const std::vector<SnapshotMark>& snapshots);
std::vector<SnapshotMark> DecodeSnapshots(std::string_view body);

std::string EncodeRemedies(const std::vector<std::string>& remedies);
std::vector<std::string> DecodeRemedies(std::string_view body);

std::string EncodeRegistryIds(const std::map<std::string, int32_t>& ids);
std::map<std::string, int32_t> DecodeRegistryIds(std::string_view body);

// The entry's key; keys sort by number.
std::string RereadKey(uint64_t number);
std::string EncodeReread(const Reread& note);
Reread DecodeReread(std::string_view key, std::string_view body);

// The entry's key, and its body.
std::string TableKeyName(uint32_t relation);
std::string EncodeTableKey(const TableKey& key);
TableKey DecodeTableKey(std::string_view name, std::string_view body);

std::string TypeNoteName(uint32_t oid);
std::string EncodeTypeNote(const TypeNote& type);
TypeNote DecodeTypeNote(std::string_view name, std::string_view body);

std::string EncodeTableName(const TableName& table);
TableName DecodeTableName(std::string_view body);

std::string EncodeMembers(const std::vector<uint32_t>& members);
std::vector<uint32_t> DecodeMembers(std::string_view body);

std::string EncodeFormatVersion();
// Throws Halt kSpoolUnusable for a version that this program does not know.
void CheckFormatVersion(std::string_view body);

// The first text after the keys of all schemas.
inline constexpr std::string_view kBehindAllSchemas = "\xFF";
std::string EncodeSchemaKey(SchemaId id);
SchemaId DecodeSchemaKey(std::string_view key);
std::string EncodeTableSchema(const TableSchema& schema);
TableSchema DecodeTableSchema(std::string_view body);

}  // namespace bw
