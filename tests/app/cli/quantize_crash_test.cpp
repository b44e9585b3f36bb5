// A quantization that is killed, or finds the disk full, at any moment: it goes on to the same bytes, and
// what it left behind never looks finished.
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "tests/app/cli/command_line.h"
#include "tests/app/cli/traced_process.h"
#include "tests/quant/small_source.h"

namespace edgechat::testing {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

class QuantizeCrash : public CommandLine {
  protected:
    void SetUp() override {
        ASSERT_NO_FATAL_FAILURE(CommandLine::SetUp());
        write("text.txt", readFile(fs::path(EDGECHAT_TESTS_DATA) / "plain_text.txt"));
        writeSource(smallSource(SmallFamily::mistral, "BF16", 4), path("source"));
    }
    std::string out() const { return path("out"); }
    std::string partial() const { return path("out.partial"); }
    std::vector<std::string> words(const std::string& more = {}) const {
        std::vector<std::string> all = {"quantize",      path("source"),
                                        "--output",      out(),
                                        "--calibration", path("text.txt"),
                                        "--samples",     "8",
                                        "--context",     "32",
                                        "--threads",     "1",
                                        "--json"};
        if (!more.empty()) all.push_back(more);
        return all;
    }

    std::vector<std::string> traced(const std::string& more = {}) const {
        std::vector<std::string> all = words(more);
        all.insert(all.begin(), EDGECHAT_CLI);
        return all;
    }

    /// The model of an undisturbed run, and how long it took.
    std::map<std::string, std::string> undisturbed(std::chrono::microseconds* took = nullptr) {
        const auto begin = std::chrono::steady_clock::now();
        const Outcome outcome = run(words());
        if (took)
            *took = std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() -
                                                                          begin);
        EXPECT_EQ(outcome.code, 0) << outcome.errors;
        std::map<std::string, std::string> content = contentOf(out());
        fs::remove_all(out());
        return content;
    }
    /// @return false when the program had ended before
    bool runAndKill(std::vector<std::string> command, std::chrono::microseconds after) const {
        command.insert(command.begin(), EDGECHAT_CLI);
        std::vector<char*> arguments;
        for (std::string& word : command) arguments.push_back(word.data());
        arguments.push_back(nullptr);
        const pid_t child = ::fork();
        if (child == 0) {
            const int null = ::open("/dev/null", O_RDWR);
            for (int stream = 0; stream < 3; ++stream) ::dup2(null, stream);
            ::execv(arguments[0], arguments.data());
            ::_exit(127);
        }
        EXPECT_GT(child, 0);
        std::this_thread::sleep_for(after);
        ::kill(child, SIGKILL);
        int status = 0;
        ::waitpid(child, &status, 0);
        return WIFSIGNALED(status);
    }
    /// What a kill left is the whole result under its name, or has another; either way a resume ends well.
    void expectResumes(const std::map<std::string, std::string>& expected) const {
        if (fs::exists(out())) {
            EXPECT_TRUE(contentOf(out()) == expected);
            EXPECT_FALSE(fs::exists(partial()));
        }
        const Outcome resumed = run(words("--resume"));
        ASSERT_EQ(resumed.code, 0) << resumed.errors;
        EXPECT_EQ(object(resumed)["layers"].size(), 28u);
        EXPECT_TRUE(contentOf(out()) == expected);
        EXPECT_FALSE(fs::exists(partial()));
    }
};

TEST_F(QuantizeCrash, aKillAtAnyMomentCostsNoByte) {
    std::chrono::microseconds took{};
    const auto expected = undisturbed(&took);
    ASSERT_TRUE(expected.count("model.safetensors"));
    constexpr int kTries = 14;
    int killed = 0;
    for (int i = 0; i < kTries; ++i) {
        SCOPED_TRACE("try " + std::to_string(i));
        if (runAndKill(words(), took * (i + 1) / kTries))
            ++killed;
        else
            took /= 2;  // the machine has become faster
        ASSERT_NO_FATAL_FAILURE(expectResumes(expected));
        fs::remove_all(out());
    }
    EXPECT_GE(killed, 1);
}

