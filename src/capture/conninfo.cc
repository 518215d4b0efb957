#include "capture/conninfo.h"

#include <fmt/format.h>
#include <libpq-fe.h>

#include <algorithm>
#include <memory>

#include "base/comma_list.h"
#include "base/error.h"
#include "base/parse_whole.h"
#include "base/shown_text.h"

namespace bw {
namespace {

// Defaults of a role or database must not change the text of values, end a snapshot, hide a
// warning, keep us from changing a publication, or make us wait for a standby while holding locks.
// Settings that older servers do not know are set by PgConnection::Connect.
constexpr const char* kSessionSettings =
    "-cdatestyle=ISO -cintervalstyle=iso_8601 -ctimezone=UTC -cbytea_output=hex "
    "-cextra_float_digits=3 -crow_security=off -csearch_path= -cstandard_conforming_strings=on "
    "-cstatement_timeout=0 -cidle_in_transaction_session_timeout=0 -cclient_min_messages=warning "
    "-cdefault_transaction_read_only=off -cdefault_transaction_isolation=read\\ committed "
    "-csynchronous_commit=local";

// Our statements do not wait long for a lock, except those that set another limit in their
// transaction. Replication connections lock no tables, but creating a slot waits for transactions
// to end, which PostgreSQL implements as a lock: see CreateSlot.
constexpr int kLockTimeoutMs = 2'000;

// Half-open connections are noticed after about a minute. The user's own values take precedence.
constexpr std::pair<const char*, const char*> kDefaults[] = {
    {"fallback_application_name", "bottledwater"},
    {"keepalives", "1"},
    {"keepalives_idle", "30"},
    {"keepalives_interval", "10"},
    {"keepalives_count", "3"},
    {"tcp_user_timeout", "60000"},
};

// Only the name of an option that libpq does not know is worth repeating, and only if no password
// is near.
bool MayHoldPassword(const std::string& conninfo, std::string_view problem) {
  return conninfo.find("password") != std::string::npos ||
         conninfo.find('@') != std::string::npos ||
         problem.find("invalid connection option") == std::string_view::npos;
}

// libpq quotes the part that it does not understand, which may be part of a password.
std::string WithoutQuoted(std::string_view message) {
  std::string out;
  bool quoted = false;
  for (const char c : message) {
    if (c == '"') {
      if (!quoted) out += "\"...\"";
      quoted = !quoted;
    } else if (!quoted) {
      out.push_back(c);
    }
  }
  return out;
}

[[noreturn]] void Refuse(const std::string& conninfo, std::string_view problem) {
  throw UsageError(fmt::format(
      "--postgres: not a connection string: {}. Give a URI (postgresql://user@host:5432/db) or "
      "keywords (host=... dbname=... user=...)",
      Printable(MayHoldPassword(conninfo, problem) ? WithoutQuoted(problem)
                                                   : std::string(problem))));
}

using Entries = std::vector<std::pair<std::string, std::string>>;

// What libpq reads in a connection string, URI or keywords.
class ParsedConninfo {
 public:
  explicit ParsedConninfo(const std::string& conninfo)
      : options_(PQconninfoParse(conninfo.c_str(), &message_), &PQconninfoFree),
        message_owner_(message_, &PQfreemem) {}

  bool valid() const { return options_ != nullptr; }
  const char* problem() const { return message_ == nullptr ? "out of memory" : message_; }

  // Calls `visit` for each option that the string gives.
  template <class Visit>
  void ForEach(Visit visit) const {
    for (const PQconninfoOption* option = options_.get(); option->keyword != nullptr; ++option) {
      if (option->val != nullptr) visit(*option);
    }
  }

