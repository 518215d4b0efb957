#pragma once

#include <cstddef>
#include <cstdint>
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

  // Writes all of it. False when nobody reads it any more (EPIPE). Throws an Error for every other
  // failure. After a failed write, which may have written a part, nothing is written any more:
  // every later call is false.
  bool Flush();
  // How much of all that was appended since the beginning has been written.
  uint64_t bytes_written() const { return bytes_written_; }
  // Where the buffer ends, in bytes since the beginning. Until a write fails.
  uint64_t bytes_appended() const { return bytes_written_ + buffer_.size(); }
  bool is_terminal() const;
  // Whether the other end of a pipe is closed, as far as can be told without writing.
  bool reader_is_gone() const;

 private:
  static constexpr size_t kBytesMax = 64 * 1024;

  const int descriptor_;
  std::string buffer_;
  uint64_t bytes_written_ = 0;
  bool has_failed_ = false;
};

}  // namespace bw
