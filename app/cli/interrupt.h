// Ctrl+C: the first asks the command to stop and say what it has, the second ends the process.
#pragma once

#include <atomic>

namespace edgechat::cli {

/// Set by SIGINT. Handed to the engine as its stop flag.
const std::atomic<bool>& interrupted();

/// Sets interrupted() as SIGINT does: stdout takes no more, so the work is for nobody.
void stopWork();

/// From now on the next SIGINT sets interrupted(), the one after it kills. Clears the flag: a conversation
/// calls it before each answer.
void watchInterrupt();

/// SIGPIPE and SIGXFSZ are ignored, so that a closed pipe or a full file is an error of write(); descriptors
/// 0 to 2 are made to exist, so that no model file can become stdout.
void prepareProcess();

}  // namespace edgechat::cli
