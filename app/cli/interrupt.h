// Ctrl+C, SIGTERM and a terminal that goes away ask the command to stop and say what it has; Ctrl+C or
// SIGTERM once more ends the process.
#pragma once

#include <atomic>

namespace edgechat::cli {

/// Set by SIGINT, SIGTERM and SIGHUP. Handed to the engine as its stop flag.
const std::atomic<bool>& interrupted();

/// Whether the process was continued (SIGCONT) since the last call: it stood still for a while. Only after
/// watchInterrupt().
bool continuedAgain();

/// Sets interrupted() as SIGINT does: stdout takes no more, so the work is for nobody.
void stopWork();

/// From now on the next SIGINT or SIGTERM sets interrupted(), the same once more kills. SIGHUP never does: a
/// terminal that goes sends more than one. A program that was started with SIGTERM or SIGHUP ignored, as
/// nohup does, goes on. Clears the flag unless SIGTERM or SIGHUP has set it: a conversation calls it before
/// each answer.
void watchInterrupt();

/// SIGPIPE and SIGXFSZ are ignored, so that a closed pipe or a full file is an error of write(); descriptors
/// 0 to 2 are made to exist, so that no model file can become stdout.
void prepareProcess();

}  // namespace edgechat::cli
