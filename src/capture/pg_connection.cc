#include "capture/pg_connection.h"

#include <fmt/format.h>
#include <libpq-fe.h>
#include <openssl/ssl.h>
#include <poll.h>

#include <algorithm>

#include "base/halt.h"
#include "base/log.h"
#include "base/parse_whole.h"
#include "capture/conninfo.h"
#include "capture/pg_error.h"
#include "capture/sql_text.h"

namespace bw {
namespace {

std::string Address(PGconn* connection) {
  const char* host = PQhost(connection);
  const char* port = PQport(connection);
  return fmt::format("{}:{}", host != nullptr && *host != '\0' ? host : "(default)",
                     port != nullptr && *port != '\0' ? port : "5432");
}

PgFailure FailureOf(const PGresult* result, const TextEncoding& encoding = {}) {
  const char* state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
  const char* primary = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
  PgFailure failure;
  failure.sqlstate = state == nullptr ? "" : state;
  failure.message = encoding.Decode(primary == nullptr ? PQresultErrorMessage(result) : primary);
  if (const char* detail = PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL)) {
    // DETAIL may quote row data, but only in data errors (classes 22 and 23): there it is left out.
    if (!failure.sqlstate.starts_with("22") && !failure.sqlstate.starts_with("23")) {
      failure.message += fmt::format(" ({})", encoding.Decode(detail));
    }
  }
  // Where logical decoding was. Other contexts are left out: they might quote row data.
  const char* context = PQresultErrorField(result, PG_DIAG_CONTEXT);
  if (context != nullptr && std::string_view(context).find("output plugin") != std::string::npos) {
    failure.message += fmt::format(" ({})", encoding.Decode(context));
  }
  return failure;
}

// Why OpenSSL rejects the server's certificate. libpq says only "certificate verify failed" and
// then frees the TLS session, so we keep a reference to it.
class CertificateVerdict {
 public:
  void Look(PGconn* connection) {
    auto* session = static_cast<SSL*>(PQsslStruct(connection, "OpenSSL"));
    if (session == nullptr || session == session_.get()) return;
    SSL_up_ref(session);
    session_.reset(session);
  }
  // "" when the certificate is accepted.
  std::string Problem() const {
    const long result = session_ ? SSL_get_verify_result(session_.get()) : X509_V_OK;
    return result == X509_V_OK ? "" : X509_verify_cert_error_string(result);
  }

 private:
  std::unique_ptr<SSL, decltype(&SSL_free)> session_{nullptr, &SSL_free};
};

[[noreturn]] void RefuseText(const PgResult& result, int row, int column, const char* expected) {
  throw UnexpectedHalt(fmt::format("PostgreSQL answered \"{}\" in column {} instead of {}",
                                   Printable(result.Text(row, column)), column + 1, expected));
}

// The SQL that grants the right that a refused login lacked: to connect to the database, or to
// replicate.
std::string LoginRemedy(const PgFailure& failure, const PGconn* connection) {
  if (failure.sqlstate != "42501" || PQuser(connection) == nullptr) return "";
  const std::string role = QuoteIdentifier(PQuser(connection));
  if (failure.message.find("walsender") != std::string::npos) {
    return fmt::format("ALTER ROLE {} REPLICATION;", role);
  }
  return fmt::format("GRANT CONNECT ON DATABASE {} TO {};", QuoteIdentifier(PQdb(connection)),
                     role);
}

[[noreturn]] void ThrowResultError(const PgResult& result, const PgQueryOptions& options) {
  throw TranslatePgFailure(FailureOf(result.get(), result.encoding()), options);
}

struct FreeCancel {
  void operator()(PGcancel* cancel) const { PQfreeCancel(cancel); }
};
using CancelHandle = std::unique_ptr<PGcancel, FreeCancel>;

void Cancel(const CancelHandle& cancel) {
  constexpr int kMessageBytes = 256;
  char message[kMessageBytes];
  if (cancel != nullptr) PQcancel(cancel.get(), message, kMessageBytes);
}

}  // namespace