/// In front of every change on the disk from the last layer's journal on, and of some before.
TEST_F(QuantizeCrash, norDoesAKillBetweenAnyTwoStepsOfTheEnd) {
    const auto expected = undisturbed();
    const TracedOutcome whole = runAndKillAtCall(traced(), SIZE_MAX);
    if (!whole.possible) GTEST_SKIP() << "a process cannot be traced here";
    ASSERT_EQ(whole.code, 0);
    ASSERT_TRUE(contentOf(out()) == expected);
    fs::remove_all(out());
    const size_t calls = whole.calls.size();
    constexpr size_t kEnd = 40;
    ASSERT_GT(calls, kEnd);
    for (size_t call = 0; call < calls; call += call + kEnd < calls ? calls / 10 : 1) {
        const TracedOutcome killed = runAndKillAtCall(traced(), call);
        ASSERT_TRUE(killed.killed);
        SCOPED_TRACE("killed at call " + std::to_string(call) + " of " + std::to_string(calls) + ", " +
                     killed.calls.back());
        ASSERT_NO_FATAL_FAILURE(expectResumes(expected));
        fs::remove_all(out());
    }
}

/// A restart that was killed while it threw away a half of the work, or all of it but for its name.
TEST_F(QuantizeCrash, norDoesAKillOfARestart) {
    const auto expected = undisturbed();
    const TracedOutcome whole = runAndKillAtCall(traced(), SIZE_MAX);
    if (!whole.possible) GTEST_SKIP() << "a process cannot be traced here";
    fs::remove_all(out());
    const size_t calls = whole.calls.size();
    const auto rename = std::find_if(whole.calls.rbegin(), whole.calls.rend(),
                                     [](const std::string& name) { return name.starts_with("rename"); });
    const auto named = static_cast<size_t>(whole.calls.rend() - rename) - 1;
    for (const size_t first : {calls / 2, named}) {
        ASSERT_TRUE(runAndKillAtCall(traced(), first).killed);
        ASSERT_TRUE(fs::exists(partial()));
        fs::rename(partial(), path("kept"));
        for (size_t call = 0; call < 24; ++call) {
            fs::copy(path("kept"), partial(), fs::copy_options::recursive);
            const TracedOutcome restarted = runAndKillAtCall(traced("--restart"), call);
            ASSERT_TRUE(restarted.killed);
            SCOPED_TRACE("after a kill at call " + std::to_string(first) + ", killed at call " +
                         std::to_string(call) + ", " + restarted.calls.back());
            ASSERT_NO_FATAL_FAILURE(expectResumes(expected));
            fs::remove_all(out());
        }
        fs::remove_all(path("kept"));
    }
}

TEST_F(QuantizeCrash, norDoManyKillsOfOneJob) {
    std::chrono::microseconds took{};
    const auto expected = undisturbed(&took);
    for (int i = 0; i < 40 && !fs::exists(out()); ++i) runAndKill(words("--resume"), took * (i + 4) / 20);
    expectResumes(expected);
}

/// RLIMIT_FSIZE stands for a full disk: a write beyond it fails with EFBIG.
TEST_F(QuantizeCrash, aFullDiskIsSaidAndCanBeResumed) {
    const auto expected = undisturbed();
    const auto whole = static_cast<long>(expected.at("model.safetensors").size());
    for (const long limit : {0L, 100L, 3000L, 40000L, whole - 1}) {
        SCOPED_TRACE("limit " + std::to_string(limit));
        ProcessOptions options;
        options.fileSizeLimit = limit;
        const Outcome full = run(words(), options);
        ASSERT_EQ(full.code, 4) << full.errors << " signal " << full.signal;
        EXPECT_EQ(object(full)["error"]["code"], "does_not_fit");
        EXPECT_NE(full.errors.find("out.partial"), std::string::npos) << full.errors;
        EXPECT_FALSE(fs::exists(out()));
        EXPECT_FALSE(fs::exists(partial() + "/config.json"));
        const Outcome resumed = run(words("--resume"));
        ASSERT_EQ(resumed.code, 0) << resumed.errors;
        EXPECT_TRUE(contentOf(out()) == expected);
        fs::remove_all(out());
    }
}

}  // namespace
}  // namespace edgechat::testing
