// Lines on their way out: what was written after a failure, and what is said of it.

#include "tail/output.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <string>

#include "base/error.h"

namespace bw {
namespace {

// A file that has no name any more.
int TemporaryFile() {
  std::string name = testing::TempDir() + "bottledwater-output.XXXXXX";
  const int descriptor = mkstemp(name.data());
  unlink(name.c_str());
  return descriptor;
}

std::string ContentsOf(int descriptor) {
  std::string contents(1000, '\0');
  const ssize_t size = pread(descriptor, contents.data(), contents.size(), 0);
  contents.resize(size < 0 ? 0 : static_cast<size_t>(size));
  return contents;
}

// As on a disk without room: files of this process cannot grow beyond this.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    getrlimit(RLIMIT_FSIZE, &before_);
    rlimit limit = before_;
    limit.rlim_cur = bytes;
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() {
    setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;

 private:
  void (*const handler_)(int);
  rlimit before_{};
};

ExitCode FailureOf(Output* output) {
  try {
    output->Flush();
  } catch (const Error& error) {
    return error.exit_code();
  }
  return ExitCode::kOk;
}

TEST(Output, WritesNothingAfterAWriteThatFailedHalfWay) {
  const int file = TemporaryFile();
  ASSERT_GE(file, 0);
  Output output(file);
  *output.buffer() += "one\n";
  EXPECT_TRUE(output.Flush());
  *output.buffer() += "two\nthree\n";
  {
    const FileSizeLimit limit(10);
    EXPECT_EQ(FailureOf(&output), ExitCode::kSpoolUnusable);
  }
  EXPECT_EQ(output.bytes_written(), 10U);
  // There is room again.
  EXPECT_FALSE(output.Flush());
  *output.buffer() += "four\n";
  EXPECT_FALSE(output.Flush());
  EXPECT_EQ(ContentsOf(file), "one\ntwo\nth");
  EXPECT_EQ(output.bytes_written(), 10U);
  close(file);
}

TEST(Output, ThatCannotBeWrittenHasTheExitCodeOfTheTable) {
  const int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
  const int closed = -1;
  for (const int descriptor : {full, closed}) {
    Output output(descriptor);
    *output.buffer() += "line\n";
    EXPECT_EQ(FailureOf(&output), ExitCode::kSpoolUnusable);
    EXPECT_FALSE(output.Flush());
  }
  close(full);
}

TEST(Output, ThatNobodyReadsIsNoError) {
  void (*const handler)(int) = std::signal(SIGPIPE, SIG_IGN);
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  Output output(ends[1]);
  *output.buffer() += "one\n";
  EXPECT_TRUE(output.Flush());
  EXPECT_FALSE(output.reader_is_gone());
  close(ends[0]);
  EXPECT_TRUE(output.reader_is_gone());
  *output.buffer() += "two\n";
  EXPECT_FALSE(output.Flush());
  EXPECT_FALSE(output.Flush());
  EXPECT_EQ(output.bytes_written(), 4U);
  close(ends[1]);
  std::signal(SIGPIPE, handler);
}

}  // namespace
}  // namespace bw
