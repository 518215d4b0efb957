#include "capture/unkeyed_text.h"

#include <fmt/format.h>

#include "capture/publication_members.h"
#include "capture/sql_text.h"

namespace bw {

std::string LimitsText(const std::string& publication) {
  return fmt::format(
      "Tables with a key are in publication \"{}\" by name. What the relay cannot prevent: "
      "PostgreSQL refuses UPDATE and DELETE on one whose key is dropped, until the relay has taken "
      "it out (about a second; while the relay is stopped: ALTER PUBLICATION {} DROP TABLE "
      "<table>;), and it refuses ALTER TABLE ... SET UNLOGGED on them",
      publication, QuoteIdentifier(publication));
}

std::string InsertsOnlyText(const CapturedTable& table) {
  return fmt::format(
      "Table {} has no replica identity{}: only its inserts are captured, with a null key. To "
      "capture its updates and deletes too, run one of:{}",
      table.qualified_name(), IdentityNote(table), IdentityRemedies(table));
}

std::string HarmedText(const CapturedTable& table, const std::string& publication,
                       int server_version) {
  return fmt::format(
      "Table {} has no replica identity{}, and publication \"{}\", which the relay does not alter, "
      "publishes its updates or deletes: {}. Run one of:{}",
      table.qualified_name(), IdentityNote(table), publication,
      RefusesUpdates(table, server_version)
          ? "PostgreSQL refuses UPDATE and DELETE on it, including those of your applications"
          : "its messages have null keys, and its deletes are not published",
      IdentityRemedies(table));
}

std::string TakenOutText(const CapturedTable& table, const std::string& publication,
                         bool is_selected) {
  return fmt::format(
      "Table {} has lost its replica identity{} and was removed from publication \"{}\", so that "
      "UPDATE and DELETE on it keep working. {}",
      table.qualified_name(), IdentityNote(table), publication,
      is_selected ? "Only its inserts are captured for now"
                  : "Nothing of it is captured: --tables and --exclude-tables leave it out");
}

}  // namespace bw
