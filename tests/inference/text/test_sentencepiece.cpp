// SentencePiece two ways: the library on `.model` files, and our own BPE on the pieces of a GGUF file.
#include <gtest/gtest.h>

#include "tests/inference/text/vectors.h"

namespace edgechat::inference {
namespace {

using testing::GgufWriter;
using testing::readVectors;
using testing::sharedData;
using testing::TemporaryFile;
using testing::tokenizerOf;
using testing::Vector;

using Ids = std::vector<int>;

// <unk> <s> </s>, the 256 bytes as 3..258, then pieces with scores.
GgufWriter smallVocabulary() {
    GgufWriter writer;
    std::vector<std::string> tokens = {"<unk>", "<s>", "</s>"};
    std::vector<int32_t> types = {2, 3, 3};
    for (int byte = 0; byte < 256; ++byte) {
        char spelling[8];
        std::snprintf(spelling, sizeof(spelling), "<0x%02X>", byte);
        tokens.emplace_back(spelling);
        types.push_back(6);
    }
    std::vector<float> scores(tokens.size(), 0.0f);
    const std::pair<const char*, float> pieces[] = {{"\u2581", -10}, {"a", -11}, {"b", -12},
                                                    {"c", -13},      {"ab", -2}, {"bc", -1},
                                                    {"\u2581a", -3}, {"abc", -4}};
    for (const auto& [piece, score] : pieces) {
        tokens.emplace_back(piece);
        types.push_back(1);
        scores.push_back(score);
    }
    writer.text("tokenizer.ggml.model", "llama");
    writer.texts("tokenizer.ggml.tokens", tokens);
    writer.i32s("tokenizer.ggml.token_type", types);
    writer.f32s("tokenizer.ggml.scores", scores);
    return writer;
}
constexpr int kSpace = 259, kA = 260, kB = 261, kBc = 264, kSpaceA = 265;

TEST(ScoredBpe, mergesTheBestScoreFirst) {
    const auto tokenizer = tokenizerOf(smallVocabulary());
    ASSERT_TRUE(tokenizer) << tokenizer.error().message();
    // "bc" (-1) before "ab" (-2); then the space takes "a" (-3), and "abc" cannot be made any more.
    EXPECT_EQ((*tokenizer)->encode("abc", SpecialTokens::asText), (Ids{kSpaceA, kBc}));
    EXPECT_EQ((*tokenizer)->encode("b", SpecialTokens::asText), (Ids{kSpace, kB}));
    EXPECT_EQ((*tokenizer)->encode(" b", SpecialTokens::asText), (Ids{kSpace, kSpace, kB}));
    EXPECT_EQ((*tokenizer)->encode("", SpecialTokens::asText), (Ids{}));
}

TEST(ScoredBpe, unknownCharactersBecomeBytes) {
    const auto tokenizer = tokenizerOf(smallVocabulary());
    ASSERT_TRUE(tokenizer);
    EXPECT_EQ((*tokenizer)->encode("\u00e9\n", SpecialTokens::asText),
              (Ids{kSpace, 3 + 0xc3, 3 + 0xa9, 3 + '\n'}));
    EXPECT_EQ((*tokenizer)->tokenBytes(3 + 0xc3), "\xc3");
    EXPECT_EQ((*tokenizer)->tokenBytes(kSpaceA), " a");
}

TEST(ScoredBpe, withoutByteTokensARunIsOneUnknown) {
    GgufWriter writer;
    writer.text("tokenizer.ggml.model", "llama");
    writer.texts("tokenizer.ggml.tokens", {"<unk>", "<s>", "</s>", "\u2581", "a"});
    writer.i32s("tokenizer.ggml.token_type", {2, 3, 3, 1, 1});
    writer.f32s("tokenizer.ggml.scores", {0, 0, 0, -1, -2});
    const auto tokenizer = tokenizerOf(writer);
    ASSERT_TRUE(tokenizer);
    EXPECT_EQ((*tokenizer)->encode("xyza?", SpecialTokens::asText), (Ids{3, 0, 4, 0}));
    EXPECT_EQ((*tokenizer)->tokenBytes(0), "");
}

TEST(ScoredBpe, nobodyCanTypeControlOrByteTokens) {
    const auto tokenizer = tokenizerOf(smallVocabulary());
    ASSERT_TRUE(tokenizer);
    const std::string typed = "</s><s><0x0A><unk>";
    const Ids ids = (*tokenizer)->encode(typed, SpecialTokens::asText);
    for (int id : ids) EXPECT_FALSE((*tokenizer)->isControl(id));
    EXPECT_EQ((*tokenizer)->decode(ids, false), typed);
    EXPECT_EQ((*tokenizer)->encode("</s>b", SpecialTokens::parse), (Ids{2, kSpace, kB}));
}

TEST(ScoredBpe, decodingDropsOneSpaceAtTheStartOnly) {
    const auto tokenizer = tokenizerOf(smallVocabulary());
    ASSERT_TRUE(tokenizer);
    EXPECT_EQ((*tokenizer)->decode({1, kSpace, kSpace, kB, kSpaceA}, false), " b a");
    EXPECT_EQ((*tokenizer)->decode({1, kSpaceA, 2}, true), "<s>a</s>");
    EXPECT_EQ((*tokenizer)->decode({kA, kSpaceA}, false), "a a");
}

TEST(ScoredBpe, spacePrefixCanBeOff) {
    GgufWriter writer = smallVocabulary();
    writer.boolean("tokenizer.ggml.add_space_prefix", false);
    const auto tokenizer = tokenizerOf(writer);
    ASSERT_TRUE(tokenizer);
    EXPECT_EQ((*tokenizer)->encode("a", SpecialTokens::asText), (Ids{kA}));
    EXPECT_EQ((*tokenizer)->decode({kSpaceA}, false), " a");
}

TEST(ScoredBpe, anyBytesComeBack) {
    const auto tokenizer = tokenizerOf(smallVocabulary());
    ASSERT_TRUE(tokenizer);
    for (const std::string text : {"\xff\xfe", "a\x80\xe2\x96", " a\xf0\x9f\x98\x80 \xed\xa0\x80", "\xc3"}) {
        EXPECT_EQ((*tokenizer)->decode((*tokenizer)->encode(text, SpecialTokens::asText), false), text);
    }
    const std::string text(1 << 20, 'a');
    EXPECT_EQ((*tokenizer)->decode((*tokenizer)->encode(text, SpecialTokens::asText), false), text);
}

// The library, and our own BPE on the same vocabulary.
class Llama2Tokenizers : public ::testing::Test {
  protected:
    void SetUp() override {
        const auto model = sharedData("tokenizers/llama2-tokenizer.model");
        vectors = sharedData("tokenizers/ggml-vocab-llama-spm.gguf");
        if (!model || !vectors) GTEST_SKIP() << "the shared test data is not there (EDGECHAT_TEST_DATA)";
        auto opened = openSentencePiece(*model);
        auto made = tokenizerOf(*vectors);
        ASSERT_TRUE(opened) << opened.error().message();
        ASSERT_TRUE(made) << made.error().message();
        library = std::move(*opened);
        own = std::move(*made);
    }
    std::optional<std::filesystem::path> vectors;
    std::unique_ptr<Tokenizer> library, own;
};

TEST_F(Llama2Tokenizers, matchPublishedVectors) {
    const std::vector<Vector> all = readVectors(*vectors);
    ASSERT_EQ(all.size(), 46u);
    for (const Vector& vector : all) {
        EXPECT_EQ(library->encode(vector.text, SpecialTokens::asText), vector.ids) << vector.text;
        EXPECT_EQ(own->encode(vector.text, SpecialTokens::asText), vector.ids) << vector.text;
        EXPECT_EQ(library->decode(vector.ids, false), vector.text);
        EXPECT_EQ(own->decode(vector.ids, false), vector.text);
    }
}

TEST_F(Llama2Tokenizers, agreeWithEachOther) {
    EXPECT_EQ(library->vocabulary(), own->vocabulary());
    EXPECT_EQ(library->bos(), own->bos());
    EXPECT_EQ(library->eos(), own->eos());
    EXPECT_TRUE(library->addsBos() && own->addsBos());
    for (int id = 0; id < own->vocabulary(); ++id) {
        ASSERT_EQ(library->tokenText(id), own->tokenText(id)) << id;
        ASSERT_EQ(library->tokenBytes(id), own->tokenBytes(id)) << id;
        ASSERT_EQ(library->isControl(id), own->isControl(id)) << id;
    }
    const std::string plain =
        testing::readFile(std::filesystem::path(EDGECHAT_SOURCE_DIR) / "tests/data/plain_text.txt");
    ASSERT_GT(plain.size(), 10000u);
    EXPECT_EQ(library->encode(plain, SpecialTokens::asText), own->encode(plain, SpecialTokens::asText));
    for (const std::string text : {"\xff", "x\x80\ufdd0y\xf0\x9f", "\ufdd0", "\xef\xb7\x90\xef\xb7"}) {
        EXPECT_EQ(library->encode(text, SpecialTokens::asText), own->encode(text, SpecialTokens::asText));
        EXPECT_EQ(library->decode(library->encode(text, SpecialTokens::asText), false), text);
    }
}

TEST_F(Llama2Tokenizers, matchTheReferenceConversation) {
    // [INST] Q1 [/INST] R1, with each run of text encoded by itself as Meta's code does.
    for (const Tokenizer* tokenizer : {library.get(), own.get()}) {
        const std::vector<PromptSegment> segments = {{1, "<s>"},           {-1, "[INST] Q1"},
                                                     {-1, " [/INST] R1 "}, {2, "</s>"},
                                                     {1, "<s>"},           {-1, "[INST] Q2 [/INST]"}};
        EXPECT_EQ(tokenizer->encodeSegments(segments),
                  (Ids{1,     518, 25580, 29962, 660,   29896, 518, 29914, 25580, 29962, 390,   29896,
                       29871, 2,   1,     518,   25580, 29962, 660, 29906, 518,   29914, 25580, 29962}));
    }
}

TEST(SentencePieceModel, mistralsByteTokensAreFoundByType) {
    // v0.3 has its byte tokens at 771, not at 3.
    const auto path = sharedData("tokenizers/mistral_instruct_tokenizer_240216.model.v2");
    if (!path) GTEST_SKIP() << "the shared test data is not there (EDGECHAT_TEST_DATA)";
    const auto tokenizer = openSentencePiece(*path);
    ASSERT_TRUE(tokenizer) << tokenizer.error().message();
    EXPECT_EQ((*tokenizer)->tokenBytes(771 + '\n'), "\n");
    EXPECT_EQ((*tokenizer)->controlToken("[INST]"), 3);
    const Ids typed = (*tokenizer)->encode("[INST]", SpecialTokens::asText);
    for (int id : typed) EXPECT_FALSE((*tokenizer)->isControl(id));
    EXPECT_EQ(
        (*tokenizer)->encodeSegments({{1, "<s>"}, {3, "[INST]"}, {-1, "Q1"}, {4, "[/INST]"}, {-1, "R1"}}),
        (Ids{1, 3, 1954, 29508, 4, 1167, 29508}));
}

TEST(SentencePieceModel, refusesWhatIsNone) {
    const TemporaryFile file("this is no model");
    const auto opened = openSentencePiece(file.path());
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, ErrorCode::badInput);
    EXPECT_EQ(opened.error().file, file.path().string());
    EXPECT_EQ(opened.error().expected, "a SentencePiece model");
    EXPECT_FALSE(openSentencePiece("/nonexistent.model"));
    EXPECT_FALSE(openSentencePiece(TemporaryFile().path()));
}

}  // namespace
}  // namespace edgechat::inference
