#pragma once

namespace bw {

// Whether a value's text could be encoded. RowEncoder, which knows the column, turns it into an
// Error.
enum class ValueStatus : unsigned char {
  kOk,
  kMalformed,    // Not the text that PostgreSQL prints for the type.
  kOutOfRange,   // A value of its type that the Avro type cannot hold.
  kInvalidUtf8,  // Bytes that an Avro string cannot hold.
  kNullInKey,    // A key identifies a row, and a null identifies none.
  kUnavailable,  // An unchanged TOASTed value whose type has no placeholder.
};

}  // namespace bw