void PgResult::Clear::operator()(pg_result* result) const { PQclear(result); }
int PgResult::rows() const { return PQntuples(result_.get()); }
bool PgResult::IsNull(int row, int column) const {
  return PQgetisnull(result_.get(), row, column) != 0;
}
std::string_view PgResult::Text(int row, int column) const {
  if (row >= rows() || column >= PQnfields(result_.get())) {
    throw UnexpectedHalt("PostgreSQL answered with fewer rows or columns than expected");
  }
  const std::string_view text(PQgetvalue(result_.get(), row, column),
                              static_cast<size_t>(PQgetlength(result_.get(), row, column)));
  if (!encoding_.is_raw() || IsAscii(text)) return text;
  return decoded_.emplace_back(encoding_.Decode(text));
}
bool PgResult::Bool(int row, int column) const {
  const std::string_view text = Text(row, column);
  if (text != "t" && text != "f") RefuseText(*this, row, column, "a boolean");
  return text == "t";
}
int64_t PgResult::Int(int row, int column) const {
  const std::optional<int64_t> number = ParseWhole<int64_t>(Text(row, column));
  if (!number) RefuseText(*this, row, column, "an integer");
  return *number;
}
Lsn PgResult::LsnAt(int row, int column) const {
  const std::optional<Lsn> lsn = Lsn::Parse(Text(row, column));
  if (!lsn) RefuseText(*this, row, column, "an LSN");
  return *lsn;
}

void PgConnection::Finish::operator()(pg_conn* connection) const { PQfinish(connection); }
void PgFreeMemory::operator()(char* bytes) const { PQfreemem(bytes); }

PgConnection::PgConnection(const CaptureOptions& options, Mode mode, const Stop& stop)
    : stop_(stop) {
  Connect(options, mode);
}

void PgConnection::Connect(const CaptureOptions& options, Mode mode) {
  const ConnectParameters parameters =
      BuildConnectParameters(options.conninfo, mode == Mode::kReplication, options.connect_timeout);
  std::vector<const char*> keywords;
  std::vector<const char*> values;
  for (const auto& [keyword, value] : parameters.entries) {
    keywords.push_back(keyword.c_str());
    values.push_back(value.c_str());
  }
  keywords.push_back(nullptr);
  values.push_back(nullptr);

  const std::string doing = "connect to PostgreSQL";
  connection_.reset(PQconnectStartParams(keywords.data(), values.data(), /*expand_dbname=*/0));
  if (connection_ == nullptr) throw TransientError("cannot connect to PostgreSQL: out of memory");
  PQsetNoticeReceiver(connection_.get(), ReceiveNotice, this);
  // The text of a refusal then contains its SQLSTATE: see ParseConnectFailure.
  PQsetErrorVerbosity(connection_.get(), PQERRORS_VERBOSE);
  if (PQstatus(connection_.get()) == CONNECTION_BAD) {
    const std::string_view problem = PQerrorMessage(connection_.get());
    // Values that libpq parses only now, e.g. sslmode.
    if (problem.starts_with("invalid ") || problem.starts_with("could not match ")) {
      throw UsageError("--postgres: " + Printable(problem));
    }
    ThrowConnectionError(doing);
  }
  PollUntilConnected(Now() + parameters.connect_timeout, doing);
  PQsetErrorVerbosity(connection_.get(), PQERRORS_DEFAULT);
  address_ = Address(connection_.get());
  if (PQsetnonblocking(connection_.get(), 1) != 0) ThrowConnectionError(doing);
  SetNewerSettings();
  UseServersEncoding();
}

void PgConnection::SetNewerSettings() {
  constexpr int kFirstWithIdleSessionTimeout = 140000;
  constexpr int kFirstWithTransactionTimeout = 170000;
  constexpr int kFirstWithJit = 110000;
  if (server_version() >= kFirstWithIdleSessionTimeout) Query("SET idle_session_timeout = 0");
  // JIT compiles queries of a catalog of thousands of tables for longer than they run.
  if (server_version() >= kFirstWithJit) Query("SET jit = off");
  if (server_version() >= kFirstWithTransactionTimeout) Query("SET transaction_timeout = 0");
}

// Notices help with debugging; the server's warnings arrive here too.
void PgConnection::ReceiveNotice(void* connection, const PGresult* notice) {
  const std::string message = FailureOf(notice).message;
  spdlog::debug("PostgreSQL says: {}", message);
  // The function's name does not depend on the server's language.
  const char* function = PQresultErrorField(notice, PG_DIAG_SOURCE_FUNCTION);
  if (function != nullptr && std::string_view(function) == "LoadPublications") {
    static_cast<PgConnection*>(connection)->skipped_publication_ = message;
  }
}

// A server that converts for us fails at the first text that cannot be converted to UTF-8.
void PgConnection::UseServersEncoding() {
  const TextEncoding encoding = TextEncoding::Of(Parameter("server_encoding"));
  if (!encoding.is_raw()) return;
  PgQueryOptions options;
  options.doing = "choose the encoding";
  Query("SET client_encoding = 'SQL_ASCII'", options);  // I.e. without conversion.
  encoding_ = encoding;
}

