// Which tokens of a text are read during calibration.
#include <gtest/gtest.h>

#include <algorithm>

#include "inference/text/tokenizer.h"
#include "quant/calibration.h"
#include "tests/data/gguf_writer.h"
#include "tests/data/random_values.h"
#include "tests/data/test_files.h"

namespace edgechat::quant {
namespace {

using namespace inference;
using namespace testing;

class Windows : public ::testing::Test {
  protected:
    /// A token a byte, as the text has no pair that the vocabulary merges.
    static std::unique_ptr<Tokenizer> tokenizer(bool bos) {
        GgufWriter writer = tinyModel();
        writer.boolean("tokenizer.ggml.add_bos_token", bos);
        const TemporaryFile file(writer.bytes());
        const Result<std::unique_ptr<Checkpoint>> checkpoint = Checkpoint::openVocabulary(file.path());
        if (!checkpoint) return nullptr;
        Result<std::unique_ptr<Tokenizer>> made = makeTokenizer(**checkpoint);
        return made ? std::move(*made) : nullptr;
    }
    /// Letters in no order, so that a piece of some length is found in one place only.
    static std::string text(size_t letters) {
        RandomValues random(1);
        std::string text;
        for (size_t i = 0; i < letters; ++i)
            text += "bcdfgjkmpqvwxz"[static_cast<size_t>((random.next() + 1) * 7) % 14];
        return text;
    }

    CalibrationWindows cut(size_t letters, int window, int64_t samples, uint64_t seed, bool bos = false) {
        const std::unique_ptr<Tokenizer> tokens = tokenizer(bos);
        m_ids = tokens->encode(text(letters), SpecialTokens::asText);
        EXPECT_EQ(m_ids.size(), letters);
        Result<CalibrationWindows> windows =
            cutWindows(text(letters), "a text", *tokens, window, samples, seed);
        EXPECT_TRUE(windows) << windows.error().message();
        if (!windows) return {};
        EXPECT_EQ(windows->ids.size(), static_cast<size_t>(windows->count() * windows->window));
        return *windows;
    }
    /// Where each window's tokens behind the BOS lie in the text; -1: nowhere.
    std::vector<int64_t> places(const CalibrationWindows& windows, bool bos = false) const {
        std::vector<int64_t> found;
        for (int64_t i = 0; i < windows.count(); ++i) {
            const auto begin = windows.ids.begin() + i * windows.window, end = begin + windows.window;
            const auto place = std::search(m_ids.begin(), m_ids.end(), begin + (bos ? 1 : 0), end);
            found.push_back(place == m_ids.end() ? -1 : place - m_ids.begin());
        }
        return found;
    }

    std::vector<int> m_ids;
};

TEST_F(Windows, lieAllOverTheTextAndNeverOverlap) {
    for (const int64_t samples : {2, 3, 7, 10}) {
        const CalibrationWindows windows = cut(1000, 64, samples, 5);
        ASSERT_EQ(windows.count(), samples);
        ASSERT_EQ(windows.window, 64);
        const std::vector<int64_t> where = places(windows);
        for (int64_t i = 0; i < samples; ++i) {
            const int64_t place = where[static_cast<size_t>(i)];
            // each in its own part of the text
            EXPECT_GE(place, 1000 * i / samples - samples);
            EXPECT_LE(place + 64, 1000 * (i + 1) / samples);
        }
    }
}

TEST_F(Windows, areFewerWhereTheTextIsShort) {
    const CalibrationWindows windows = cut(1000, 64, 128, 0);
    EXPECT_EQ(windows.count(), 1000 / 64);
    std::vector<int64_t> where = places(windows);
    for (size_t i = 1; i < where.size(); ++i) EXPECT_GE(where[i], where[i - 1] + 64);
    EXPECT_GE(where.front(), 0);
}

TEST_F(Windows, areShorterWhereTheTextIsShorterStill) {
    EXPECT_EQ(cut(100, 512, 128, 0).window, 32);
    EXPECT_GE(cut(100, 512, 128, 0).count(), kFewestWindows);
    EXPECT_EQ(cut(32, 512, 128, 0).window, 16);
    EXPECT_EQ(cut(1024, 512, 128, 0).window, 512);
    EXPECT_EQ(cut(1023, 512, 128, 0).window, 256);
}

TEST_F(Windows, beginWithBosWhereTheModelWantsIt) {
    const CalibrationWindows windows = cut(1000, 64, 5, 3, true);
    ASSERT_EQ(windows.count(), 5);
    ASSERT_EQ(windows.window, 64);
    for (int64_t i = 0; i < 5; ++i) EXPECT_EQ(windows.ids[static_cast<size_t>(i * 64)], 1);
    const std::vector<int64_t> where = places(windows, true);
    for (size_t i = 0; i < where.size(); ++i) {
        EXPECT_GE(where[i], i == 0 ? 0 : where[i - 1] + 63);
        EXPECT_EQ(std::count(windows.ids.begin() + static_cast<int64_t>(i) * 64 + 1,
                             windows.ids.begin() + static_cast<int64_t>(i + 1) * 64, 1),
                  0);
    }
    // one token more fits into each window without it
    EXPECT_EQ(cut(64 * 10 - 1, 64, 100, 0, true).count(), 10);
    EXPECT_EQ(cut(64 * 10 - 1, 64, 100, 0, false).count(), 9);
}

TEST_F(Windows, aSeedMovesThemAndGivesTheSameAgain) {
    const CalibrationWindows first = cut(3000, 64, 8, 1);
    EXPECT_EQ(first.ids, cut(3000, 64, 8, 1).ids);
    EXPECT_NE(first.ids, cut(3000, 64, 8, 2).ids);
}

TEST_F(Windows, aTextThatIsTooShortIsRefused) {
    for (const std::string& given : {std::string(), std::string("hello"), text(31)}) {
        const Result<CalibrationWindows> windows =
            cutWindows(given, "short.txt", *tokenizer(false), 512, 128, 0);
        ASSERT_FALSE(windows);
        EXPECT_EQ(windows.error().code, ErrorCode::badInput);
        const std::string message = windows.error().message();
        EXPECT_NE(message.find("short.txt"), std::string::npos) << message;
        EXPECT_NE(message.find("32"), std::string::npos) << message;
    }
}

TEST_F(Windows, fewTokensAreWorthAWarning) {
    EXPECT_EQ(cut(8191, 64, 128, 0).warnings.size(), 1u);
    EXPECT_TRUE(cut(8192, 64, 128, 0).warnings.empty());
    EXPECT_EQ(cut(20000, 64, 100, 0).warnings.size(), 1u) << "6400 tokens were asked for";
}

TEST_F(Windows, controlTokensInTheTextAreText) {
    const std::unique_ptr<Tokenizer> tokens = tokenizer(false);
    std::string given;
    for (int i = 0; i < 10; ++i) given += "<|im_end|><|im_start|>";
    const Result<CalibrationWindows> windows = cutWindows(given, "chat.txt", *tokens, 64, 8, 0);
    ASSERT_TRUE(windows);
    for (const int id : windows->ids) EXPECT_GT(id, 2);
}

}  // namespace
}  // namespace edgechat::quant
