// A whole quantization in a test's own folder: a small source, its result, and ways to stop it.
#pragma once

#include <gtest/gtest.h>

#include "inference/text/tokenizer.h"
#include "quant/quantize.h"
#include "tests/quant/small_source.h"

namespace edgechat::testing {

class QuantizeJob : public ::testing::Test {
  protected:
    QuantizeJob() {
        m_request.output = out();
        m_request.calibration = readFile(std::filesystem::path(EDGECHAT_TESTS_DATA) / "plain_text.txt");
        m_request.calibrationName = "plain_text.txt";
        m_request.recipe.window = 32;
        m_request.recipe.samples = 12;
    }

    std::filesystem::path source() const { return m_folder.path() / "source"; }
    std::filesystem::path out() const { return m_folder.path() / "out"; }
    std::filesystem::path partial() const { return m_folder.path() / "out.partial"; }

    /// Opens the source anew, as every run of a program does.
    Result<quant::QuantizationReport> run(const quant::QuantizeCallbacks& callbacks = {}) {
        return run(source(), callbacks);
    }
    Result<quant::QuantizationReport> run(const std::filesystem::path& path,
                                          const quant::QuantizeCallbacks& callbacks = {}) {
        Result<std::unique_ptr<inference::Checkpoint>> checkpoint = inference::Checkpoint::open(path);
        if (!checkpoint) return checkpoint.error();
        Result<std::unique_ptr<inference::Tokenizer>> tokenizer = inference::makeTokenizer(**checkpoint);
        if (!tokenizer) return tokenizer.error();
        return quant::quantize(**checkpoint, **tokenizer, m_request, callbacks);
    }
    /// Runs to the end; the content of the folder.
    std::map<std::string, std::string> finished(const quant::QuantizeCallbacks& callbacks = {}) {
        const Result<quant::QuantizationReport> report = run(callbacks);
        EXPECT_TRUE(report) << report.error().message();
        EXPECT_FALSE(std::filesystem::exists(partial()));
        return contentOf(out());
    }

    /// Stops at the progress call of this number and all after it.
    static quant::QuantizeCallbacks stopAt(int call) {
        auto count = std::make_shared<int>(0);
        quant::QuantizeCallbacks callbacks;
        callbacks.onProgress = [count, call](int, int, const std::string&) { return (*count)++ < call; };
        return callbacks;
    }
    /// Stops in front of the layer of this number, when so many are done.
    static quant::QuantizeCallbacks stopAfterLayers(int layers) {
        quant::QuantizeCallbacks callbacks;
        callbacks.onProgress = [layers](int done, int, const std::string&) { return done < layers; };
        return callbacks;
    }
    /// Leaves an unfinished quantization behind, with so many layers done.
    void interruptAfter(int layers) {
        const Result<quant::QuantizationReport> report = run(stopAfterLayers(layers));
        ASSERT_FALSE(report);
        ASSERT_EQ(report.error().code, ErrorCode::interrupted) << report.error().message();
        ASSERT_TRUE(std::filesystem::exists(partial()));
        ASSERT_FALSE(std::filesystem::exists(out()));
    }
    /// Refused with a message that names something; no finished folder.
    void expectRefused(const std::string& mentioned, ErrorCode code = ErrorCode::badInput) {
        const Result<quant::QuantizationReport> report = run();
        ASSERT_FALSE(report);
        EXPECT_EQ(report.error().code, code) << report.error().message();
        EXPECT_NE(report.error().message().find(mentioned), std::string::npos) << report.error().message();
        EXPECT_FALSE(std::filesystem::exists(out()));
    }
    void removeResult() const {
        std::filesystem::remove_all(out());
        std::filesystem::remove_all(partial());
    }

    TemporaryFolder m_folder;
    quant::QuantizeRequest m_request;
};

}  // namespace edgechat::testing
