#pragma once

namespace bw {

// What becomes of a text that has no UTF-8 (--invalid-text): bytes of any kind in an SQL_ASCII
// database, bytes without a character in one of WIN1252, "char" values in any.
enum class InvalidText {
  kError,    // The row is refused, as --on-error says.
  kReplace,  // U+FFFD stands for each byte that is no part of a character.
  kBytes,    // Texts of SQL_ASCII and one-byte databases are Avro bytes, exactly the server's.
};

}  // namespace bw
