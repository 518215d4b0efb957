#pragma once

#include <cstddef>
#include <stdexcept>
#include <string>
#include <utility>

namespace bw {

// What the process exits with. Part of the interface: listed in --help and docs/operations.md.
// Codes 64 to 75 follow sysexits.h where it has a word for the case.
enum class ExitCode : int {
  kOk = 0,
  kNoRelay = 1,             // No relay runs on the spool; remove, replay: something is left.
  kUsage = 64,              // Unknown option, bad value, unreadable configuration file.
  kRowRefused = 65,         // A row cannot be published, and --on-error=exit.
  kUnkeyedTables = 66,      // Tables without replica identity, and no --allow-unkeyed.
  kLoginRefused = 67,       // Wrong password, role or database; or a certificate is not valid.
  kServerSetting = 68,      // wal_level, no free slot, version, synchronous_standby_names.
  kMissingRight = 69,       // The role may not do what is needed.
  kInternal = 70,           // A defect of this program.
  kAnotherRelay = 73,       // The slot is active, the spool is locked, or we were fenced.
  kSpoolUnusable = 74,      // The spool directory cannot be written, or is not ours, or is corrupt.
  kTryAgain = 75,           // A server is away or lets nobody in for now. A relay waits for it.
  kHaltGap = 80,            // Changes were lost between the spool and the slot.
  kHaltSlot = 81,           // The slot is missing, invalidated or was recreated.
  kHaltForeignSlot = 82,    // A slot of that name exists, and it is not ours.
  kHaltKafka = 83,          // Kafka lost what was published, or is another cluster.
  kHaltOtherDatabase = 84,  // Another database answers at that address.
  kHaltDatabaseWentBack = 85,  // The database was restored to, or failed over to, an older state.
  kHaltRegistry = 86,          // The schema registry has lost, or given away, published ids.
};

// What an error means for the session in which it happened. What each kind leads to is one table,
// relay/error_policy.h, which only the session loops consult.
enum class ErrorKind {
  kTransient,  // End the session, back off, start it again from durable state.
  kFenced,     // A newer producer has our transactional.id.
  kHalt,       // Keep everything as it is, say what was found and each remedy, exit.
  kRow,        // A row cannot be represented or published: --on-error decides.
  kUsage,      // An option or its value is wrong.
};

constexpr size_t kErrorKinds = 5;

const char* ToString(ErrorKind kind);

// What to do with a row that cannot be captured or published (--on-error). An outage of a server is
// never such an error.
enum class OnError {
  kLog,         // Count it, log where it was (never its values), go on without it.
  kExit,        // Stop before it; nothing after it is published.
  kDeadLetter,  // Publish it to the dead-letter topic, with the reason, and go on.
  kHold,        // Its table stops there, in the spool; the others go on.
};

// Of an Error that names none.
constexpr ExitCode DefaultExitCode(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kTransient:
      return ExitCode::kTryAgain;
    case ErrorKind::kUsage:
      return ExitCode::kUsage;
    case ErrorKind::kFenced:
    case ErrorKind::kHalt:
    case ErrorKind::kRow:
      break;
  }
  return ExitCode::kInternal;
}

// A failed operation. `what()` is one message for a person: it names the thing (slot, LSN, topic,
// table, file), says what was found and, where there is one, the remedy. It never holds a password
// or row data.
class Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, const std::string& what) : Error(kind, what, DefaultExitCode(kind)) {}
  Error(ErrorKind kind, const std::string& what, ExitCode exit_code)
      : std::runtime_error(what), kind_(kind), exit_code_(exit_code) {}

  ErrorKind kind() const { return kind_; }
  // What the process exits with if this error ends it.
  ExitCode exit_code() const { return exit_code_; }

  // For an error that may recur at the same place until somebody acts: the place ("transaction
  // 0/15E1D60") and the remedy. "" for all others, but a refusal may have a remedy, too.
  const std::string& place() const { return place_; }
  const std::string& remedy() const { return remedy_; }
  // Whether a server answered and refused: it is not away, and somebody must change something.
  bool is_refusal() const { return is_refusal_; }
  Error AsRefusal(std::string remedy) const {
    Error error = *this;
    error.is_refusal_ = true;
    error.remedy_ = std::move(remedy);
    return error;
  }
  Error At(std::string place, std::string remedy) const {
    Error error = *this;
    error.place_ = std::move(place);
    error.remedy_ = std::move(remedy);
    return error;
  }

 private:
  ErrorKind kind_;
  ExitCode exit_code_;
  std::string place_;
  std::string remedy_;
  bool is_refusal_ = false;
};

inline Error TransientError(const std::string& what) { return Error(ErrorKind::kTransient, what); }
inline Error RowError(const std::string& what) {
  return Error(ErrorKind::kRow, what, ExitCode::kRowRefused);
}
inline Error UsageError(const std::string& what) { return Error(ErrorKind::kUsage, what); }

// Asserts what must hold whatever happens outside; active in release builds too. A failed check
// aborts, which leaves durable state as any crash leaves it: recoverable. Malformed input from
// outside is never a check; it is an Error.
[[noreturn]] void CheckFailed(const char* condition, const char* file, int line);

#define BW_CHECK(condition) \
  ((condition) ? static_cast<void>(0) : ::bw::CheckFailed(#condition, __FILE__, __LINE__))

}  // namespace bw
