// Runs a program as a test needs it: its input, its two outputs apart, limits, and signals in the middle.
#pragma once

#include <signal.h>

#include <map>
#include <string>
#include <vector>

namespace edgechat::testing {

struct ProcessOptions {
    std::string input;
    std::map<std::string, std::string> environment;  ///< added to this process's
    std::string outputFile;                          ///< stdout goes there instead of into Outcome::output
    bool closeOutput = false;  ///< the reader of stdout goes away before the program starts
    long fileSizeLimit = -1;   ///< RLIMIT_FSIZE, bytes
    /// A signal is sent once, when stdout or stderr holds this text.
    std::string interruptAt;
    int interruptSignal = SIGINT;
    int ignoredSignal = 0;  ///< is ignored from the start, as nohup does with SIGHUP
};

struct Outcome {
    int code = -1;   ///< exit code; -1 when a signal ended the program
    int signal = 0;  ///< that signal
    std::string output;
    std::string errors;
};

/// Waits for the end. The test's own time limit is the only one.
Outcome runProcess(const std::vector<std::string>& words, const ProcessOptions& options = {});

}  // namespace edgechat::testing
