#pragma once

#include <cstddef>
#include <string>

namespace bw {

// Lines on their way to a file descriptor. Only whole lines are written when they are appended as a
// whole. Not thread-safe.
class Output {
 public:
  explicit Output(int descriptor) : descriptor_(descriptor) {}

  // Where lines are appended.
  std::string* buffer() { return &buffer_; }
  bool is_empty() const { return buffer_.empty(); }
  bool is_full() const { return buffer_.size() >= kBytesMax; }

  // Writes all of it. False when nobody reads it any more (EPIPE); nothing may follow then. Throws
  // an Error for every other failure.
  bool Flush();
  bool is_terminal() const;
  // Whether the other end of a pipe is closed, as far as can be told without writing.
  bool reader_is_gone() const;

 private:
  static constexpr size_t kBytesMax = 64 * 1024;

  const int descriptor_;
  std::string buffer_;
};

}  // namespace bw