void PgConnection::PollUntilConnected(TimePoint deadline, const std::string& doing) {
  PostgresPollingStatusType status = PGRES_POLLING_WRITING;
  CertificateVerdict certificate;
  int retries = 0;
  while (status != PGRES_POLLING_OK) {
    if (status == PGRES_POLLING_FAILED) {
      // The whole handshake can happen within one PQconnectPoll, before we have seen the session.
      // That is rare, so try again a few times.
      constexpr int kRetriesMax = 8;
      const bool is_unexplained =
          certificate.Problem().empty() &&
          std::string_view(PQerrorMessage(connection_.get())).find("certificate verify failed") !=
              std::string_view::npos;
      if (!is_unexplained || retries == kRetriesMax || PQresetStart(connection_.get()) == 0) {
        ThrowConnectionError(doing, certificate.Problem());
      }
      ++retries;
      status = PGRES_POLLING_WRITING;
    }
    Wait(status == PGRES_POLLING_READING ? Direction::kRead : Direction::kWrite, deadline, doing);
    certificate.Look(connection_.get());
    status = PQconnectPoll(connection_.get());
  }
}

bool PgConnection::WaitUntil(Direction direction, TimePoint deadline, const std::string& doing) {
  pollfd descriptors[] = {
      {PQsocket(connection_.get()),
       static_cast<short>(direction == Direction::kRead ? POLLIN : POLLIN | POLLOUT), 0},
      {stop_.fd(), POLLIN, 0},
  };
  while (true) {
    if (stop_.requested()) throw TransientError("cannot " + doing + ": stopping");
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Now());
    if (left.count() <= 0) return false;
    const int ready =
        poll(descriptors, 2, static_cast<int>(std::min<int64_t>(left.count(), 60'000)));
    if (ready > 0 && descriptors[0].revents != 0) return true;
  }
}

void PgConnection::Wait(Direction direction, TimePoint deadline, const std::string& doing) {
  if (WaitUntil(direction, deadline, doing)) return;
  throw TransientError("cannot " + doing + ": no answer in time");
}

void PgConnection::WaitForAnswer(TimePoint deadline, const PgQueryOptions& options) {
  while (options.meanwhile && Now() + options.meanwhile_interval < deadline) {
    if (WaitUntil(Direction::kRead, Now() + options.meanwhile_interval, options.doing)) return;
    options.meanwhile();
  }
  Wait(Direction::kRead, deadline, options.doing);
}

void PgConnection::Send(const std::string& sql, TimePoint deadline, const PgQueryOptions& options) {
  if (PQsendQuery(connection_.get(), encoding_.Encode(sql).c_str()) == 0) {
    ThrowConnectionError(options.doing);
  }
  int unsent = 0;
  while ((unsent = PQflush(connection_.get())) == 1) {
    Wait(Direction::kWrite, deadline, options.doing);
    if (PQconsumeInput(connection_.get()) == 0) ThrowConnectionError(options.doing);
  }
  if (unsent < 0) ThrowConnectionError(options.doing);
}

PgResult PgConnection::NextResult(TimePoint deadline, const PgQueryOptions& options) {
  while (PQisBusy(connection_.get()) != 0) {
    try {
      WaitForAnswer(deadline, options);
    } catch (...) {
      // Otherwise the server would go on working for nobody, perhaps for hours, holding locks or a
      // slot.
      CancelQuietly();
      throw;
    }
    if (PQconsumeInput(connection_.get()) == 0) ThrowConnectionError(options.doing);
  }
  return PgResult(PQgetResult(connection_.get()), encoding_);
}

void PgConnection::CancelQuietly() { Cancel(CancelHandle(PQgetCancel(connection_.get()))); }

// In this order: a server process that cannot send does not look at the request, and the request
// takes a connection.
void PgConnection::Abandon() {
  const CancelHandle cancel(PQgetCancel(connection_.get()));
  connection_.reset();
  Cancel(cancel);
}

PgResult PgConnection::Run(const std::string& sql, const PgQueryOptions& options) {
  const TimePoint deadline = Now() + options.timeout;
  Send(sql, deadline, options);
  PgResult answer = NextResult(deadline, options);
  // The command ends when there are no more results; an error may follow the first one.
  while (true) {
    PgResult next = NextResult(deadline, options);
    if (next.get() == nullptr) break;
    if (PQresultStatus(next.get()) == PGRES_FATAL_ERROR) answer = std::move(next);
  }
  if (answer.get() == nullptr) ThrowConnectionError(options.doing);
  return answer;
}

PgResult PgConnection::Query(const std::string& sql, const PgQueryOptions& options) {
  PgResult answer = Run(sql, options);
  const ExecStatusType status = PQresultStatus(answer.get());
  if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) ThrowResultError(answer, options);
  return answer;
}

std::string PgConnection::Try(const std::string& sql, const PgQueryOptions& options,
                              std::initializer_list<std::string_view> expected) {
  const PgResult answer = Run(sql, options);
  const ExecStatusType status = PQresultStatus(answer.get());
  if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK) return "";
  const std::string state = FailureOf(answer.get()).sqlstate;
  if (std::find(expected.begin(), expected.end(), state) != expected.end()) return state;
  ThrowResultError(answer, options);
}

