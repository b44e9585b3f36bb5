// A program that is killed at an exact point: in front of one of its system calls that change files or
// folders.
#pragma once

#include <string>
#include <vector>

namespace edgechat::testing {

struct TracedOutcome {
    bool possible = false;           ///< false: this system does not let a process be traced
    bool killed = false;             ///< false: the program had ended before
    int code = -1;                   ///< its exit code when it was not killed
    std::vector<std::string> calls;  ///< names of those it came to, the one it was killed at last
};

/// Runs a program without streams and kills it in front of the call of that number, counted from 0. Only its
/// first thread is watched.
TracedOutcome runAndKillAtCall(const std::vector<std::string>& words, size_t call);

}  // namespace edgechat::testing
