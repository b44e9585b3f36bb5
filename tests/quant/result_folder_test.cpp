// The folder of a result: one program at a time has it, and what a kill near the end leaves of it is finished
// by a resume.
#include "quant/result_folder.h"
#include "tests/quant/quantize_job.h"

namespace edgechat::quant {
namespace {

using namespace testing;
namespace fs = std::filesystem;

class ResultFolder : public QuantizeJob {
  protected:
    ResultFolder() {
        m_request.recipe.samples = 6;
        m_request.evaluation = m_request.calibration.substr(0, 2000);
        m_request.evaluationName = "another text";
        writeSource(smallSource(SmallFamily::llama, "F16", 2), source());
    }

    /// Runs to the end from here; nothing may be computed.
    void expectFinishedBy(Start start, const std::map<std::string, std::string>& expected) {
        const std::string mark = readFile((fs::exists(out()) ? out() : partial()) / "edgechat.json");
        m_request.start = start;
        QuantizeCallbacks callbacks;
        callbacks.onProgress = [](int, int, const std::string& detail) {
            ADD_FAILURE() << detail;
            return true;
        };
        const Result<QuantizationReport> report = run(callbacks);
        ASSERT_TRUE(report) << report.error().message();
        EXPECT_EQ(nlohmann::json::parse(mark)["quantization"], toJson(*report));
        EXPECT_TRUE(contentOf(out()) == expected);
        EXPECT_EQ(readFile(out() / "edgechat.json"), mark);
        EXPECT_FALSE(fs::exists(out() / "work"));
        EXPECT_FALSE(fs::exists(partial()));
    }
    /// A finished folder before it got its name.
    void unname() { fs::rename(out(), partial()); }
};

TEST_F(ResultFolder, aFinishedOneIsFinishedAlready) {
    const auto expected = finished();
    ASSERT_NO_FATAL_FAILURE(expectFinishedBy(Start::resume, expected));
    ASSERT_NO_FATAL_FAILURE(expectFinishedBy(Start::resume, expected));
    for (const Start start : {Start::fresh, Start::restart}) {
        m_request.start = start;
        const Result<QuantizationReport> report = run();
        ASSERT_FALSE(report);
        EXPECT_EQ(report.error().code, ErrorCode::badInput);
        EXPECT_NE(report.error().message().find(out().string()), std::string::npos);
        EXPECT_TRUE(contentOf(out()) == expected);
    }
}

TEST_F(ResultFolder, aFinishedOneOfAnotherKindIsNot) {
    finished();
    const QuantizeRequest request = m_request;
    const auto refused = [&](const char* named, auto change) {
        m_request = request;
        m_request.start = Start::resume;
        change(m_request);
        const auto before = contentOf(out());
        const Result<QuantizationReport> report = run();
        ASSERT_FALSE(report);
        EXPECT_EQ(report.error().code, ErrorCode::badInput);
        EXPECT_NE(report.error().message().find(named), std::string::npos) << report.error().message();
        EXPECT_TRUE(contentOf(out()) == before);
        EXPECT_FALSE(fs::exists(partial()));
    };
    refused("method", [](QuantizeRequest& r) { r.recipe.method = Method::smoothquant; });
    refused("evaluation text", [](QuantizeRequest& r) { r.evaluation[100] ^= 1; });
    refused("there already",
            [this](QuantizeRequest&) { fs::resize_file(out() / "model.safetensors", 4000); });
}

TEST_F(ResultFolder, onlyTheNameIsMissing) {
    const auto expected = finished();
    unname();
    expectRefused("--resume");
    expectFinishedBy(Start::resume, expected);
}

/// A kill while the work is removed, file by file.
TEST_F(ResultFolder, aPartOfTheWorkIsStillThere) {
    interruptAfter(2);
    std::map<std::string, std::string> work = contentOf(partial() / "work");
    ASSERT_GE(work.size(), 4u) << "journal and three streams";
    m_request.start = Start::resume;
    const auto expected = finished();
    while (!work.empty()) {
        SCOPED_TRACE(std::to_string(work.size()) + " files left, without " + work.begin()->first);
        work.erase(work.begin());
        unname();
        fs::create_directory(partial() / "work");
        for (const auto& [name, content] : work)
            std::ofstream(partial() / "work" / name, std::ios::binary) << content;
        ASSERT_NO_FATAL_FAILURE(expectFinishedBy(Start::resume, expected));
    }
}

TEST_F(ResultFolder, aMarkWithoutItsWeightsIsNotBelieved) {
    const auto expected = finished();
    unname();
    fs::resize_file(partial() / "model.safetensors", 4000);
    m_request.start = Start::resume;
    expectRefused("model.safetensors");
    m_request.start = Start::restart;
    EXPECT_TRUE(finished() == expected);
}

TEST_F(ResultFolder, aResumeOfAnotherKindLeavesWhatHasNoNameYet) {
    finished();
    unname();
    const auto before = contentOf(partial());
    m_request.start = Start::resume;
    m_request.recipe.seed = 1;
    expectRefused("seed");
    EXPECT_TRUE(contentOf(partial()) == before);
}

TEST_F(ResultFolder, aSecondProgramIsRefused) {
    const auto expected = finished();
    removeResult();
    int tried = 0;
    QuantizeCallbacks callbacks;
    callbacks.onProgress = [&](int done, int, const std::string&) {
        if (done != 1 || tried > 0) return true;
        const QuantizeRequest request = m_request;
        for (const Start start : {Start::fresh, Start::resume, Start::restart}) {
            const auto before = contentOf(partial());
            m_request.start = start;
            expectRefused("another program");
            EXPECT_TRUE(contentOf(partial()) == before);
            ++tried;
        }
        m_request = request;
        return true;
    };
    EXPECT_TRUE(finished(callbacks) == expected);
    EXPECT_EQ(tried, 3);
}

TEST_F(ResultFolder, canBeTakenAgainWhenItIsFree) {
    fs::create_directory(partial());
    std::ofstream(partial() / "work") << "some";
    {
        Result<PartialFolder> folder = PartialFolder::take(out());
        ASSERT_TRUE(folder) << folder.error().message();
        EXPECT_FALSE(PartialFolder::take(out()));
        const PartialFolder moved = std::move(*folder);
        EXPECT_FALSE(PartialFolder::take(out()));
    }
    EXPECT_TRUE(PartialFolder::take(out()));
    EXPECT_TRUE(fs::exists(partial() / "work"));
}

TEST_F(ResultFolder, nothingIsLeftOfOneWithoutWork) {
    { ASSERT_TRUE(PartialFolder::take(out())); }
    EXPECT_FALSE(fs::exists(partial()));
}

/// Removing it under its holder, or renaming it, gives nobody a folder that is not there.
TEST_F(ResultFolder, belongsToItsNameNotToAnOldOne) {
    Result<PartialFolder> old = PartialFolder::take(out());
    ASSERT_TRUE(old);
    fs::rename(partial(), m_folder.path() / "elsewhere");
    Result<PartialFolder> now = PartialFolder::take(out());
    ASSERT_TRUE(now) << now.error().message();
    { const PartialFolder gone = std::move(*old); }
    EXPECT_TRUE(fs::exists(partial())) << "it is another's";
    EXPECT_FALSE(PartialFolder::take(out()));
}

/// A link is no place for a folder: the last step, hours later, would fail.
TEST_F(ResultFolder, aLinkIsRefusedAtOnce) {
    fs::create_directory(m_folder.path() / "empty");
    fs::create_directory_symlink(m_folder.path() / "empty", out());
    for (const Start start : {Start::fresh, Start::resume, Start::restart}) {
        m_request.start = start;
        const Result<QuantizationReport> report = run();
        ASSERT_FALSE(report);
        EXPECT_EQ(report.error().code, ErrorCode::badInput);
    }
    EXPECT_TRUE(fs::is_symlink(out()));
    EXPECT_FALSE(fs::exists(partial()));
}

}  // namespace
}  // namespace edgechat::quant
