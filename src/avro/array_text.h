#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "avro/value_kind.h"

// The text of PostgreSQL's arrays, as array_out() in the server's arrayfuncs.c prints it. Pure.
//
//   array    := bounds? nested
//   bounds   := ('[' lower ':' upper ']')+ '='      when a lower bound is not 1
//   nested   := '{' (nested | element) (delimiter (nested | element))* '}' | "{}"
//   element  := NULL | unquoted | '"' (character | '\' character)* '"'
// An element is quoted when it is empty, reads as NULL, or has a quote, a backslash, a brace, the
// delimiter or white space.

namespace bw {

// Reads an array of one dimension that begins with index 1, from left to right. The texts must
// outlive the reader and its elements.
class ArrayReader {
 public:
  struct Element {
    bool is_null = false;
    std::string_view text;  // Valid until the next call of Next().
  };

  ArrayReader(std::string_view text, char delimiter);

  // kOk; kTextBeside for an array of more dimensions, or with other bounds; kMalformed.
  ValueStatus status() const { return status_; }
  // False after the last element, and when status() is no longer kOk.
  bool Next(Element* element);

 private:
  bool NextQuoted(Element* element);
  bool NextUnquoted(Element* element);
  // What follows an element: a delimiter, or the closing brace and the end.
  bool Separate();
  bool Fail() {
    status_ = ValueStatus::kMalformed;
    return false;
  }

  std::string_view rest_;
  const char delimiter_;
  ValueStatus status_ = ValueStatus::kOk;
  bool at_end_ = false;
  std::string unescaped_;  // Of an element with backslashes.
};

// No less than the number of elements; quoted elements may have delimiters, too.
size_t ElementsAtMost(std::string_view text, char delimiter);

}  // namespace bw
