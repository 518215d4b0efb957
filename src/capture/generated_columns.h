#pragma once

#include <string>
#include <vector>

#include "capture/captured_table.h"
#include "capture/publication.h"
#include "capture/table_filter.h"

namespace bw {

// The first version that refuses UPDATE and DELETE because of generated columns that are not
// published: of a key, or with REPLICA IDENTITY FULL any.
inline constexpr int kFirstToRefuseGenerated = 180000;

// Which stored generated columns of the captured tables are not in their messages, because these
// publications do not publish them: a sentence for the log, some of them by name. Empty when there
// are none. Pure.
std::string UnsentGeneratedColumns(const std::vector<CapturedTable>& tables,
                                   const std::vector<Publication>& publications,
                                   const TableFilter& filter);

// What PostgreSQL 18 does about REPLICA IDENTITY FULL, as pub_contains_invalid_column() in its
// publicationcmds.c: sets full_is_no_remedy and full_is_refused, and has_identity where it is
// refused. `tables` are all of ReadTables. Pure.
void RefuseFullIdentities(std::vector<CapturedTable>* tables);

// Logs that sentence, once. Used by one thread.
class GeneratedColumnsNote {
 public:
  void TellOnce(PgConnection* connection, const std::vector<std::string>& publications,
                const std::vector<CapturedTable>& tables, const TableFilter& filter);

 private:
  bool told_ = false;
};

}  // namespace bw
