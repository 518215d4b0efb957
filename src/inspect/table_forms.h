#pragma once

#include <map>
#include <optional>
#include <string>

#include "debezium/spooled_schema.h"
#include "spool/spool_reader.h"

namespace bw {

// A table as the rows of one schema have it, ready for reading them.
struct TableForm {
  TableName table;
  std::string text;  // "public.orders", as JSON and people get it (base/name_text.h).
  std::optional<SpooledSchema> key;
  SpooledSchema value;
};

// The forms of a spool's tables, each looked up once. Not thread-safe.
class TableForms {
 public:
  explicit TableForms(SpoolReader* reader) : reader_(reader) {}

  // The reference stays valid. Throws Halt kSpoolUnusable, or the Halt of SpooledSchema::Parse.
  const TableForm& Get(SchemaId id);
  const TableForm& OfOldKey(const Change& change) { return Get(change.old_key_schema()); }

 private:
  SpoolReader* const reader_;
  std::map<SchemaId, TableForm> forms_;
};

}  // namespace bw