 private:
  char* message_ = nullptr;
  const std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)> options_;
  const std::unique_ptr<char, decltype(&PQfreemem)> message_owner_;
};

// As in psql: a single word is a database. What looks like a URI without its scheme is none:
// PostgreSQL would name all of it, the password too, as a database that does not exist.
bool IsBareDatabaseName(const std::string& conninfo) {
  return conninfo.find_first_of("=:@/ \t\r\n") == std::string::npos;
}

bool IsUri(std::string_view conninfo) {
  return conninfo.starts_with("postgres://") || conninfo.starts_with("postgresql://");
}

// A raw "@" or "/" in a URI's password ends it too early; libpq takes the rest as one of these.
bool MayBePartOfPassword(std::string_view keyword, std::string_view value) {
  return value.find('@') != std::string_view::npos &&
         (keyword == "host" || keyword == "hostaddr" || keyword == "port" || keyword == "dbname");
}

// A raw "@" in a URI, beside that after the user: libpq would take part of a password for the host
// or the database, and messages would name it.
void RefuseRawAt(const std::string& conninfo, const ParsedConninfo& parsed) {
  bool has_user = false;
  bool is_misread = false;
  parsed.ForEach([&](const PQconninfoOption& option) {
    has_user |= std::string_view(option.keyword) == "user";
    is_misread |= MayBePartOfPassword(option.keyword, option.val);
  });
  const std::string address = conninfo.substr(0, conninfo.find('?'));
  if (is_misread && std::ranges::count(address, '@') > (has_user ? 1 : 0)) {
    throw UsageError(
        "--postgres: an @ or / in a password of a URI is written %40 or %2F; or give the password "
        "in ~/.pgpass");
  }
}

Entries ParseConninfo(const std::string& conninfo) {
  if (conninfo.empty()) throw UsageError("--postgres is required: which database to capture");
  if (conninfo.find('\0') != std::string::npos) Refuse(conninfo, "it holds a NUL byte");
  if (IsBareDatabaseName(conninfo)) return {{"dbname", conninfo}};

  const ParsedConninfo parsed(conninfo);
  if (!parsed.valid()) {
    if (conninfo.find('=') == std::string::npos && !IsUri(conninfo)) {
      Refuse(conninfo, "it has neither a scheme (postgresql://) nor an =");
    }
    Refuse(conninfo, parsed.problem());
  }
  if (IsUri(conninfo)) RefuseRawAt(conninfo, parsed);
  Entries entries;
  parsed.ForEach(
      [&](const PQconninfoOption& option) { entries.emplace_back(option.keyword, option.val); });
  return entries;
}

std::string* Find(Entries* entries, const char* keyword) {
  for (auto& [name, value] : *entries) {
    if (name == keyword) return &value;
  }
  return nullptr;
}

void Set(Entries* entries, const char* keyword, const std::string& value) {
  if (std::string* existing = Find(entries, keyword)) {
    *existing = value;
  } else {
    entries->emplace_back(keyword, value);
  }
}

// libpq would check it only on connecting. One number, or one per host.
void RequirePorts(std::string_view ports) {
  constexpr int kPortMax = 65535;
  ForEachBetweenCommas(ports, [](std::string_view port) {
    const auto number = ParseWhole<int>(port);
    if (!port.empty() && (!number || *number < 1 || *number > kPortMax)) {
      throw UsageError("--postgres: the port must be a number from 1 to 65535");
    }
  });
}

// libpq enforces connect_timeout only in its blocking functions; we use the non-blocking ones.
Duration ConnectTimeoutOf(Entries* entries, Duration default_timeout) {
  const std::string* text = Find(entries, "connect_timeout");
  if (text == nullptr) return default_timeout;
  const auto seconds = ParseWhole<int>(*text);
  if (!seconds || *seconds < 0) {
    throw UsageError("--postgres: connect_timeout is not a number of seconds");
  }
  // 0 is libpq's "wait forever", which we never do.
  return *seconds == 0 ? default_timeout : Duration(std::chrono::seconds(*seconds));
}

// libpq marks them as not to be shown.
bool IsSecret(const PQconninfoOption& option) {
  return std::string_view(option.dispchar).starts_with('*');
}

// As a value in a connection string.
std::string QuotedValue(std::string_view value) {
  if (!value.empty() && value.find_first_of(" \t\r\n\v\f'\\") == std::string_view::npos) {
    return std::string(value);
  }
  std::string out = "'";
  for (const char c : value) {
    if (c == '\'' || c == '\\') out.push_back('\\');
    out.push_back(c);
  }
  return out + "'";
}

}  // namespace

ConnectParameters BuildConnectParameters(const std::string& conninfo, bool replication,
                                         Duration default_connect_timeout) {
  ConnectParameters parameters;
  auto& entries = parameters.entries;
  entries = ParseConninfo(conninfo);
  parameters.connect_timeout = ConnectTimeoutOf(&entries, default_connect_timeout);
  if (const std::string* ports = Find(&entries, "port")) RequirePorts(*ports);
  for (const auto& [keyword, value] : kDefaults) {
    if (Find(&entries, keyword) == nullptr) entries.emplace_back(keyword, value);
  }
  Set(&entries, "client_encoding", "UTF8");
  const std::string* own_options = Find(&entries, "options");
  const std::string settings =
      fmt::format("{} -clock_timeout={}", kSessionSettings, replication ? 0 : kLockTimeoutMs);
  Set(&entries, "options", own_options == nullptr ? settings : *own_options + " " + settings);
  if (replication) Set(&entries, "replication", "database");
  return parameters;
}

std::string RedactedConninfo(const std::string& conninfo) {
  constexpr std::string_view kLeftOut = "(a connection string that cannot be read)";
  if (IsBareDatabaseName(conninfo)) return Printable("dbname=" + conninfo);
  const ParsedConninfo parsed(conninfo);
  bool readable = parsed.valid();
  std::string out;
  if (readable) {
    parsed.ForEach([&](const PQconninfoOption& option) {
      if (MayBePartOfPassword(option.keyword, option.val)) readable = false;
      if (!out.empty()) out.push_back(' ');
      out +=
          fmt::format("{}={}", option.keyword, IsSecret(option) ? "***" : QuotedValue(option.val));
    });
  }
  return readable ? Printable(out) : std::string(kLeftOut);
}

bool HasPassword(const std::string& conninfo) {
  const ParsedConninfo parsed(conninfo);
  bool has = false;
  if (parsed.valid()) {
    parsed.ForEach([&](const PQconninfoOption& option) { has |= IsSecret(option); });
  }
  return has;
}

}  // namespace bw
