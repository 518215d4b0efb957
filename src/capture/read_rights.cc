#include "capture/read_rights.h"

#include <fmt/format.h>

#include <set>

#include "base/shown_text.h"
#include "capture/sql_text.h"

namespace bw {
namespace {

std::string Grants(std::span<const CapturedTable* const> tables, const std::string& role) {
  std::string grants;
  std::set<std::string> schemas;
  for (const CapturedTable* table : tables) {
    if (!table->may_use_schema && schemas.insert(table->table.schema).second) {
      grants += OwnLine(fmt::format("GRANT USAGE ON SCHEMA {} TO {};",
                                    QuoteIdentifier(table->table.schema), QuoteIdentifier(role)));
    }
    if (table->may_select) continue;
    grants += OwnLine(fmt::format("GRANT SELECT ON TABLE {} TO {};", QuoteTable(table->table),
                                  QuoteIdentifier(role)));
  }
  return grants;
}

// Policies do not apply to an owner unless they are forced, which the owner can undo.
std::string UnhideRows(std::span<const CapturedTable* const> tables, const std::string& role) {
  std::string hidden, unforce;
  for (const CapturedTable* table : tables) {
    if (!table->row_security) continue;
    hidden += (hidden.empty() ? "" : ", ") + Printable(table->qualified_name());
    if (table->row_security_forced) {
      unforce += OwnLine(
          fmt::format("ALTER TABLE {} NO FORCE ROW LEVEL SECURITY;", QuoteTable(table->table)));
    }
  }
  if (hidden.empty()) return "";
  return fmt::format("Row security policies would hide rows of {}. Let a superuser run:{}{}",
                     hidden,
                     OwnLine(fmt::format("ALTER ROLE {} BYPASSRLS;", QuoteIdentifier(role))),
                     unforce.empty() ? "" : OwnLine("or their owner:") + unforce);
}

}  // namespace

bool MayRead(const CapturedTable& table) {
  return table.may_use_schema && table.may_select && !table.row_security;
}

std::string ReadRemedies(std::span<const CapturedTable* const> tables, const std::string& role) {
  const std::string grants = Grants(tables, role);
  const std::string unhide = UnhideRows(tables, role);
  if (grants.empty()) return unhide;
  return "Let their owner run:" + grants + (unhide.empty() ? "" : OwnLine(unhide));
}

}  // namespace bw
