#pragma once

namespace bw {

// Whether a value's text could be encoded. The hot path returns it; only the row encoder, which
// knows the column, turns it into an Error.
enum class ValueStatus : unsigned char {
  kOk,
  kMalformed,    // Not the text that PostgreSQL prints for the type.
  kOutOfRange,   // A value of its type that the Avro type cannot hold.
  kInvalidUtf8,  // Bytes that an Avro string cannot hold.
  kNullInKey,    // A key identifies a row, and a null identifies none.
  kUnavailable,  // An unchanged TOASTed value that is nowhere to be had and has no placeholder.
};

}  // namespace bw
