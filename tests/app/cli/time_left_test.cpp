// Times by hand.
#include "app/cli/time_left.h"

#include <gtest/gtest.h>

namespace edgechat::cli {
namespace {

TEST(TimeLeftTest, isUnknownUntilAStepIsDone) {
    TimeLeft left;
    left.begin(100, 0);
    EXPECT_LT(left.at(100, 0, 4), 0);
    EXPECT_LT(left.at(109, 0, 4), 0);
    EXPECT_EQ(left.at(110, 1, 4), 30);
}

TEST(TimeLeftTest, countsDownBetweenSteps) {
    TimeLeft left;
    left.begin(0, 0);
    left.at(10, 1, 4);
    EXPECT_EQ(left.at(14, 1, 4), 26);
    EXPECT_EQ(left.at(20, 2, 4), 20);
    EXPECT_EQ(left.at(29, 2, 4), 11);
    EXPECT_EQ(left.at(90, 2, 4), 0) << "a step that takes longer than all the rest was to take";
    EXPECT_EQ(left.at(90, 4, 4), 0);
}

TEST(TimeLeftTest, leavesOutWhatWasDoneBefore) {
    TimeLeft left;
    left.begin(0, 20);
    EXPECT_LT(left.at(5, 20, 32), 0);
    EXPECT_EQ(left.at(12, 23, 32), 36);  // 4 seconds each
}

TEST(TimeLeftTest, leavesOutAPause) {
    TimeLeft left;
    left.begin(0, 0);
    left.at(6, 0, 3);
    left.at(3606, 0, 3, true);
    EXPECT_EQ(left.at(3610, 1, 3), 20);  // 6 + 4 seconds a step
    EXPECT_EQ(left.at(9000, 1, 3, true), 20);
}

TEST(TimeLeftTest, beginsAnew) {
    TimeLeft left;
    left.begin(0, 0);
    left.at(8, 1, 2);
    left.begin(10, 0);
    EXPECT_LT(left.at(11, 0, 2), 0);
    EXPECT_EQ(left.at(12, 1, 2), 2);
}

}  // namespace
}  // namespace edgechat::cli
