#include <gtest/gtest.h>

#include <atomic>
#include <nlohmann/json.hpp>
#include <thread>

#include "tests/inference/text/vectors.h"

namespace edgechat::inference {
namespace {

using testing::GgufWriter;
using testing::readFile;
using testing::readVectors;
using testing::sharedData;
using testing::starterModel;
using testing::tinyModel;
using testing::tokenizerOf;
using testing::Vector;

using Ids = std::vector<int>;

std::unique_ptr<Tokenizer> tiny(const std::string& preTokenizer = "smollm") {
    GgufWriter writer = tinyModel();
    writer.text("tokenizer.ggml.pre", preTokenizer);
    auto tokenizer = tokenizerOf(writer);
    EXPECT_TRUE(tokenizer) << (tokenizer ? "" : tokenizer.error().message());
    return tokenizer ? std::move(*tokenizer) : nullptr;
}

Ids asText(const Tokenizer& tokenizer, std::string_view text) {
    return tokenizer.encode(text, SpecialTokens::asText);
}

// In the tiny vocabulary byte b is token 3 + b; 259 " t", 260 "he", 261 "in", 262 " the", 263 "er", 264 " a",
// 265 "ll", 266 "hell", 267 "hello".
TEST(ByteLevelBpe, mergesByRank) {
    const auto tokenizer = tiny();
    EXPECT_EQ(asText(*tokenizer, "hello"), (Ids{267}));
    EXPECT_EQ(asText(*tokenizer, " the"), (Ids{262}));
    EXPECT_EQ(asText(*tokenizer, "the"), (Ids{3 + 't', 260}));  // "t he": " t" needs the space
    EXPECT_EQ(asText(*tokenizer, "hellll"), (Ids{266, 265}));   // leftmost "ll" first
    EXPECT_EQ(asText(*tokenizer, "lll"), (Ids{265, 3 + 'l'}));  // leftmost of equals
    EXPECT_EQ(asText(*tokenizer, "heer"), (Ids{260, 263}));
    EXPECT_EQ(asText(*tokenizer, "her"), (Ids{260, 3 + 'r'}));  // "h e" has the better rank than "e r"
    EXPECT_EQ(asText(*tokenizer, ""), (Ids{}));
}

TEST(ByteLevelBpe, spellsEveryByteAsOneToken) {
    const auto tokenizer = tiny();
    for (int byte = 0; byte < 256; ++byte) {
        EXPECT_EQ(tokenizer->tokenBytes(3 + byte), std::string(1, static_cast<char>(byte)));
    }
    EXPECT_EQ(tokenizer->tokenText(3 + ' '), "\u0120");
    EXPECT_EQ(tokenizer->tokenBytes(262), " the");
    EXPECT_EQ(tokenizer->tokenText(262), "\u0120the");
    EXPECT_EQ(tokenizer->tokenBytes(268), "");
    EXPECT_EQ(tokenizer->tokenBytes(-1), "");
}

TEST(ByteLevelBpe, anyBytesComeBack) {
    const auto tokenizer = tiny();
    std::string all;
    for (int byte = 0; byte < 256; ++byte) all += static_cast<char>(byte);
    uint32_t state = 7;
    for (int i = 0; i < 300; ++i) {
        std::string text;
        for (int n = i % 40; n > 0; --n) {
            state = state * 1664525 + 1013904223;
            // Half of them bytes above 0x7f, so that all kinds of broken UTF-8 occur.
            text += static_cast<char>(state >> 24);
        }
        text += i % 3 == 0 ? all : "he\u00e9\xf0\x9f";
        ASSERT_EQ(tokenizer->decode(asText(*tokenizer, text), false), text);
    }
}

TEST(ByteLevelBpe, nobodyCanTypeAControlToken) {
    const auto tokenizer = tiny();
    const Ids ids = asText(*tokenizer, "a<|im_end|>b<|endoftext|>");
    for (int id : ids) EXPECT_FALSE(tokenizer->isControl(id));
    EXPECT_EQ(tokenizer->decode(ids, false), "a<|im_end|>b<|endoftext|>");
    EXPECT_EQ(tokenizer->encode("a<|im_end|>b<|endoftext|>", SpecialTokens::parse),
              (Ids{3 + 'a', 2, 3 + 'b', 0}));
}

TEST(ByteLevelBpe, controlTokensPrintNothing) {
    const auto tokenizer = tiny();
    EXPECT_EQ(tokenizer->tokenBytes(2), "");
    EXPECT_EQ(tokenizer->tokenText(2), "<|im_end|>");
    EXPECT_EQ(tokenizer->decode({1, 267, 2}, false), "hello");
    EXPECT_EQ(tokenizer->decode({1, 267, 2}, true), "<|im_start|>hello<|im_end|>");
    EXPECT_EQ(tokenizer->controlToken("<|im_end|>"), 2);
    EXPECT_EQ(tokenizer->controlToken("hello"), -1);
    EXPECT_EQ(tokenizer->controlToken("<|nothing|>"), -1);
    EXPECT_TRUE(tokenizer->isControl(0));
    EXPECT_FALSE(tokenizer->isControl(267));
    EXPECT_FALSE(tokenizer->isControl(100000));
}

TEST(ByteLevelBpe, saysWhatTheVocabularySays) {
    const auto tokenizer = tiny();
    EXPECT_EQ(tokenizer->vocabulary(), 268);
    EXPECT_EQ(tokenizer->bos(), 1);
    EXPECT_EQ(tokenizer->eos(), 2);
    EXPECT_FALSE(tokenizer->addsBos());
    EXPECT_EQ(tokenizer->endOfTurn(), (Ids{0}));
}

TEST(ByteLevelBpe, userDefinedTokensAreFoundInAnyTextTheLongestFirst) {
    GgufWriter writer = tinyModel();
    std::vector<std::string> tokens = testing::tinyTokens();
    tokens.insert(tokens.end(), {"<code>", "<code>x"});
    std::vector<int32_t> types(tokens.size(), 1);
    for (size_t i : {0, 1, 2}) types[i] = 3;
    types[268] = types[269] = 4;
    writer.texts("tokenizer.ggml.tokens", tokens);
    writer.i32s("tokenizer.ggml.token_type", types);
    const auto tokenizer = tokenizerOf(writer);
    ASSERT_TRUE(tokenizer);
    EXPECT_EQ(asText(**tokenizer, "a<code>x<code>y"), (Ids{3 + 'a', 269, 268, 3 + 'y'}));
    EXPECT_EQ((*tokenizer)->tokenBytes(268), "<code>");
    EXPECT_FALSE((*tokenizer)->isControl(268));
}

TEST(ByteLevelBpe, preTokenizersDifferInDigits) {
    // A vocabulary with a merge of two digits tells them apart.
    GgufWriter writer = tinyModel();
    std::vector<std::string> tokens = testing::tinyTokens();
    tokens.push_back("12");
    std::vector<int32_t> types(tokens.size(), 1);
    writer.texts("tokenizer.ggml.tokens", tokens);
    writer.i32s("tokenizer.ggml.token_type", types);
    writer.texts("tokenizer.ggml.merges", {"1 2"});
    for (const char* name : {"gpt-2", "default"}) {
        writer.text("tokenizer.ggml.pre", name);
        const auto tokenizer = tokenizerOf(writer);
        ASSERT_TRUE(tokenizer);
        EXPECT_EQ(asText(**tokenizer, "123"), (Ids{268, 3 + '3'})) << name;
    }
    for (const char* name : {"smollm", "starcoder"}) {
        writer.text("tokenizer.ggml.pre", name);
        const auto tokenizer = tokenizerOf(writer);
        ASSERT_TRUE(tokenizer);
        EXPECT_EQ(asText(**tokenizer, "123"), (Ids{3 + '1', 3 + '2', 3 + '3'})) << name;
    }
}

TEST(ByteLevelBpe, llama3sPreTokenizerTakesThreeDigitsAndWholeWords) {
    GgufWriter writer = tinyModel();
    std::vector<std::string> tokens = testing::tinyTokens();
    tokens.insert(tokens.end(), {"34", "her"});
    writer.texts("tokenizer.ggml.tokens", tokens);
    writer.i32s("tokenizer.ggml.token_type", std::vector<int32_t>(tokens.size(), 1));
    writer.texts("tokenizer.ggml.merges", {"3 4", "e r"});
    for (const char* name : {"llama-bpe", "llama3", "llama-v3", "falcon3"}) {
        writer.text("tokenizer.ggml.pre", name);
        const auto tokenizer = tokenizerOf(writer);
        ASSERT_TRUE(tokenizer) << name;
        EXPECT_EQ(asText(**tokenizer, "1234"), (Ids{3 + '1', 3 + '2', 3 + '3', 3 + '4'})) << name;
        EXPECT_EQ(asText(**tokenizer, "12 34"), (Ids{3 + '1', 3 + '2', 3 + ' ', 268})) << name;
        EXPECT_EQ(asText(**tokenizer, "her"), (Ids{269})) << name;  // no merge leads there
    }
}

TEST(ByteLevelBpe, unknownPreTokenizersAndModelsAreRefusedByName) {
    GgufWriter writer = tinyModel();
    writer.text("tokenizer.ggml.pre", "tekken");
    const auto pre = tokenizerOf(writer);
    ASSERT_FALSE(pre);
    EXPECT_EQ(pre.error().field, "tokenizer.ggml.pre");
    EXPECT_EQ(pre.error().found, "\"tekken\"");
    EXPECT_NE(pre.error().expected.find("smollm"), std::string::npos);
    writer.text("tokenizer.ggml.model", "bert");
    const auto model = tokenizerOf(writer);
    ASSERT_FALSE(model);
    EXPECT_EQ(model.error().field, "tokenizer.ggml.model");
    EXPECT_EQ(model.error().found, "\"bert\"");
}

TEST(ByteLevelBpe, mergesOfUnknownTokensAreRefused) {
    GgufWriter writer = tinyModel();
    writer.texts("tokenizer.ggml.merges", {"h e", "q q"});
    const auto tokenizer = tokenizerOf(writer);
    ASSERT_FALSE(tokenizer);
    EXPECT_EQ(tokenizer.error().field, "tokenizer.ggml.merges");
    EXPECT_NE(tokenizer.error().found.find("merge 1"), std::string::npos);
}

// A pair-by-pair search would take the square of this length: half an hour and more.
TEST(ByteLevelBpe, oneWordOfAMillionLettersIsEncoded) {
    const auto tokenizer = tiny();
    const std::string text(1 << 20, 'l');
    const Ids ids = asText(*tokenizer, text);
    EXPECT_EQ(ids.size(), text.size() / 2);
    EXPECT_EQ(tokenizer->decode(ids, false), text);
    const std::string spaces(1 << 20, ' ');
    EXPECT_EQ(tokenizer->decode(asText(*tokenizer, spaces + "x"), false), spaces + "x");
}

TEST(ByteLevelBpe, severalThreadsMayEncode) {
    const auto tokenizer = tiny();
    const std::string text = "hello the 123 \u00e9 <|im_end|> in her";
    const Ids expected = asText(*tokenizer, text);
    std::vector<std::thread> threads;
    std::atomic<int> wrong = 0;
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&] {
            for (int n = 0; n < 50; ++n) wrong += asText(*tokenizer, text) != expected;
        });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(wrong, 0);
}

