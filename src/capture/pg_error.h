#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

namespace bw {

// What the server or libpq said about a failure.
struct PgFailure {
  std::string sqlstate;  // Empty when libpq failed by itself: connection lost, nobody there.
  std::string message;   // Of the server or libpq; never holds a password.
};

struct PgErrorContext {
  std::string_view doing;       // "create replication slot \"bottledwater\"": what was tried.
  std::string_view remedy_sql;  // What an owner must run when a right is missing; may be empty.
  // The catalog may have changed since it was read: a missing table or column, or a snapshot that
  // is gone, only means to begin again.
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
