#include "tests/app/cli/process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <stdexcept>

namespace edgechat::testing {
namespace {

struct Pipe {
    int read = -1, write = -1;
    Pipe() {
        std::array<int, 2> ends{};
        if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
        read = ends[0];
        write = ends[1];
    }
    ~Pipe() {
        closeRead();
        closeWrite();
    }
    void closeRead() {
        if (read >= 0) ::close(read);
        read = -1;
    }
    void closeWrite() {
        if (write >= 0) ::close(write);
        write = -1;
    }
};

// In the child, between fork and exec.
[[noreturn]] void become(const std::vector<std::string>& words, const ProcessOptions& options, const Pipe& in,
                         const Pipe& out, const Pipe& err) {
    ::dup2(in.read, STDIN_FILENO);
    ::dup2(err.write, STDERR_FILENO);
    ::dup2(out.write, STDOUT_FILENO);
    if (!options.outputFile.empty()) {
        const int file = ::open(options.outputFile.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
        if (file < 0) ::_exit(126);
        ::dup2(file, STDOUT_FILENO);
    }
    if (options.fileSizeLimit >= 0) {
        const rlim_t limit = static_cast<rlim_t>(options.fileSizeLimit);
        const struct rlimit limits = {limit, limit};
        ::setrlimit(RLIMIT_FSIZE, &limits);
    }
    for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGPIPE}) ::signal(number, SIG_DFL);
    if (options.ignoredSignal != 0) ::signal(options.ignoredSignal, SIG_IGN);
    for (const auto& [name, value] : options.environment) ::setenv(name.c_str(), value.c_str(), 1);
    std::vector<char*> arguments;
    for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    ::execv(arguments[0], arguments.data());
    ::_exit(127);
}

/// Takes what there is; false at the end.
bool take(int descriptor, std::string& text) {
    std::array<char, 65536> chunk;
    const ssize_t count = ::read(descriptor, chunk.data(), chunk.size());
    if (count > 0) text.append(chunk.data(), static_cast<size_t>(count));
    return count > 0 || (count < 0 && errno == EINTR);
}

}  // namespace

Outcome runProcess(const std::vector<std::string>& words, const ProcessOptions& options) {
    ::signal(SIGPIPE, SIG_IGN);
    Pipe in, out, err;
    if (options.closeOutput) out.closeRead();
    const pid_t child = ::fork();
    if (child < 0) throw std::runtime_error("no fork");
    if (child == 0) become(words, options, in, out, err);
    in.closeRead();
    out.closeWrite();
    err.closeWrite();

    Outcome outcome;
    size_t fed = 0;
    bool signalSent = options.interruptAt.empty();
    if (options.input.empty()) in.closeWrite();
    ::fcntl(in.write, F_SETFL, O_NONBLOCK);
    while (out.read >= 0 || err.read >= 0) {
        std::array<pollfd, 3> watched = {
            {{out.read, POLLIN, 0}, {err.read, POLLIN, 0}, {in.write, POLLOUT, 0}}};  // -1 is passed over
        if (::poll(watched.data(), watched.size(), -1) < 0) continue;
        if (watched[0].revents != 0 && !take(out.read, outcome.output)) out.closeRead();
        if (watched[1].revents != 0 && !take(err.read, outcome.errors)) err.closeRead();
        if (watched[2].revents != 0) {
            const ssize_t count = ::write(in.write, options.input.data() + fed, options.input.size() - fed);
            if (count > 0) fed += static_cast<size_t>(count);
            if (fed == options.input.size() || (count < 0 && errno != EAGAIN)) in.closeWrite();
        }
        if (!signalSent && (outcome.output.find(options.interruptAt) != std::string::npos ||
                            outcome.errors.find(options.interruptAt) != std::string::npos)) {
            ::kill(child, options.interruptSignal);
            signalSent = true;
        }
    }
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    if (WIFEXITED(status)) outcome.code = WEXITSTATUS(status);
    if (WIFSIGNALED(status)) outcome.signal = WTERMSIG(status);
    return outcome;
}

}  // namespace edgechat::testing