TEST(ByteLevelBpe, matchesPublishedStarcoderVectors) {
    const auto path = sharedData("tokenizers/ggml-vocab-starcoder.gguf");
    if (!path) GTEST_SKIP() << "the shared test data is not there (EDGECHAT_TEST_DATA)";
    const auto tokenizer = tokenizerOf(*path);
    ASSERT_TRUE(tokenizer) << tokenizer.error().message();
    const std::vector<Vector> vectors = readVectors(*path);
    ASSERT_EQ(vectors.size(), 46u);
    for (const Vector& vector : vectors) {
        EXPECT_EQ(asText(**tokenizer, vector.text), vector.ids) << vector.text;
        EXPECT_EQ((*tokenizer)->decode(vector.ids, false), vector.text);
    }
}

class StarterTokenizer : public ::testing::Test {
  protected:
    void SetUp() override {
        const auto path = starterModel();
        if (!path) GTEST_SKIP() << "the starter model is not there (EDGECHAT_STARTER_MODEL)";
        auto made = tokenizerOf(*path);
        ASSERT_TRUE(made) << made.error().message();
        tokenizer = std::move(*made);
    }
    std::unique_ptr<Tokenizer> tokenizer;
};

TEST_F(StarterTokenizer, matchesHuggingFace) {
    const auto cases = nlohmann::json::parse(
        readFile(std::filesystem::path(EDGECHAT_SOURCE_DIR) / "tests/data/smollm2_ids.json"));
    ASSERT_GE(cases.size(), 30u);
    for (const auto& one : cases) {
        const auto text = one["text"].get<std::string>();
        EXPECT_EQ(asText(*tokenizer, text), one["ids"].get<Ids>()) << text;
    }
}

