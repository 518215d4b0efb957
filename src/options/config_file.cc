#include "options/config_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <map>

#include "base/byte_size.h"
#include "base/error.h"
#include "base/format.h"
#include "base/log.h"

namespace bw {
namespace {

constexpr size_t kFileBytesMax = kMiB;

bool IsKeyCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '_' || c == '.';
}

class ConfigFileParser {
 public:
  ConfigFileParser(std::string_view name, std::string_view text) : name_(name), text_(text) {}

  std::vector<ConfigEntry> Parse() {
    RefuseBinary();
    while (true) {
      SkipToNextItem();
      if (AtEnd()) return std::move(entries_);
      if (Peek() == '[') {
        ReadSection();
      } else {
        ReadEntry();
      }
    }
  }

 private:
  [[noreturn]] void Fail(std::string_view problem) const {
    throw UsageError(fmt::format("{}:{}: {}", name_, line_, problem));
  }

  void RefuseBinary() const {
    if (text_.starts_with("\xEF\xBB\xBF") || text_.starts_with("\xFF\xFE") ||
        text_.starts_with("\xFE\xFF")) {
      Fail("the file starts with a byte order mark; save it as UTF-8 without one");
    }
    if (text_.find('\0') != std::string_view::npos) {
      Fail("the file has NUL bytes; it is not a text file");
    }
  }

  bool AtEnd() const { return offset_ >= text_.size(); }
  char Peek() const { return text_[offset_]; }
  bool AtLineEnd() const { return AtEnd() || Peek() == '\n'; }
  void Advance() {
    if (Peek() == '\n') ++line_;
    ++offset_;
  }
  void SkipSpaces() {
    while (!AtEnd() && (Peek() == ' ' || Peek() == '\t' || Peek() == '\r')) Advance();
  }
  void SkipComment() {
    if (AtEnd() || (Peek() != '#' && Peek() != ';')) return;
    while (!AtLineEnd()) Advance();
  }
  // Spaces, comments and line ends.
  void SkipToNextItem() {
    while (true) {
      SkipSpaces();
      SkipComment();
      if (AtEnd() || Peek() != '\n') return;
      Advance();
    }
  }
  void ExpectLineEnd(std::string_view after) {
    SkipSpaces();
    if (!AtEnd() && Peek() == '#') SkipComment();
    if (!AtLineEnd()) Fail(fmt::format("there is text after {}", after));
  }

  void ReadSection() {
    Advance();
    const size_t begin = offset_;
    while (!AtLineEnd() && Peek() != ']') Advance();
    const std::string_view section = text_.substr(begin, offset_ - begin);
    if (AtLineEnd()) Fail("a \"[\" without its \"]\"");
    Advance();
    if (section != "default") {
      Fail(fmt::format("sections are not supported, but here is [{}]", Printable(section)));
    }
    ExpectLineEnd("the section's name");
  }

  void ReadEntry() {
    const size_t begin = offset_;
    while (!AtEnd() && IsKeyCharacter(Peek())) Advance();
    const std::string_view key = text_.substr(begin, offset_ - begin);
    SkipSpaces();
    ConfigEntry entry{std::string(key), {}, line_};
    if (key.empty() || (!AtLineEnd() && Peek() != '=' && Peek() != '#')) {
      while (!AtLineEnd()) ++offset_;
      Fail("a line is written \"name = value\"");
    }
    if (const auto [first, added] = first_lines_.emplace(entry.key, line_); !added) {
      Fail(
          fmt::format("\"{}\" is given twice, first in line {}; several values are written "
                      "{} = [\"...\", \"...\"]",
                      entry.key, first->second, entry.key));
    }
    if (AtLineEnd() || Peek() == '#') {
      entry.values.emplace_back("true");
    } else {
      Advance();
      SkipSpaces();
      if (!AtEnd() && Peek() == '[') {
        ReadArray(&entry);
      } else {
        entry.values.push_back(ReadValue(/*in_array=*/false));
      }
    }
    ExpectLineEnd("the value");
    entries_.push_back(std::move(entry));
  }

  void ReadArray(ConfigEntry* entry) {
    Advance();
    while (true) {
      SkipToNextItem();
      if (AtEnd()) Fail(fmt::format("the \"[\" of line {} has no \"]\"", entry->line));
      if (Peek() == ']') break;
      entry->values.push_back(ReadValue(/*in_array=*/true));
      SkipToNextItem();
      if (!AtEnd() && Peek() == ',') {
        Advance();
      } else if (!AtEnd() && Peek() != ']') {
        Fail("values in [ ] are separated by commas");
      }
    }
    Advance();
  }

  std::string ReadValue(bool in_array) {
    if (AtLineEnd()) return "";
    if (Peek() == '"' || Peek() == '\'') return ReadQuoted(Peek());
    // Without quotes the value ends at a comment, which must follow a space.
    const size_t begin = offset_;
    size_t end = begin;  // After the last character that is not a space.
    while (!AtLineEnd()) {
      const char c = Peek();
      if (in_array && (c == ',' || c == ']')) break;
      if (c == '#' && (offset_ == begin || end < offset_)) break;
      Advance();
      if (c != ' ' && c != '\t' && c != '\r') end = offset_;
    }
    return std::string(text_.substr(begin, end - begin));
  }

  std::string ReadQuoted(char quote) {
    Advance();
    std::string value;
    while (!AtLineEnd() && Peek() != quote) {
      if (quote == '"' && Peek() == '\\') {
        Advance();
        value.push_back(ReadEscape());
      } else {
        value.push_back(Peek());
        Advance();
      }
    }
    if (AtLineEnd()) Fail(fmt::format("a {} without its end in the same line", quote));
    Advance();
    return value;
  }

  char ReadEscape() {
    const char c = AtEnd() ? '\n' : Peek();
    if (std::string_view(R"("\nt)").find(c) == std::string_view::npos) {
      Fail(R"(in "..." a backslash is followed by one of " \ n t)");
    }
    Advance();
    return c == 'n' ? '\n' : c == 't' ? '\t' : c;
  }

  std::string_view name_;
  std::string_view text_;
  size_t offset_ = 0;
  int line_ = 1;
  std::vector<ConfigEntry> entries_;
  std::map<std::string, int> first_lines_;
};

}  // namespace

std::vector<ConfigEntry> ParseConfigFile(std::string_view name, std::string_view text) {
  return ConfigFileParser(name, text).Parse();
}

FileText ReadSmallFile(std::string_view where, const std::string& path) {
  const auto fail = [&](int error) {
    throw UsageError(
        fmt::format("{}: cannot read \"{}\": {}", where, Printable(path), std::strerror(error)));
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

}  // namespace bw