void PgConnection::StartCopy(const std::string& sql, const PgQueryOptions& options) {
  const TimePoint deadline = Now() + options.timeout;
  Send(sql, deadline, options);
  const PgResult result = NextResult(deadline, options);
  if (result.get() == nullptr) ThrowConnectionError(options.doing);
  const ExecStatusType status = PQresultStatus(result.get());
  if (status != PGRES_COPY_OUT && status != PGRES_COPY_BOTH) ThrowResultError(result, options);
  copy_doing_ = options.doing;
}

std::optional<std::span<char>> PgConnection::ReadCopyRow() {
  constexpr int kNothingYet = 0, kEnd = -1, kFailed = -2;
  while (true) {
    char* bytes = nullptr;
    const int length = PQgetCopyData(connection_.get(), &bytes, /*async=*/1);
    copy_row_.reset(bytes);
    if (length > 0) return std::span(bytes, static_cast<size_t>(length));
    if (length == kFailed) ThrowConnectionError(copy_doing_);
    if (length == kEnd) break;
    BW_CHECK(length == kNothingYet);
    Wait(Direction::kRead, TimePoint::max(), copy_doing_);
    if (PQconsumeInput(connection_.get()) == 0) ThrowConnectionError(copy_doing_);
  }
  FinishCopy(copy_doing_);
  return std::nullopt;
}

void PgConnection::AbandonCopy() {
  CancelQuietly();
  PgQueryOptions options;
  options.doing = copy_doing_;
  // Data already on its way must be read before the connection's next command.
  int length = 0;
  do {
    char* bytes = nullptr;
    length = PQgetCopyData(connection_.get(), &bytes, /*async=*/1);
    copy_row_.reset(bytes);
    if (length != 0) continue;
    Wait(Direction::kRead, Now() + options.timeout, copy_doing_);
    if (PQconsumeInput(connection_.get()) == 0) ThrowConnectionError(copy_doing_);
  } while (length >= 0);
  while (NextResult(Now() + options.timeout, options).get() != nullptr) {
  }
  if (PQstatus(connection_.get()) == CONNECTION_BAD) ThrowConnectionError(copy_doing_);
}

void PgConnection::FinishCopy(const std::string& doing) {
  PgQueryOptions options;
  options.doing = doing;
  const TimePoint deadline = Now() + options.timeout;
  while (true) {
    const PgResult result = NextResult(deadline, options);
    if (result.get() == nullptr) return;
    if (PQresultStatus(result.get()) == PGRES_FATAL_ERROR) ThrowResultError(result, options);
    // The server has ended its direction of a COPY BOTH; we end ours, and the end of the command
    // follows.
    if (PQresultStatus(result.get()) == PGRES_COPY_IN) PQputCopyEnd(connection_.get(), nullptr);
  }
}

bool PgConnection::is_connected() const { return PQstatus(connection_.get()) == CONNECTION_OK; }

int PgConnection::server_version() const { return PQserverVersion(connection_.get()); }

std::string PgConnection::Parameter(const char* name) const {
  const char* value = PQparameterStatus(connection_.get(), name);
  return value == nullptr ? "" : value;
}

std::string PgConnection::role() const {
  const char* user = PQuser(connection_.get());
  return user == nullptr ? "" : user;
}

int PgConnection::backend_pid() const { return PQbackendPID(connection_.get()); }

void PgConnection::ThrowConnectionError(const std::string& doing,
                                        const std::string& certificate_problem) const {
  PgFailure failure = ParseConnectFailure(PQerrorMessage(connection_.get()));
  if (!certificate_problem.empty()) failure.message += " (" + certificate_problem + ")";
  throw TranslatePgFailure(failure, {doing, LoginRemedy(failure, connection_.get())});
}

}  // namespace bw
