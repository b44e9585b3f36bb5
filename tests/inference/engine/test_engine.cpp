// Load, generate, stop and score on a tiny random model.
#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>

#include "inference/engine.h"
#include "tests/data/memory_checkpoint.h"
#include "tests/data/test_files.h"

namespace edgechat::inference {
namespace {

namespace fs = std::filesystem;

class EngineTest : public ::testing::Test {
  protected:
    void SetUp() override {
        m_path = fs::path(::testing::TempDir()) /
                 (std::string("engine_") + ::testing::UnitTest::GetInstance()->current_test_info()->name() +
                  ".gguf");
        ASSERT_TRUE(edgechat::testing::writeTinyModel(m_path));
    }
    void TearDown() override { fs::remove(m_path); }

    std::unique_ptr<Engine> load(EngineOptions options = {}) {
        if (options.threads == 0) options.threads = 2;
        Result<std::unique_ptr<Engine>> engine = Engine::load(m_path, options);
        if (!engine) {
            ADD_FAILURE() << engine.error().message();
            return nullptr;
        }
        return std::move(*engine);
    }

    static GenerateRequest request(const Engine& engine, const std::string& text, int maxTokens) {
        GenerateRequest request;
        request.prompt = engine.tokenizer().encode(text, SpecialTokens::asText);
        request.maxTokens = maxTokens;
        request.sampling.temperature = 0;
        request.stopAtEnd = false;
        return request;
    }

