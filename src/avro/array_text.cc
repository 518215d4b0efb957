#include "avro/array_text.h"

#include <algorithm>

namespace bw {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

bool TakeNumber(std::string_view* text) {
  if (text->starts_with('-')) text->remove_prefix(1);
  const auto end = std::find_if_not(text->begin(), text->end(), IsDigit);
  const auto digits = static_cast<size_t>(end - text->begin());
  text->remove_prefix(digits);
  return digits > 0;
}

bool Take(char c, std::string_view* text) {
  if (!text->starts_with(c)) return false;
  text->remove_prefix(1);
  return true;
}

bool TakeBounds(std::string_view* text) {
  while (Take('[', text)) {
    if (!TakeNumber(text) || !Take(':', text) || !TakeNumber(text) || !Take(']', text)) {
      return false;
    }
  }
  return Take('=', text);
}

// Whether the braces outside of quotes match, and the last one ends the text.
bool AreBracesMatched(std::string_view text) {
  size_t depth = 0;
  bool is_quoted = false;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '"') {
      is_quoted = !is_quoted;
    } else if (is_quoted) {
      if (text[i] == '\\') ++i;
    } else if (text[i] == '{') {
      ++depth;
    } else if (text[i] == '}') {
      if (depth == 0) return false;
      if (--depth == 0) return i + 1 == text.size();
    } else if (depth == 0) {
      return false;
    }
  }
  return false;
}

ValueStatus StatusOf(std::string_view text) {
  const bool has_bounds = text.starts_with('[');
  if (has_bounds && !TakeBounds(&text)) return ValueStatus::kMalformed;
  if (!has_bounds && !text.starts_with("{{")) return ValueStatus::kOk;
  return AreBracesMatched(text) ? ValueStatus::kTextBeside : ValueStatus::kMalformed;
}

}  // namespace

ArrayReader::ArrayReader(std::string_view text, char delimiter)
    : rest_(text), delimiter_(delimiter), status_(StatusOf(text)) {
  if (status_ != ValueStatus::kOk) return;
  if (!Take('{', &rest_)) {
    Fail();
  } else if (rest_ == "}") {
    at_end_ = true;
  }
}

bool ArrayReader::Next(Element* element) {
  if (at_end_ || status_ != ValueStatus::kOk) return false;
  return rest_.starts_with('"') ? NextQuoted(element) : NextUnquoted(element);
}

bool ArrayReader::NextQuoted(Element* element) {
  rest_.remove_prefix(1);
  const size_t stop = rest_.find_first_of("\"\\");
  if (stop == rest_.npos) return Fail();
  *element = {false, rest_.substr(0, stop)};
  rest_.remove_prefix(stop);
  if (rest_.front() == '\\') {
    unescaped_ = element->text;
    while (Take('\\', &rest_)) {
      if (rest_.empty()) return Fail();
      // The first character is as it is, whatever it is.
      const size_t run = std::min(rest_.find_first_of("\"\\", 1), rest_.size());
      unescaped_ += rest_.substr(0, run);
      rest_.remove_prefix(run);
    }
    if (rest_.empty()) return Fail();
    element->text = unescaped_;
  }
  rest_.remove_prefix(1);
  return Separate();
}

bool ArrayReader::NextUnquoted(Element* element) {
  const char stops[] = {delimiter_, '}', '"', '\\', '{'};
  const size_t stop = rest_.find_first_of(std::string_view(stops, sizeof(stops)));
  if (stop == 0 || stop == rest_.npos) return Fail();
  *element = {false, rest_.substr(0, stop)};
  element->is_null = element->text == "NULL";
  rest_.remove_prefix(stop);
  return Separate();
}

bool ArrayReader::Separate() {
  if (Take(delimiter_, &rest_)) return true;
  if (!Take('}', &rest_) || !rest_.empty()) return Fail();
  at_end_ = true;
  return true;
}

size_t ElementsAtMost(std::string_view text, char delimiter) {
  return static_cast<size_t>(std::count(text.begin(), text.end(), delimiter)) + 1;
}

}  // namespace bw
