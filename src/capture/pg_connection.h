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
#include "capture/pg_error.h"

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
  // These throw a Halt error when the text is not of that type.
  bool Bool(int row, int column) const;
  int64_t Int(int row, int column) const;
  Lsn LsnAt(int row, int column) const;

 private:
  struct Clear {
    void operator()(pg_result* result) const;
  };
  TextEncoding encoding_;
  std::unique_ptr<pg_result, Clear> result_;
  mutable std::deque<std::string> decoded_;  // Views of Text() point into this or `result_`.
};

// Memory that libpq has given out.
struct PgFreeMemory {
  void operator()(char* bytes) const;
};
using PgBytes = std::unique_ptr<char, PgFreeMemory>;

struct PgQueryOptions : PgErrorContext {
  // For the whole answer. Nothing of ours waits forever unless it says so.
  Duration timeout{60'000};
  // Called about every `meanwhile_interval` while waiting for the answer, to log why it takes long.
  // It must not use this connection.
  std::function<void()> meanwhile;
  Duration meanwhile_interval{2'000};
};

// A connection to PostgreSQL. Each wait ends with its timeout, with a stop request (also a
// transient Error: check the Stop first), or with the connection.
//
// All our sessions set the same parameters, so that a value has the same text in the snapshot and
// in the stream: client_encoding=UTF8 (in SQL_ASCII and one-byte databases SQL_ASCII, i.e. no
// conversion; see TextEncoding), datestyle=ISO, intervalstyle=iso_8601, timezone=UTC,
// bytea_output=hex, extra_float_digits=3, row_security=off (a policy that would silently hide rows
// becomes an error), search_path empty, standard_conforming_strings=on, and only one timeout: in
// mode kSql, a statement that waits 2 s for a lock fails with a transient Error.
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
  PgConnection(const PgConnection&) = delete;
  PgConnection& operator=(const PgConnection&) = delete;

  // One statement. In replication mode, also a replication command.
  PgResult Query(const std::string& sql, const PgQueryOptions& options = {});
  // The same for a statement that may fail: returns the SQLSTATE if it is one of `expected`, "" on
  // success.
  std::string Try(const std::string& sql, const PgQueryOptions& options,
                  std::initializer_list<std::string_view> expected);

  // Begins COPY ... TO STDOUT: ReadCopyRow then gives each row until there are no more. Or begins a
  // command that starts COPY BOTH (START_REPLICATION): use handle() for the rest.
  void StartCopy(const std::string& sql, const PgQueryOptions& options);
  // The caller may change the bytes, which are valid until the next call. Nothing at the end. Has
  // no time limit: the server may be reading from a slow disk.
  std::optional<std::span<char>> ReadCopyRow();
  // Ends a COPY whose remaining rows are not wanted. Its transaction is then aborted.
  void AbandonCopy();
  // Closes the connection, whatever the server process is doing, and tells that to end. Nothing
  // else may be called after it.
  void Abandon();

  bool is_connected() const;                      // As far as libpq has noticed.
  int server_version() const;                     // E.g. 150004.
  std::string Parameter(const char* name) const;  // As reported at connect; "" if not reported.
  std::string role() const;                       // The user it logged in as.
  int backend_pid() const;                        // Of the server's process.
  // "127.0.0.1:5432", for messages.
  const std::string& address() const { return address_; }

  // The server's warning when it has skipped a missing publication, as PostgreSQL 18 does instead
  // of failing: from then on its changes are not sent.
  const std::optional<std::string>& skipped_publication() const { return skipped_publication_; }

  // For the replication stream, which waits by itself.
  pg_conn* handle() { return connection_.get(); }
  // Throws what is wrong with the connection; `certificate_problem` is OpenSSL's text.
  [[noreturn]] void ThrowConnectionError(const std::string& doing,
                                         const std::string& certificate_problem = "") const;
  // Reads the rest of a COPY that has ended; throws the server's error if it ended with one.
  void FinishCopy(const std::string& doing);

 private:
  enum class Direction { kRead, kWrite };
  struct Finish {
    void operator()(pg_conn* connection) const;
  };

  void UseServersEncoding();
  void Connect(const CaptureOptions& options, Mode mode);
  // Settings that older servers do not know, and which therefore cannot be connection options.
  void SetNewerSettings();
  static void ReceiveNotice(void* connection, const pg_result* notice);
  void PollUntilConnected(TimePoint deadline, const std::string& doing);
  // Waits for the socket; false when the deadline passes, throws when a stop is requested.
  bool WaitUntil(Direction direction, TimePoint deadline, const std::string& doing);
  // The same, but throws in both cases.
  void Wait(Direction direction, TimePoint deadline, const std::string& doing);
  // For an answer; calls options.meanwhile in between.
  void WaitForAnswer(TimePoint deadline, const PgQueryOptions& options);
  void Send(const std::string& sql, TimePoint deadline, const PgQueryOptions& options);
  // The next result of the command, or one without rows and status when it has no more.
  PgResult NextResult(TimePoint deadline, const PgQueryOptions& options);
  // The command's answer, whether it is an error or not.
  PgResult Run(const std::string& sql, const PgQueryOptions& options);
  void CancelQuietly();

  const Stop& stop_;
  TextEncoding encoding_;  // The database's if it is_raw(), else UTF-8.
  std::unique_ptr<pg_conn, Finish> connection_;
  std::string address_;
  std::optional<std::string> skipped_publication_;
  std::string copy_doing_;
  PgBytes copy_row_;
};

// An ordinary connection beside the replication connection, for the few catalog questions of a
// session; opened when first needed. Used by one thread.
class SideConnection {
 public:
  SideConnection(const CaptureOptions& options, const Stop& stop)
      : options_(options), stop_(stop) {}

  PgConnection* Get() {
    if (!connection_) connection_.emplace(options_, PgConnection::Mode::kSql, stop_);
    return &*connection_;
  }
  // After an error the connection may be broken: the next Get makes a new one.
  void Reset() { connection_.reset(); }

 private:
  const CaptureOptions& options_;
  const Stop& stop_;
  std::optional<PgConnection> connection_;
};

}  // namespace bw