    fs::path m_path;
};

TEST_F(EngineTest, answersTheSameFromRunToRunAndForAnyThreadCount) {
    std::vector<int> expected;
    for (const int threads : {1, 2, 8}) {
        EngineOptions options;
        options.threads = threads;
        std::unique_ptr<Engine> engine = load(options);
        ASSERT_TRUE(engine);
        EXPECT_EQ(engine->threads(), threads);
        for (int run = 0; run < 2; ++run) {
            Result<GenerateResult> result = engine->generate(request(*engine, "the hello", 40));
            ASSERT_TRUE(result);
            EXPECT_EQ(result->stopReason, StopReason::length);
            EXPECT_EQ(result->tokens.size(), 40u);
            if (expected.empty()) expected = result->tokens;
            EXPECT_EQ(result->tokens, expected);
        }
    }
}

TEST_F(EngineTest, computesOnlyWhatTheLastTurnDidNot) {
    std::unique_ptr<Engine> engine = load();
    GenerateRequest first = request(*engine, "hello there, who are you?", 10);
    Result<GenerateResult> firstTurn = engine->generate(first);
    ASSERT_TRUE(firstTurn);
    EXPECT_EQ(firstTurn->statistics.cachedTokens, 0);

    GenerateRequest second = first;
    second.prompt.insert(second.prompt.end(), firstTurn->tokens.begin(), firstTurn->tokens.end());
    const std::vector<int> more = engine->tokenizer().encode(" and then?", SpecialTokens::asText);
    second.prompt.insert(second.prompt.end(), more.begin(), more.end());
    std::vector<std::pair<int, int>> progress;
    GenerateCallbacks callbacks;
    callbacks.onPrefill = [&](int done, int total) { progress.emplace_back(done, total); };
    Result<GenerateResult> reused = engine->generate(second, callbacks);
    ASSERT_TRUE(reused);
    // All but the last token of the answer went through the model in the first turn.
    const int known = static_cast<int>(first.prompt.size() + firstTurn->tokens.size()) - 1;
    EXPECT_EQ(reused->statistics.cachedTokens, known);
    EXPECT_EQ(reused->statistics.promptTokens, static_cast<int>(second.prompt.size()));
    ASSERT_GE(progress.size(), 2u);
    EXPECT_EQ(progress.front(), std::make_pair(known, static_cast<int>(second.prompt.size())));
    EXPECT_EQ(progress.back(),
              std::make_pair(static_cast<int>(second.prompt.size()), static_cast<int>(second.prompt.size())));

    std::unique_ptr<Engine> fresh = load();
    Result<GenerateResult> oneShot = fresh->generate(second);
    ASSERT_TRUE(oneShot);
    EXPECT_EQ(oneShot->tokens, reused->tokens);
}

TEST_F(EngineTest, scoresTheSameLogitsInOnePromptAndInTwoTurns) {
    std::unique_ptr<Engine> engine = load();
    const std::vector<int> tokens =
        engine->tokenizer().encode("hello the in there again and again", SpecialTokens::asText);
    std::vector<float> oneShot, afterTurn;
    ASSERT_TRUE(engine->score(tokens, [&](int position, std::span<const float> logits) {
        if (position + 1 == static_cast<int>(tokens.size())) oneShot.assign(logits.begin(), logits.end());
        return true;
    }));
    // Greedy after the same tokens in two turns starts with the best token of those logits.
    GenerateRequest part;
    part.prompt.assign(tokens.begin(), tokens.begin() + 9);
    part.maxTokens = 3;
    part.sampling.temperature = 0;
    ASSERT_TRUE(engine->generate(part));
    GenerateRequest whole = part;
    whole.prompt = tokens;
    whole.stopAtEnd = false;
    Result<GenerateResult> result = engine->generate(whole);
    ASSERT_TRUE(result);
    EXPECT_GE(result->statistics.cachedTokens, 9);
    EXPECT_EQ(result->tokens.front(), std::max_element(oneShot.begin(), oneShot.end()) - oneShot.begin());
}

TEST_F(EngineTest, keepsTheAnswerWhenTheContextIsFull) {
    EngineOptions options;
    options.context = 32;
    std::unique_ptr<Engine> engine = load(options);
    Result<GenerateResult> result = engine->generate(request(*engine, "hello", 0));
    ASSERT_TRUE(result);
    EXPECT_EQ(result->stopReason, StopReason::contextFull);
    EXPECT_EQ(result->statistics.promptTokens + result->statistics.generatedTokens, 32);
    EXPECT_FALSE(result->text.empty());
}

TEST_F(EngineTest, refusesAPromptThatLeavesNoRoomAndBadTokens) {
    EngineOptions options;
    options.context = 8;
    std::unique_ptr<Engine> engine = load(options);
    GenerateRequest tooLong;
    tooLong.prompt.assign(8, 5);
    Result<GenerateResult> result = engine->generate(tooLong);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, ErrorCode::badInput);
    EXPECT_NE(result.error().message().find("found 8 tokens, expected fewer than 8"), std::string::npos)
        << result.error().message();
    for (const std::vector<int>& prompt :
         {std::vector<int>{}, std::vector<int>{-1}, std::vector<int>{1 << 20}}) {
        GenerateRequest bad;
        bad.prompt = prompt;
        EXPECT_FALSE(engine->generate(bad));
    }
    EXPECT_TRUE(engine->generate(request(*engine, "he", 2))) << "the engine works on after a refusal";
}

TEST_F(EngineTest, stopsBeforeTheNextChunkOfAPrompt) {
    EngineOptions options;
    options.context = 2048;
    std::unique_ptr<Engine> engine = load(options);
    std::atomic<bool> stop{false};
    GenerateCallbacks callbacks;
    callbacks.stop = &stop;
    int last = 0;
    callbacks.onPrefill = [&](int done, int) {
        last = done;
        if (done > 0) stop = true;
    };
    GenerateRequest longPrompt;
    longPrompt.prompt.assign(1000, 20);
    Result<GenerateResult> result = engine->generate(longPrompt, callbacks);
    ASSERT_TRUE(result);
    EXPECT_EQ(result->stopReason, StopReason::interrupted);
    EXPECT_TRUE(result->tokens.empty());
    EXPECT_LE(last, 128) << "one chunk";
    EXPECT_EQ(engine->cachedTokens(), last) << "what was read stays usable";
}

TEST_F(EngineTest, stopsAfterTheRunningTokenAndKeepsTheText) {
    std::unique_ptr<Engine> engine = load();
    std::atomic<bool> stop{false};
    GenerateCallbacks callbacks;
    callbacks.stop = &stop;
    std::string shown;
    callbacks.onText = [&](std::string_view text) { shown += text; };
    callbacks.onToken = [&](int generated) {
        if (generated == 5) stop = true;
    };
    Result<GenerateResult> result = engine->generate(request(*engine, "hello", 50), callbacks);
    ASSERT_TRUE(result);
    EXPECT_EQ(result->stopReason, StopReason::interrupted);
    EXPECT_EQ(result->statistics.generatedTokens, 5);
    EXPECT_EQ(result->text, shown);
}

TEST_F(EngineTest, endsAtAStopTextWithoutShowingIt) {
    std::unique_ptr<Engine> engine = load();
    GenerateRequest free = request(*engine, "hello", 30);
    Result<GenerateResult> whole = engine->generate(free);
    ASSERT_TRUE(whole);
    ASSERT_GT(whole->text.size(), 8u);
    const size_t start = whole->text.size() / 2;
    size_t from = start;
    while ((static_cast<unsigned char>(whole->text[from]) & 0xc0) == 0x80) ++from;  // not inside a character
    GenerateRequest stopped = free;
    stopped.stopTexts = {whole->text.substr(from, 4)};
    Result<GenerateResult> result = engine->generate(stopped);
    ASSERT_TRUE(result);
    EXPECT_EQ(result->stopReason, StopReason::stopText);
    EXPECT_EQ(result->text, whole->text.substr(0, whole->text.find(stopped.stopTexts[0])));
}

TEST_F(EngineTest, leavesOutTheFirstSpaceThatBelongsToTheTemplate) {
    std::unique_ptr<Engine> engine = load();
    GenerateRequest free = request(*engine, "hello", 12);
    free.sampling.temperature = 1;
    bool withSpace = false, without = false;
    for (int seed = 1; seed < 400 && !(withSpace && without); ++seed) {
        free.sampling.seed = static_cast<uint64_t>(seed);
        free.stripLeadingSpace = false;
        const Result<GenerateResult> whole = engine->generate(free);
        free.stripLeadingSpace = true;
        const Result<GenerateResult> stripped = engine->generate(free);
        ASSERT_TRUE(whole && stripped);
        const bool begins = whole->text.starts_with(' ');
        EXPECT_EQ(stripped->text, begins ? whole->text.substr(1) : whole->text);
        EXPECT_EQ(stripped->tokens, whole->tokens);
        (begins ? withSpace : without) = true;
    }
    EXPECT_TRUE(withSpace && without);
}

TEST_F(EngineTest, runsOnTheReferenceDeviceToo) {
    EngineOptions options;
    options.device = Device::reference;
    std::unique_ptr<Engine> engine = load(options);
    ASSERT_TRUE(engine);
    EXPECT_EQ(engine->device(), Device::reference);
    Result<GenerateResult> result = engine->generate(request(*engine, "hello", 4));
    ASSERT_TRUE(result);
    EXPECT_EQ(result->tokens.size(), 4u);
}

TEST_F(EngineTest, refusesWhatDoesNotFitInMemoryWithTheNumbers) {
    EngineOptions options;
    options.context = 1 << 20;
    edgechat::testing::TinyModelOptions large;
    large.heads = large.kvHeads = 64, large.headSize = 128, large.layers = 20;  // 640 KiB a token: 640 GiB
    ASSERT_TRUE(edgechat::testing::writeTinyModel(m_path, large));
    Result<std::unique_ptr<Engine>> engine = Engine::load(m_path, options);
    ASSERT_FALSE(engine);
    EXPECT_EQ(engine.error().code, ErrorCode::doesNotFit);
    EXPECT_NE(engine.error().message().find("MiB needed and"), std::string::npos) << engine.error().message();
}

TEST_F(EngineTest, refusesOptionsOutsideTheirRange) {
    for (const auto& [threads, context] : {std::pair{-1, 0}, {100000, 0}, {1, -5}, {1, 1 << 30}}) {
        EngineOptions options;
        options.threads = threads, options.context = context;
        Result<std::unique_ptr<Engine>> engine = Engine::load(m_path, options);
        ASSERT_FALSE(engine);
        EXPECT_EQ(engine.error().code, ErrorCode::usage);
    }
    EngineOptions cuda;
    cuda.device = Device::cuda;
    ASSERT_FALSE(Engine::load(m_path, cuda));
}

TEST_F(EngineTest, worksOnAfterItsFileIsGone) {
    std::unique_ptr<Engine> engine = load();
    fs::remove(m_path);
    EXPECT_TRUE(engine->generate(request(*engine, "hello", 4)));
    Result<std::unique_ptr<Engine>> again = Engine::load(m_path, {});
    ASSERT_FALSE(again);
    EXPECT_NE(again.error().message().find(m_path.string()), std::string::npos);
}

/// The tiny model with a sliding window of 24 tokens: keys lie in a ring of 192.
std::unique_ptr<Engine> windowedEngine(Device device) {
    ModelConfig config = testing::smallConfig();
    const testing::TemporaryFile file(testing::tinyModel().bytes());
    const auto vocabulary = Checkpoint::openVocabulary(file.path());
    if (!vocabulary) return nullptr;
    config.vocab = static_cast<int>(testing::tinyTokens().size());
    config.slidingWindow = 24;
    CheckpointContent content = testing::memoryContent(config);
    content.tokenizer = *(*vocabulary)->tokenizer();
    content.chatTemplate = testing::kChatMlTemplate;
    EngineOptions options;
    options.device = device, options.threads = 2, options.context = 1024;
    auto engine = Engine::load(Checkpoint::fromContent("memory", std::move(content)), options);
    return engine ? std::move(*engine) : nullptr;
}

TEST(EngineWithSlidingWindow, answersInTurnsAsToTheWholeConversationAtOnce) {
    for (const Device device : {Device::cpu, Device::reference}) {
        const std::unique_ptr<Engine> engine = windowedEngine(device);
        ASSERT_TRUE(engine);
        GenerateRequest request;
        request.maxTokens = 50;
        request.sampling.temperature = 0;
        request.stopAtEnd = false;
        std::vector<int> afterFirstTurn;
        // A chat of seven turns, then the second turn once more with another question.
        for (int turn = 0; turn < 8; ++turn) {
            if (turn == 7) request.prompt = afterFirstTurn;
            for (int i = 0; i < 40; ++i) request.prompt.push_back((i * i + 31 * turn) % 200 + 3);
            const Result<GenerateResult> inTurns = engine->generate(request);
            ASSERT_TRUE(inTurns);
            const std::unique_ptr<Engine> fresh = windowedEngine(device);
            const Result<GenerateResult> atOnce = fresh->generate(request);
            ASSERT_TRUE(atOnce);
            EXPECT_EQ(inTurns->tokens, atOnce->tokens) << deviceName(device) << " turn " << turn;
            EXPECT_EQ(inTurns->statistics.promptTokens, static_cast<int>(request.prompt.size()));
            if (turn > 0 && turn < 7) {
                EXPECT_EQ(inTurns->statistics.cachedTokens, static_cast<int>(request.prompt.size()) - 41);
            } else if (turn == 7 && device == Device::cpu) {
                EXPECT_EQ(inTurns->statistics.cachedTokens, 0) << "the ring has forgotten the first turn";
            }
            request.prompt.insert(request.prompt.end(), inTurns->tokens.begin(), inTurns->tokens.end());
            if (turn == 0) afterFirstTurn = request.prompt;
        }
    }
}

TEST(EngineWithSlidingWindow, forgetsAllWhenItCannotGoBackThatFar) {
    const std::unique_ptr<Engine> engine = windowedEngine(Device::cpu);
    ASSERT_TRUE(engine);
    const std::vector<int> tokens(500, 7);
    ASSERT_TRUE(engine->score(tokens, [](int, std::span<const float>) { return true; }));
    EXPECT_EQ(engine->cachedTokens(), 500);
    engine->truncateCache(480);
    EXPECT_EQ(engine->cachedTokens(), 480);
    engine->truncateCache(300);
    EXPECT_EQ(engine->cachedTokens(), 0);
}

}  // namespace
}  // namespace edgechat::inference
