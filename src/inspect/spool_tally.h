#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <set>
#include <string>

#include "inspect/change_selection.h"
#include "inspect/table_forms.h"
#include "spool/spool_reader.h"

namespace bw {

// What there is of each table in a part of a spool. Grows with the tables, not with the changes.
struct SpoolTally {
  struct Table {
    uint64_t changes = 0;
    uint64_t bytes = 0;
    Lsn first;
    Lsn last;
    std::set<SchemaId> schemas;
  };
  std::map<std::string, Table> tables;  // By TableForm::text.
  uint64_t changes = 0;
  uint64_t transactions = 0;  // With a change that counts.
};
SpoolTally TallyOf(SpoolRecords records, TableForms* forms, ChangeSelection* selection);

// A committed transaction, and how many of its changes there are of each table.
struct SpooledTransaction {
  TransactionEnd end;
  uint64_t changes = 0;
  std::map<std::string, uint64_t> tables;  // By TableForm::text.
};

// Reads one transaction after the other.
class SpooledTransactions {
 public:
  SpooledTransactions(SpoolRecords records, TableForms* forms, ChangeSelection* selection)
      : records_(std::move(records)), forms_(forms), selection_(selection) {}
  // The next transaction with a change that is selected; nothing after the last.
  std::optional<SpooledTransaction> Next();

 private:
  SpoolRecords records_;
  TableForms* const forms_;
  ChangeSelection* const selection_;
};

// {"lsn", "end_lsn", "xid", "commit_time", "changes", "tables": {name: changes}}; and one line for
// people. Neither has the line's end.
nlohmann::ordered_json TransactionJson(const SpooledTransaction& transaction);
std::string TransactionText(const SpooledTransaction& transaction);

// The members that docs/inspect.md lists; `part` says which part of the spool was counted. And the
// same for people, many lines.
nlohmann::ordered_json SpoolJson(const std::string& directory, uint64_t bytes,
                                 const SpoolPicture& picture, const SpoolTally& tally,
                                 const std::string& part);
std::string SpoolText(const nlohmann::ordered_json& spool);

}  // namespace bw
