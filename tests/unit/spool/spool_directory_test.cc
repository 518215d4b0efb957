#include "spool/spool_directory.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <memory>

#include "base/error.h"

namespace bw {
namespace {

namespace fs = std::filesystem;

class SpoolDirectoryTest : public testing::Test {
 protected:
  SpoolDirectoryTest() {
    char path[] = "/tmp/bottledwater-directory-test-XXXXXX";
    root_ = mkdtemp(path);
    path_ = root_ + "/spool";
  }
  ~SpoolDirectoryTest() override { fs::remove_all(root_); }

  void MakeDirectory(mode_t mode) {
    fs::create_directory(path_);
    ASSERT_EQ(chmod(path_.c_str(), mode), 0);
  }
  void Write(const std::string& name, const std::string& content = "mine") {
    fs::create_directories(fs::path(path_ + "/" + name).parent_path());
    std::ofstream(path_ + "/" + name) << content;
  }
  void WriteStore() {
    for (const char* name :
         {"CURRENT", "IDENTITY", "LOCK", "LOG", "LOG.old.17", "MANIFEST-000005", "OPTIONS-000007",
          "OPTIONS-000009.dbtmp", "000008.sst", "000004.log"}) {
      Write(std::string("db/") + name);
    }
  }
  static mode_t Mode(const std::string& path) {
    struct stat status {};
    EXPECT_EQ(lstat(path.c_str(), &status), 0);
    return status.st_mode & 07777;
  }
  // Path, mode and content of everything below the root.
  std::map<std::string, std::string> Everything() const {
    std::map<std::string, std::string> found;
    for (const auto& entry : fs::recursive_directory_iterator(root_)) {
      std::string& what = found[entry.path()];
      what = std::to_string(Mode(entry.path()));
      if (!entry.is_regular_file() || entry.is_symlink()) continue;
      std::ifstream file(entry.path());
      what.append(std::istreambuf_iterator<char>(file), {});
    }
    return found;
  }
  // What Inspect says, which has changed nothing.
  std::string Inspected() {
    const auto before = Everything();
    std::string message = "accepted";
    try {
      SpoolDirectory::Inspect(path_);
    } catch (const Error& error) {
      message = error.what();
    }
    EXPECT_EQ(Everything(), before);
    return message;
  }
  // The message of a refusal that has changed nothing.
  std::string Refusal() {
    const auto before = Everything();
    std::string message = "accepted";
    try {
      SpoolDirectory directory(path_);
    } catch (const Error& error) {
      EXPECT_EQ(error.exit_code(), ExitCode::kSpoolUnusable);
      message = error.what();
    }
    EXPECT_EQ(Everything(), before);
    EXPECT_EQ(Inspected(), message);
    return message;
  }

