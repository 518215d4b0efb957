#include "options/small_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/error.h"

namespace bw {
namespace {

class ReadSmallFileTest : public testing::Test {
 protected:
  ReadSmallFileTest() : directory_(testing::TempDir() + "/bw_config_XXXXXX") {
    EXPECT_NE(mkdtemp(directory_.data()), nullptr);
  }
  ~ReadSmallFileTest() override { std::filesystem::remove_all(directory_); }
  std::string Write(const std::string& text, mode_t mode) {
    const std::string path = directory_ + "/file";
    std::ofstream(path) << text;
    EXPECT_EQ(chmod(path.c_str(), mode), 0);
    return path;
  }
  static std::string RefusalOf(const std::string& path) {
    try {
      ReadSmallFile("--config", path);
    } catch (const Error& error) {
      EXPECT_EQ(error.exit_code(), ExitCode::kUsage);
      return error.what();
    }
    return "";
  }

  std::string directory_;
};

TEST_F(ReadSmallFileTest, KnowsWhetherEverybodyMayRead) {
  EXPECT_TRUE(ReadSmallFile("--config", Write("x", 0644)).world_readable);
  const FileText file = ReadSmallFile("--config", Write("secret", 0640));
  EXPECT_FALSE(file.world_readable);
  EXPECT_EQ(file.text, "secret");
}

TEST_F(ReadSmallFileTest, RefusesWhatIsNoSmallFile) {
  EXPECT_EQ(RefusalOf("/nowhere/x"),
            "--config: cannot read \"/nowhere/x\": No such file or directory");
  EXPECT_EQ(RefusalOf(directory_), "--config: cannot read \"" + directory_ + "\": Is a directory");
  EXPECT_NE(RefusalOf("/run/credentials/x.service/kafka").find("name another file"),
            std::string::npos);
  EXPECT_NE(RefusalOf("").find("cannot read"), std::string::npos);
  // Endless, as a file of 100 MB would be for its reader: given up after the first MiB.
  EXPECT_NE(RefusalOf("/dev/zero").find("is larger than 1 MiB"), std::string::npos);
}

}  // namespace
}  // namespace bw
