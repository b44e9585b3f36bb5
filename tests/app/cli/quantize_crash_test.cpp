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

    /// The model of an undisturbed run, and how long it took.
    std::map<std::string, std::string> undisturbed(std::chrono::microseconds* took = nullptr) {
        const auto begin = std::chrono::steady_clock::now();
        const Outcome outcome = run(words());
        if (took)
            *took = std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() -
                                                                          begin);
        EXPECT_EQ(outcome.code, 0) << outcome.errors;
        std::map<std::string, std::string> content = madeModel();
        fs::remove_all(out());
        return content;
    }
    /// The finished folder but for its leftovers: a kill may come between its naming and their removal.
    std::map<std::string, std::string> madeModel() const {
        std::map<std::string, std::string> content = contentOf(out());
        content.erase("work");
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
    void expectUnfinished() const {
        if (fs::exists(out())) return;  // the kill came behind the last step
        EXPECT_FALSE(fs::exists(partial()) && fs::exists(partial() + "/config.json") &&
                     !fs::exists(partial() + "/work"));
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
        killed += runAndKill(words(), took * (i + 1) / kTries) ? 1 : 0;
        expectUnfinished();
        if (!fs::exists(out())) {
            const Outcome resumed = run(words("--resume"));
            ASSERT_EQ(resumed.code, 0) << resumed.errors;
        }
        ASSERT_TRUE(madeModel() == expected);
        EXPECT_FALSE(fs::exists(partial()));
        fs::remove_all(out());
    }
    EXPECT_GE(killed, kTries / 2);
}

TEST_F(QuantizeCrash, norDoManyKillsOfOneJob) {
    std::chrono::microseconds took{};
    const auto expected = undisturbed(&took);
    for (int i = 0; i < 40 && !fs::exists(out()); ++i) runAndKill(words("--resume"), took * (i + 4) / 20);
    if (!fs::exists(out())) {
        const Outcome resumed = run(words("--resume"));
        ASSERT_EQ(resumed.code, 0) << resumed.errors;
    }
    EXPECT_TRUE(madeModel() == expected);
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
        EXPECT_TRUE(madeModel() == expected);
        fs::remove_all(out());
    }
}

}  // namespace
}  // namespace edgechat::testing
