#include "tests/app/cli/traced_process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <map>

namespace edgechat::testing {
namespace {

/// Not every architecture has the older ones.
const std::map<uint64_t, const char*>& changingCalls() {
    static const std::map<uint64_t, const char*> calls = {
#ifdef SYS_rename
        {SYS_rename, "rename"},       {SYS_unlink, "unlink"},       {SYS_rmdir, "rmdir"},
        {SYS_mkdir, "mkdir"},
#endif
#ifdef SYS_renameat
        {SYS_renameat, "renameat"},
#endif
        {SYS_renameat2, "renameat2"}, {SYS_unlinkat, "unlinkat"},   {SYS_mkdirat, "mkdirat"},
        {SYS_fsync, "fsync"},         {SYS_fdatasync, "fdatasync"}, {SYS_ftruncate, "ftruncate"},
        {SYS_fallocate, "fallocate"}, {SYS_pwrite64, "pwrite64"},   {SYS_flock, "flock"},
    };
    return calls;
}

[[noreturn]] void becomeTraced(const std::vector<std::string>& words) {
    const int null = ::open("/dev/null", O_RDWR);
    for (int stream = 0; stream < 3; ++stream) ::dup2(null, stream);
    std::vector<char*> arguments;
    for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    if (::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) ::_exit(126);
    ::raise(SIGSTOP);
    ::execv(arguments[0], arguments.data());
    ::_exit(127);
}

}  // namespace

TracedOutcome runAndKillAtCall(const std::vector<std::string>& words, size_t call) {
    TracedOutcome outcome;
    const pid_t child = ::fork();
    if (child == 0) becomeTraced(words);
    int status = 0;
    if (child < 0 || ::waitpid(child, &status, 0) != child || !WIFSTOPPED(status)) return outcome;
    const auto end = [&] {
        ::kill(child, SIGKILL);
        while (::waitpid(child, &status, __WALL) == child && !WIFSIGNALED(status) && !WIFEXITED(status)) {
        }
    };
    const long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL;
    if (::ptrace(PTRACE_SETOPTIONS, child, nullptr, options) != 0) {
        end();
        return outcome;
    }
    outcome.possible = true;
    long signal = 0;  // that the program is to get
    while (::ptrace(PTRACE_SYSCALL, child, nullptr, signal) == 0 && ::waitpid(child, &status, 0) == child &&
           WIFSTOPPED(status)) {
        signal = WSTOPSIG(status);
        if (signal == SIGTRAP) signal = 0;  // execv
        if (signal != (SIGTRAP | 0x80)) continue;
        signal = 0;
        struct __ptrace_syscall_info info = {};
        if (::ptrace(PTRACE_GET_SYSCALL_INFO, child, sizeof info, &info) <= 0) {
            outcome.possible = false;  // Linux before 5.3
            end();
            return outcome;
        }
        if (info.op != PTRACE_SYSCALL_INFO_ENTRY) continue;
        const auto found = changingCalls().find(info.entry.nr);
        if (found == changingCalls().end()) continue;
        outcome.calls.emplace_back(found->second);
        if (outcome.calls.size() > call) {
            end();
            outcome.killed = true;
            return outcome;
        }
    }
    if (WIFEXITED(status)) outcome.code = WEXITSTATUS(status);
    return outcome;
}

}  // namespace edgechat::testing
