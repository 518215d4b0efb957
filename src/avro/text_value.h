#pragma once

#include <string_view>

namespace bw {

// One column of a tuple in PostgreSQL's text format. A view: the bytes must outlive it.
struct TextValue {
  enum class Kind : unsigned char {
    kNull,
    kText,
    // A TOASTed value that the UPDATE did not change; the WAL does not have it.
    kUnchangedToast,
  };

  static TextValue Null() { return {Kind::kNull, {}}; }
  static TextValue Text(std::string_view text) { return {Kind::kText, text}; }
  static TextValue UnchangedToast() { return {Kind::kUnchangedToast, {}}; }

  Kind kind = Kind::kNull;
  std::string_view text;  // Only for kText.
};

}  // namespace bw
