#pragma once

namespace bw {

// What the process exits with. Part of the interface: listed in --help and docs/operations.md.
// Codes 64 to 74 follow sysexits.h where it has a word for the case.
enum class ExitCode : int {
  kOk = 0,
  kNoRelay = 1,             // status, pause, resume: no relay runs on the spool.
  kUsage = 64,              // Unknown option, bad value, unreadable configuration file.
  kRowRefused = 65,         // A row cannot be published, and --on-error=exit.
  kUnkeyedTables = 66,      // Tables without replica identity, and no --allow-unkeyed.
  kLoginRefused = 67,       // Wrong password, role or database; or a certificate is not valid.
  kServerSetting = 68,      // wal_level, no free slot, version, synchronous_standby_names.
  kMissingRight = 69,       // The role may not do what is needed.
  kInternal = 70,           // A defect of this program.
  kAnotherRelay = 73,       // The slot is active, the spool is locked, or we were fenced.
  kSpoolUnusable = 74,      // The spool directory cannot be written, or is not ours, or is corrupt.
  kHaltGap = 80,            // Changes were lost between the spool and the slot.
  kHaltSlot = 81,           // The slot is missing, invalidated or was recreated.
  kHaltForeignSlot = 82,    // A slot of that name exists, and it is not ours.
  kHaltKafka = 83,          // Kafka lost what was published, or is another cluster.
  kHaltOtherDatabase = 84,  // Another database answers at that address.
  kHaltDatabaseWentBack = 85,  // The database was restored to, or failed over to, an older state.
  kHaltRegistry = 86,          // The schema registry has lost, or given away, published ids.
};

}  // namespace bw
