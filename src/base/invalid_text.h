#pragma once

namespace bw {

// What to do with a text that cannot be converted to UTF-8 (--invalid-text): arbitrary bytes in an
// SQL_ASCII database, bytes that WIN1252 and the like do not assign, "char" values in any encoding.
enum class InvalidText {
  kError,    // The row is refused, as --on-error says.
  kReplace,  // U+FFFD replaces each byte that is not part of a character.
  kBytes,    // Texts of SQL_ASCII and one-byte databases are Avro bytes, exactly the server's.
};

}  // namespace bw
