// A program with the entry of those that need a GPU, for run_test.py.
#include <gtest/gtest.h>

TEST(DeviceMain, runs) {}