  std::string root_;
  std::string path_;
};

TEST_F(SpoolDirectoryTest, ADirectoryOfSomethingElseIsLeftAsItIs) {
  MakeDirectory(0755);
  Write("thesis.txt");
  EXPECT_NE(Refusal().find("thesis.txt"), std::string::npos);
}

TEST_F(SpoolDirectoryTest, InspectsWhatIsThereAndMakesNothing) {
  EXPECT_EQ(Inspected(), "accepted");
  EXPECT_FALSE(fs::exists(path_));
  path_ += "/deeper";
  EXPECT_NE(Refusal().find("does not exist"), std::string::npos);
  path_ = root_ + "/spool";
  WriteStore();
  EXPECT_EQ(Inspected(), "accepted");
  {
    const SpoolDirectory directory(path_);
    EXPECT_NE(Inspected().find("in use by another relay (process " + std::to_string(getpid())),
              std::string::npos);
  }
  EXPECT_EQ(Inspected(), "accepted");
}

TEST_F(SpoolDirectoryTest, WithoutAStoreNothingIsLeft) {
  { const SpoolDirectory directory(path_); }
  EXPECT_FALSE(fs::exists(path_));
  MakeDirectory(0700);
  { const SpoolDirectory directory(path_); }
  EXPECT_TRUE(fs::is_empty(path_));
  {
    const SpoolDirectory directory(path_);
    WriteStore();
  }
  EXPECT_TRUE(fs::exists(path_ + "/lock"));
}

TEST_F(SpoolDirectoryTest, ADirectoryThatIsSharedOnPurposeIsLeftAsItIs) {
  MakeDirectory(01777);  // /tmp, which may well be empty.
  EXPECT_NE(Refusal().find("shared"), std::string::npos);
}

TEST_F(SpoolDirectoryTest, ADirectoryMadeReadOnlyIsLeftAsItIs) {
  if (geteuid() == 0) GTEST_SKIP() << "nothing is read-only to root";
  MakeDirectory(0555);
  EXPECT_NE(Refusal().find("cannot be written"), std::string::npos);
}

TEST_F(SpoolDirectoryTest, AnotherProgramsDatabaseOrLockIsLeftAsItIs) {
  MakeDirectory(0755);
  Write("db/schema.rb");
  EXPECT_NE(Refusal().find("db/schema.rb"), std::string::npos);
  fs::remove_all(path_ + "/db");
  Write("lock", "held by apt\n");
  EXPECT_NE(Refusal().find("\"lock\""), std::string::npos);
  fs::remove(path_ + "/lock");
  Write("db", "a file");
  EXPECT_NE(Refusal().find("\"db\""), std::string::npos);
}

TEST_F(SpoolDirectoryTest, LinksWithinItAreNotFollowed) {
  MakeDirectory(0755);
  fs::create_directory(root_ + "/elsewhere");
  for (const char* name : {"db", "scratch", "lock"}) {
    fs::create_directory_symlink(root_ + "/elsewhere", path_ + "/" + name);
    EXPECT_NE(Refusal().find(name), std::string::npos);
    fs::remove(path_ + "/" + name);
  }
}

TEST_F(SpoolDirectoryTest, AnEmptyDirectoryAndASpoolAreClosedToOthers) {
  MakeDirectory(0755);
  {
    const SpoolDirectory directory(path_);
    EXPECT_EQ(Mode(path_), 0700u);
    EXPECT_EQ(Mode(path_ + "/lock"), 0600u);
  }
  WriteStore();
  ASSERT_EQ(chmod(path_.c_str(), 0755), 0);  // As copied from a backup.
  { SpoolDirectory directory(path_); }
  EXPECT_EQ(Mode(path_), 0700u);
}

TEST_F(SpoolDirectoryTest, IsRemovedWithAllThatIsASpools) {
  MakeDirectory(0755);
  WriteStore();
  Write("scratch/CURRENT");
  EXPECT_TRUE(SpoolDirectory(path_).Remove());
  EXPECT_TRUE(Everything().empty());
}

TEST_F(SpoolDirectoryTest, WhatIsMadeAfterItsRemovalIsLeftAlone) {
  auto removed = std::make_unique<SpoolDirectory>(path_);
  EXPECT_TRUE(removed->Remove());
  const SpoolDirectory another(path_);
  removed.reset();
  EXPECT_TRUE(fs::exists(path_ + "/lock"));
  EXPECT_THROW(SpoolDirectory{path_}, Error);
}

TEST_F(SpoolDirectoryTest, IsNotRemovedWithSomebodyElsesFiles) {
  MakeDirectory(0700);
  WriteStore();
  SpoolDirectory directory(path_);
  Write("thesis.txt");  // Since then.
  const auto before = Everything();
  EXPECT_THROW(directory.Remove(), Error);
  EXPECT_EQ(Everything(), before);
  fs::remove(path_ + "/thesis.txt");
  fs::create_directory(path_ + "/lost+found");
  EXPECT_FALSE(directory.Remove());
  EXPECT_EQ(Everything().size(), 2u);  // The directory and lost+found.
}

// A removal that was killed has deleted CURRENT first: what is left is no store, and is removed.
TEST_F(SpoolDirectoryTest, IsRemovedInTwoGoes) {
  MakeDirectory(0700);
  WriteStore();
  fs::remove(path_ + "/db/CURRENT");
  EXPECT_FALSE(HasStore(path_ + "/db", nullptr));
  EXPECT_TRUE(SpoolDirectory(path_).Remove());
  EXPECT_TRUE(Everything().empty());
}

}  // namespace
}  // namespace bw
