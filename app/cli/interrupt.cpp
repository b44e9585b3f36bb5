#include "app/cli/interrupt.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

namespace edgechat::cli {
namespace {

// The globals of the tool: a signal handler can reach nothing else.
std::atomic<bool> g_interrupted{false};
std::atomic<bool> g_ended{false};  // never cleared: SIGTERM and SIGHUP are for all that the program would do
std::atomic<bool> g_continued{false};
static_assert(std::atomic<bool>::is_always_lock_free, "a signal handler may only touch lock-free atomics");

void onInterrupt(int signal) {
    if (signal != SIGINT) g_ended.store(true);
    g_interrupted.store(true);
}

void onContinue(int /*signal*/) {
    g_continued.store(true);
}

}  // namespace

const std::atomic<bool>& interrupted() {
    return g_interrupted;
}

bool continuedAgain() {
    return g_continued.exchange(false);
}

void stopWork() {
    g_interrupted.store(true);
}

void watchInterrupt() {
    g_interrupted.store(false);
    if (g_ended.load()) g_interrupted.store(true);  // in this order: the handler may come between
    struct sigaction action = {};
    action.sa_handler = onInterrupt;
    sigemptyset(&action.sa_mask);
    // SA_RESETHAND: the second signal finds the default action. No SA_RESTART: a read() of stdin returns.
    action.sa_flags = SA_RESETHAND;
    sigaction(SIGINT, &action, nullptr);
    for (const int signal : {SIGTERM, SIGHUP}) {
        struct sigaction inherited = {};
        sigaction(signal, nullptr, &inherited);
        if (inherited.sa_handler == SIG_IGN) continue;
        action.sa_flags = signal == SIGHUP ? 0 : static_cast<int>(SA_RESETHAND);
        sigaction(signal, &action, nullptr);
    }
    action.sa_handler = onContinue;
    action.sa_flags = SA_RESTART;
    sigaction(SIGCONT, &action, nullptr);
}

void prepareProcess() {
    struct sigaction ignore = {};
    ignore.sa_handler = SIG_IGN;
    sigemptyset(&ignore.sa_mask);
    sigaction(SIGPIPE, &ignore, nullptr);
    sigaction(SIGXFSZ, &ignore, nullptr);
    // The lowest free number is taken, so this fills the holes among 0, 1 and 2. Read-only: a write to a
    // stdout that was closed must fail, not vanish.
    int descriptor = 0;
    do {
        descriptor = ::open("/dev/null", O_RDONLY);
    } while (descriptor >= 0 && descriptor <= STDERR_FILENO);
    if (descriptor > STDERR_FILENO) ::close(descriptor);
}

}  // namespace edgechat::cli
