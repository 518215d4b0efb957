#include "base/halt.h"

#include <gtest/gtest.h>

#include "base/shown_text.h"

namespace bw {
namespace {

TEST(Halt, TellsWordFindingMeaningAndEachRemedyWithItsCommand) {
  const Halt halt{ExitCode::kHaltGap,
                  "gap",
                  "Found.",
                  "Meant.",
                  {{"look there", ""}, {"start once with", "--accept-gap=0/1"}}};
  EXPECT_EQ(halt.Message(),
            "[gap] Found. Meant. What you can do: (1) look there; (2) start once with: "
            "--accept-gap=0/1");
  EXPECT_EQ(halt.ToError().kind(), ErrorKind::kHalt);
  EXPECT_EQ(halt.ToError().exit_code(), ExitCode::kHaltGap);
}

TEST(Halt, LeavesCommandsOnLinesOfTheirOwn) {
  const Halt halt{
      ExitCode::kInternal, "x", "Found.", "", {{"run", OwnLine("SELECT 1;")}, {"or wait", ""}}};
  EXPECT_EQ(halt.Message(), "[x] Found. What you can do: (1) run: " + OwnLine("SELECT 1;") +
                                OwnLine("(2) or wait"));
}

TEST(Halt, LeavesOutWhatItHasNot) {
  EXPECT_EQ((Halt{ExitCode::kInternal, "unexpected", "Found.", "", {}}).Message(),
            "[unexpected] Found.");
}

TEST(Halt, EndsSentencesButNotWhatIsToBeCopied) {
  EXPECT_EQ(Sentence("it is gone"), "It is gone.");
  EXPECT_EQ(Sentence("It is gone."), "It is gone.");
  EXPECT_EQ(Sentence("run:" + OwnLine("SELECT 1;")), "Run:" + OwnLine("SELECT 1;"));
}

}  // namespace
}  // namespace bw