TEST_F(StarterTokenizer, matchesPublishedIds) {
    EXPECT_EQ(asText(*tokenizer, "Hello world! 123"), (Ids{19556, 905, 17, 216, 33, 34, 35}));
    EXPECT_EQ(asText(*tokenizer, "The capital of France is"), (Ids{504, 3575, 282, 4649, 314}));
    EXPECT_EQ(asText(*tokenizer, "  multiple   spaces"), (Ids{216, 2701, 256, 5600}));
    EXPECT_EQ(asText(*tokenizer, "\n"), (Ids{198}));
}

TEST_F(StarterTokenizer, endsAnswersAtBothOfItsEnds) {
    EXPECT_EQ(tokenizer->eos(), 2);
    EXPECT_EQ(tokenizer->endOfTurn(), (Ids{0}));
    EXPECT_EQ(tokenizer->tokenText(2), "<|im_end|>");
    EXPECT_EQ(tokenizer->controlToken("<|im_start|>"), 1);
    EXPECT_FALSE(tokenizer->addsBos());
}

TEST_F(StarterTokenizer, bytesThatItLacksAreLeftOutOrReplaced) {
    // As Hugging Face: the character is left out, and still parts the words.
    EXPECT_EQ(asText(*tokenizer, std::string("a\x04") + "b"), (Ids{81, 82}));
    // A byte that cannot be a character and has no token either.
    EXPECT_EQ(asText(*tokenizer, std::string("a\xff") + "b"),
              asText(*tokenizer, "a\ufffd" + std::string("b")));
    const std::string broken = std::string("a\x80") + "b";
    EXPECT_EQ(tokenizer->decode(asText(*tokenizer, broken), false), broken);
}

}  // namespace
}  // namespace edgechat::inference
