#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

namespace bw {

// What the server or libpq said about a failure.
struct PgFailure {
  std::string sqlstate;  // Empty for libpq's own errors: connection lost, refused.
  std::string message;   // The server's or libpq's; never holds a password.
};

struct PgErrorContext {
  // For messages: "cannot <doing>: ...", e.g. "create replication slot \"bottledwater\"".
  std::string doing = "query the catalog";
  std::string remedy_sql;  // For an owner when a right is missing; may be empty.
  // The catalog may have changed since it was read: if a table, a column or the snapshot is
  // missing, simply begin again.
  bool begin_again_when_missing = false;
};

// The one table of what each failure of PostgreSQL means (SQLSTATEs: PostgreSQL documentation,
// appendix A). Pure.
Error TranslatePgFailure(const PgFailure& failure, const PgErrorContext& context);

// Reads the text of a failed connection attempt. libpq before 16 gives no SQLSTATE for it, but with
// PQERRORS_VERBOSE it is in the text ("FATAL:  28P01: password ..."), whatever language the server
// speaks. With several hosts or addresses, the last server that answered counts.
PgFailure ParseConnectFailure(std::string_view text);

}  // namespace bw
