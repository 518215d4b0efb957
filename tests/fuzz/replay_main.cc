// Stands in for libFuzzer where the compiler is not clang: runs each file of the given folders
// through the target, and names the file at which it fails.
//
// Usage: replay_<target> FOLDER|FILE...

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

char current_file[4096];

void Say(const char* text) {
  if (write(STDERR_FILENO, text, strlen(text)) < 0) return;
}

// A failed check or an exception that is not ours aborts.
void OnCrash(int signal_number) {
  Say("replay: the target fails at ");
  Say(current_file);
  Say("\n");
  signal(signal_number, SIG_DFL);
  raise(signal_number);
}

std::vector<std::filesystem::path> FilesOf(int argc, char** argv) {
  std::vector<std::filesystem::path> files;
  for (int i = 1; i < argc; ++i) {
    if (!std::filesystem::is_directory(argv[i])) {
      files.emplace_back(argv[i]);
      continue;
    }
    for (const auto& entry : std::filesystem::directory_iterator(argv[i])) {
      if (entry.is_regular_file()) files.push_back(entry.path());
    }
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

int main(int argc, char** argv) {
  for (const int signal_number : {SIGABRT, SIGSEGV, SIGFPE, SIGILL, SIGBUS}) {
    signal(signal_number, OnCrash);
  }
  const std::vector<std::filesystem::path> files = FilesOf(argc, argv);
  if (files.empty()) {
    Say("replay: there is no file to replay\n");
    return 1;
  }
  for (const std::filesystem::path& path : files) {
    snprintf(current_file, sizeof(current_file), "%s", path.c_str());
    std::ifstream file(path, std::ios::binary);
    const std::string bytes((std::istreambuf_iterator<char>(file)), {});
    if (!file) {
      Say("replay: cannot read ");
      Say(current_file);
      Say("\n");
      return 1;
    }
    LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
  }
  std::printf("%zu files replayed\n", files.size());
  return 0;
}
