#include "options/exit_code_table.h"

namespace bw {
namespace {

constexpr ExitCodeMeaning kExitCodes[] = {
    {ExitCode::kOk, "Stopped on request (SIGTERM, SIGINT), or only printed something."},
    {ExitCode::kNoRelay,
     "status, pause, resume: no relay, or it refuses. remove, replay: something is left."},
    {ExitCode::kUsage, "Unknown option, bad value, unreadable configuration file."},
    {ExitCode::kRowRefused,
     "A row cannot be published; TRUNCATE and --on-truncate=halt; tail: an unreadable message."},
    {ExitCode::kUnkeyedTables, "Tables without replica identity, and no --allow-unkeyed."},
    {ExitCode::kLoginRefused, "PostgreSQL refused the login: password, role or database."},
    {ExitCode::kServerSetting,
     "A server's setting or version is unsuitable: wal_level, free slots."},
    {ExitCode::kMissingRight, "The role lacks a right; the message has the SQL that grants it."},
    {ExitCode::kInternal, "A defect of this program; please report it."},
    {ExitCode::kAnotherRelay, "Another relay uses this slot, spool or transactional.id."},
    {ExitCode::kSpoolUnusable,
     "The spool, or a command's output, cannot be written; or another's or a corrupt spool."},
    {ExitCode::kTryAgain,
     "check, tail and others: a server is away, or lets nobody in for now. A relay waits."},
    {ExitCode::kHaltGap, "Halt: changes were lost between the spool and the slot."},
    {ExitCode::kHaltSlot, "Halt: the slot is missing or was invalidated."},
    {ExitCode::kHaltForeignSlot, "Halt: a slot of that name exists, and it is not this relay's."},
    {ExitCode::kHaltKafka, "Halt: Kafka lost what was published, or is another cluster."},
    {ExitCode::kHaltOtherDatabase, "Halt: another database answers at that address."},
    {ExitCode::kHaltDatabaseWentBack, "Halt: the database went back to an older state."},
    {ExitCode::kHaltRegistry, "Halt: the schema registry lost ids that rows carry."},
};

}  // namespace

std::span<const ExitCodeMeaning> ExitCodeTable() { return kExitCodes; }

}  // namespace bw
