#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/lsn.h"
#include "base/stop.h"
#include "base/text_encoding.h"
#include "capture/capture_options.h"

// libpq's own types, so that its header stays in our .cc files.
struct pg_conn;
struct pg_result;

namespace bw {

// The rows of one statement, all as text. Views are valid as long as the result.
class PgResult {
 public:
  explicit PgResult(pg_result* result, const TextEncoding& encoding = {})
      : encoding_(encoding), result_(result) {}

  pg_result* get() const { return result_.get(); }  // For this folder's .cc files.
  int rows() const;
  bool IsNull(int row, int column) const;
  std::string_view Text(int row, int column) const;  // Empty for null. See TextEncoding::Decode.
  const TextEncoding& encoding() const { return encoding_; }
  std::string String(int row, int column) const { return std::string(Text(row, column)); }
  // These throw a Halt error when the text is not what its name says.
  bool Bool(int row, int column) const;
  int64_t Int(int row, int column) const;
  Lsn LsnAt(int row, int column) const;

 private:
  struct Clear {
    void operator()(pg_result* result) const;
  };
  TextEncoding encoding_;
  std::unique_ptr<pg_result, Clear> result_;
  mutable std::deque<std::string> decoded_;  // What views of Text() point into, if not `result_`.
};

struct PgQueryOptions {
  // For messages: "cannot <doing>: ...".
  std::string doing = "query the catalog";
  // What an owner must run when a right is missing.
  std::string remedy_sql;
  bool begin_again_when_missing = false;  // See PgErrorContext.
  // The server is given up after it; nothing of ours waits for ever but what says so.
  Duration timeout{60'000};
  // Called about every `meanwhile_interval` while the answer is waited for, to tell people why. It
  // must not use this connection.
  std::function<void()> meanwhile;
  Duration meanwhile_interval{2'000};
};

// A connection to PostgreSQL. Every wait of it ends with its timeout, with a stop request (a
// transient Error: look at the Stop before believing it), or with the connection.
//
// All sessions of ours set the same parameters, so that a value has the same text in the snapshot
// and in the stream: client_encoding=UTF8 (in SQL_ASCII and one-byte databases SQL_ASCII, which is
// "as it is"; see TextEncoding), datestyle=ISO, intervalstyle=iso_8601, timezone=UTC,
// bytea_output=hex, extra_float_digits=3, row_security=off (a policy that would silently hide rows
// becomes an error), search_path empty, standard_conforming_strings=on, and no timeouts but one: in
// mode kSql, a statement that waits 2 s for somebody's lock fails with a transient Error.
//
// Used by one thread. Errors are those of pg_error.h.
class PgConnection {
 public:
  enum class Mode {
    kSql,
    kReplication,  // A walsender bound to the database: replication commands and simple SQL.
  };

  // Connects. The application_name is the connection string's, else "bottledwater".
  PgConnection(const CaptureOptions& options, Mode mode, const Stop& stop);
  ~PgConnection();
  PgConnection(const PgConnection&) = delete;
  PgConnection& operator=(const PgConnection&) = delete;

  // One statement. In replication mode, also a replication command.
  PgResult Query(const std::string& sql, const PgQueryOptions& options = {});
  // The same for what may be refused: the SQLSTATE if it is one of `expected`, "" when it is done.
  std::string Try(const std::string& sql, const PgQueryOptions& options,
                  std::initializer_list<std::string_view> expected);

  // Begins COPY ... TO STDOUT; ReadCopyRow then gives each row until there are no more.
  void StartCopyOut(const std::string& sql, const PgQueryOptions& options);
  // The bytes are the caller's to change, and valid until the next call. Nothing at the end. Waits
  // without a limit of its own: the server may be reading a slow disk.
  std::optional<std::span<char>> ReadCopyRow();
  // Ends a COPY whose other rows are not wanted. Its transaction has then failed.
  void AbandonCopy();
  // Closes the connection, whatever the server process is doing, and tells that to end. Nothing
  // else may be called after it.
  void Abandon();
  // Begins a command that ends in copying both ways (START_REPLICATION); what follows is done with
  // handle().
  void StartCopyBoth(const std::string& sql, const PgQueryOptions& options);

  bool is_connected() const;                      // As far as libpq has noticed.
  int server_version() const;                     // E.g. 150004.
  std::string Parameter(const char* name) const;  // As reported at connect; "" when it is not.
  std::string role() const;                       // The user it logged in as.
  int backend_pid() const;                        // Of the server's process.
  // "127.0.0.1:5432", for messages.
  const std::string& address() const { return address_; }

  // What the server said when it skipped a publication that is not there, as PostgreSQL 18 does
  // with no more than a warning: from then on its changes do not come.
  const std::optional<std::string>& skipped_publication() const { return skipped_publication_; }

  // For the replication stream, which does its own waiting.
  pg_conn* handle() { return connection_.get(); }
  // What is wrong with the connection now, as an Error; `certificate_problem` as OpenSSL says it.
  [[noreturn]] void ThrowConnectionError(const std::string& doing,
                                         const std::string& certificate_problem = "") const;
  // The rest of a copy that ended: throws the server's error if it ended by one.
  void FinishCopy(const std::string& doing);

 private:
  enum class Direction { kRead, kWrite };
  struct Finish {
    void operator()(pg_conn* connection) const;
  };
  struct FreeMemory {
    void operator()(char* bytes) const;
  };

  void UseServersEncoding();
  void Connect(const CaptureOptions& options, Mode mode);
  // The settings that a server may not know, which therefore cannot come with the connection.
  void TurnOffTimeouts();
  static void ReceiveNotice(void* connection, const pg_result* notice);
  void PollUntilConnected(TimePoint deadline, const std::string& doing);
  // Waits for the socket; false when the deadline passes, throws when a stop is requested.
  bool WaitUntil(Direction direction, TimePoint deadline, const std::string& doing);
  // The same, but throws in both cases.
  void Wait(Direction direction, TimePoint deadline, const std::string& doing);
  // For an answer: calls options.meanwhile now and then.
  void WaitForAnswer(TimePoint deadline, const PgQueryOptions& options);
  void Send(const std::string& sql, TimePoint deadline, const PgQueryOptions& options);
  // The next result of the command, or one without rows and status when it has no more.
  PgResult NextResult(TimePoint deadline, const PgQueryOptions& options);
  // The command's answer, whether it is an error or not.
  PgResult Run(const std::string& sql, const PgQueryOptions& options);
  // Sends the command and expects its first result to have this libpq status.
  void StartCopy(const std::string& sql, const PgQueryOptions& options, int expected_status);
  void CancelQuietly();

  const Stop& stop_;
  TextEncoding encoding_;  // The database's; what is_raw() is not is UTF-8 here.
  std::unique_ptr<pg_conn, Finish> connection_;
  std::string address_;
  std::optional<std::string> skipped_publication_;
  std::string copy_doing_;
  std::unique_ptr<char, FreeMemory> copy_row_;
};

}  // namespace bw
