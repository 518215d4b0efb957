#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "avro/row_encoder.h"
#include "avro/row_form.h"
#include "avro/table.h"
#include "capture/full_key.h"
#include "capture/pgoutput_message.h"
#include "capture/table_filter.h"
#include "capture/user_types.h"
#include "debezium/envelope_encoder.h"
#include "spool/change.h"

namespace bw {

// A table in the current form of the stream's rows.
struct CachedRelation {
  CachedRelation(RelationId relation_id, Table described_table, UserTypes types,
                 ReplicaIdentity replica_identity, KeyCertainty certainty, bool is_selected,
                 RowEncoderOptions options,
                 const std::optional<debezium::EnvelopeSettings>& envelope_settings = {})
      : id(relation_id),
        table(std::move(described_table)),
        user_types(std::move(types)),
        identity(replica_identity),
        key_certainty(certainty),
        selected(is_selected),
        encoder(table, options) {
    if (envelope_settings) envelope.emplace(table, *envelope_settings);
  }

  std::string name() const { return table.schema + "." + table.name; }

  const RelationId id;  // The table's OID; for a partition published via its root, the root's.
  const Table table;    // The columns of the Kafka key are marked.
  const UserTypes user_types;  // Of which its columns consist, as far as they are known.
  const ReplicaIdentity identity;
  const KeyCertainty key_certainty;
  const bool selected;  // By TableFilter; other tables' rows are counted and dropped.
  const RowEncoder encoder;
  std::optional<debezium::EnvelopeEncoder> envelope;  // With --envelope=debezium.
  // The spool's ids for it, by RowForm. Set by the first row of the form: a table without rows has
  // no topic, and one whose rows are all native has one schema.
  std::array<std::optional<SchemaId>, kRowForms> schema_ids;
  bool used = false;  // A row arrived that was not captured before.
};

// What only some options need of the catalog.
struct CatalogParts {
  // Sets the facts of the table and its columns that the catalog has. `xid` is the transaction that
  // announces. Called once for each announcement of a selected table. May throw transient Errors.
  using FactsLookup = std::function<void(RelationId id, uint32_t xid, Table* table)>;

  std::optional<debezium::EnvelopeSettings> envelope;  // --envelope=debezium
  bool with_docs = false;                              // --schema-docs
  FactsLookup facts;                                   // With either.
};

// Which table a RelationId means. One per connection: after a reconnect PostgreSQL announces every
// relation again, and earlier ids are invalid.
//
// An announcement that changes nothing (the server repeats it after each invalidation of its own
// cache) keeps the encoder and the schema id. Not thread-safe.
class RelationCache {
 public:
  // Finds the key of a table in this form. Its columns are marked as in the stream: all of them
  // with REPLICA IDENTITY FULL, else perhaps only a part of the key. Called only for selected
  // tables with marks. May throw transient Errors.
  using KeyLookup =
      std::function<FullKey(RelationId id, const Table& table, ReplicaIdentity identity)>;

  // Finds types that are not built in, and those that they consist of; leaves out what was dropped
  // since. `xid` is the transaction that announces. Called once for each announcement of a selected
  // table that has such columns, because enums may have got labels. May throw transient Errors.
  using TypeLookup = std::function<UserTypes(const std::vector<uint32_t>& oids, uint32_t xid)>;

  // Without a `type_lookup`, only pgoutput's Type messages tell of types.
  RelationCache(TableFilter filter, KeyLookup key_lookup, RowEncoderOptions encoder_options = {},
                TypeLookup type_lookup = {}, TypeForms type_forms = {}, CatalogParts catalog = {})
      : filter_(std::move(filter)),
        key_lookup_(std::move(key_lookup)),
        type_lookup_(std::move(type_lookup)),
        type_forms_(type_forms),
        encoder_options_(encoder_options),
        catalog_(std::move(catalog)) {}

  void AddType(const TypeMessage& type);
  // True when the relation is new to this connection, or its form has changed. `xid` is that of the
  // transaction that it arrives in.
  bool AddRelation(const RelationMessage& relation, uint32_t xid = 0);
  // Null when the id was never announced on this connection. Valid until the relation's next
  // announcement.
  CachedRelation* Find(RelationId id);

 private:
  Table Describe(const RelationMessage& relation) const;
  // Finds the types of the table's columns, and sets what follows from them.
  UserTypes SetTypes(uint32_t xid, Table* table) const;
  std::optional<UserType> FindType(const UserTypes& types, uint32_t oid) const;
  KeyCertainty MarkKey(RelationId id, ReplicaIdentity identity, Table* table) const;

  const TableFilter filter_;
  const KeyLookup key_lookup_;
  const TypeLookup type_lookup_;
  const TypeForms type_forms_;
  const RowEncoderOptions encoder_options_;
  const CatalogParts catalog_;
  std::unordered_map<uint32_t, CachedRelation> relations_;
  // As the Type messages have told them.
  struct TypeName {
    std::string name;
    uint32_t builtin_base = 0;  // The type of this name, if that is built in.
  };
  std::unordered_map<uint32_t, TypeName> type_names_;
};

// Whether two descriptions give the same rows and the same schemas.
bool SameForm(const Table& left, const Table& right);

}  // namespace bw
