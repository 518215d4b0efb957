#include "options/small_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "base/byte_size.h"
#include "base/error.h"
#include "base/format.h"
#include "base/shown_text.h"

namespace bw {
namespace {

constexpr size_t kFileBytesMax = kMiB;

}  // namespace

FileText ReadSmallFile(std::string_view where, const std::string& path) {
  const auto fail = [&](int error) {
    // By hand, one meets them in the configuration that the service has as well.
    const bool is_credential = path.starts_with("/run/credentials/");
    throw UsageError(
        fmt::format("{}: cannot read \"{}\": {}{}", where, Printable(path), std::strerror(error),
                    is_credential ? "; systemd's credentials are there for the running "
                                    "service only: name another file on the command "
                                    "line"
                                  : ""));
  };
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) fail(errno);
  struct Closer {
    int fd;
    ~Closer() { close(fd); }
  } const closer{fd};
  struct stat status {};
  if (fstat(fd, &status) != 0) fail(errno);
  if (S_ISDIR(status.st_mode)) fail(EISDIR);
  FileText file;
  // Nobody else can read a pipe, e.g. of the shell's <(...).
  file.world_readable = S_ISREG(status.st_mode) && (status.st_mode & S_IROTH) != 0;
  char buffer[16 * kKiB];
  while (true) {
    const ssize_t count = read(fd, buffer, sizeof(buffer));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail(errno);
    if (count == 0) return file;
    file.text.append(buffer, static_cast<size_t>(count));
    if (file.text.size() > kFileBytesMax) {
      throw UsageError(fmt::format("{}: \"{}\" is larger than {}; is it the right file?", where,
                                   Printable(path), FormatSize(kFileBytesMax)));
    }
  }
}

std::string ReadSecretFile(std::string_view where, const std::string& path) {
  FileText file = ReadSmallFile(where, path);
  if (file.world_readable) {
    throw UsageError(fmt::format("{}: every user of this machine can read \"{}\"; chmod 600 it",
                                 where, Printable(path)));
  }
  return std::move(file.text);
}

}  // namespace bw
