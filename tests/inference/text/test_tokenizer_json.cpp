// tokenizer.json: every component and flag against Hugging Face's tokenizers, and what is refused.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "inference/text/tokenizer_json.h"
#include "tests/inference/text/vectors.h"

namespace edgechat::inference {
namespace {

using nlohmann::json;
using testing::readFile;
using testing::readVectors;
using testing::sharedData;

using Ids = std::vector<int>;
using Opened = Result<std::unique_ptr<Tokenizer>>;

const json& components() {
    static const json kComponents = json::parse(
        readFile(std::filesystem::path(EDGECHAT_SOURCE_DIR) / "tests/data/tokenizer_components.json"));
    return kComponents;
}

// The small tokenizer of the golden file with some parts replaced.
json changed(const json& changes) {
    json whole = components()["base"];
    for (const auto& [key, value] : changes.items()) {
        if (key == "model") {
            for (const auto& [option, setting] : value.items()) whole["model"][option] = setting;
        } else {
            whole[key] = value;
        }
    }
    return whole;
}

Opened make(const json& whole) {
    return makeJsonTokenizer(whole, "tokenizer.json", {});
}

TEST(TokenizerJson, everyComponentDoesWhatHuggingFacesDoes) {
    const auto texts = components()["texts"].get<std::vector<std::string>>();
    ASSERT_GE(components()["cases"].size(), 60u);
    for (const json& one : components()["cases"]) {
        const auto name = one["name"].get<std::string>();
        const Opened tokenizer = make(changed(one["changes"]));
        ASSERT_TRUE(tokenizer) << name << ": " << tokenizer.error().message();
        for (size_t i = 0; i < texts.size(); ++i) {
            EXPECT_EQ((*tokenizer)->encode(texts[i], SpecialTokens::parse), one["ids"][i].get<Ids>())
                << name << ": \"" << texts[i] << '"';
        }
    }
}

TEST(TokenizerJson, decodersDoWhatHuggingFacesDo) {
    for (const json& one : components()["cases"]) {
        if (!one.contains("decoded")) continue;
        const auto name = one["name"].get<std::string>();
        const Opened tokenizer = make(changed(one["changes"]));
        ASSERT_TRUE(tokenizer) << name;
        for (size_t i = 0; i < one["ids"].size(); ++i) {
            const auto decoded = one["decoded"][i].get<std::string>();
            // Metaspace takes all marks off the first token; one is what encoding put there.
            const std::string own = (*tokenizer)->decode(one["ids"][i].get<Ids>(), true);
            if (name.starts_with("Metaspace") && own.starts_with(' ')) continue;
            EXPECT_EQ(own, decoded) << name << " text " << i;
        }
    }
}

// GPT-2's vocabulary, cut down to the tokens that the published texts can need.
TEST(TokenizerJson, matchesPublishedGpt2Vectors) {
    const auto path = sharedData("tokenizers/ggml-vocab-gpt-2.gguf.inp");
    if (!path) GTEST_SKIP() << "the shared test data is not there (EDGECHAT_TEST_DATA)";
    const Opened tokenizer = make(components()["gpt2"]);
    ASSERT_TRUE(tokenizer) << tokenizer.error().message();
    EXPECT_EQ((*tokenizer)->vocabulary(), 50257);
    EXPECT_EQ((*tokenizer)->controlToken("<|endoftext|>"), 50256);
    const auto vectors = readVectors(path->parent_path() / "ggml-vocab-gpt-2.gguf");
    ASSERT_EQ(vectors.size(), 46u);
    for (const auto& vector : vectors) {
        EXPECT_EQ((*tokenizer)->encode(vector.text, SpecialTokens::asText), vector.ids) << vector.text;
        EXPECT_EQ((*tokenizer)->decode(vector.ids, false), vector.text);
    }
}

struct Refusal {
    const char* changes;
    const char* field;
    const char* found;
};

TEST(TokenizerJson, refusesByNameWhatItCannotDo) {
    const Refusal refusals[] = {
        {R"({"model": {"type": "WordPiece"}})", "model.type", "\"WordPiece\""},
        {R"({"model": {"type": "Unigram"}})", "model.type", "\"Unigram\""},
        {R"({"model": {"dropout": 0.1}})", "model.dropout", "0.1"},
        {R"({"model": {"continuing_subword_prefix": "##"}})", "model.continuing_subword_prefix", "\"##\""},
        {R"({"model": {"end_of_word_suffix": "</w>"}})", "model.end_of_word_suffix", "\"</w>\""},
        {R"({"model": {"vocab": []}})", "model.vocab", "an array"},
        {R"({"model": {"vocab": {"a": -1}}})", "model.vocab[\"a\"]", "-1"},
        {R"({"model": {"vocab": {"a": 99999999999}}})", "model.vocab[\"a\"]", "99999999999"},
        {R"({"model": {"vocab": {"a": 1, "b": 1}}})", "model.vocab[\"b\"]", "1, which is \"a\" already"},
        {R"({"model": {"vocab": {}, "merges": []}})", "model.vocab", "0 tokens"},
        {R"({"model": {"merges": ["ab"]}})", "model.merges[0]", "\"ab\""},
        {R"({"model": {"merges": [["a", "b", "c"]]}})", "model.merges[0]", "an array"},
        {R"({"model": {"merges": ["a b", "q q"]}})", "model.merges",
         "merge 1 of tokens that are not in the vocabulary"},
        {R"({"model": {"unk_token": "nowhere"}})", "model.unk_token", "\"nowhere\""},
        {R"({"normalizer": {"type": "NFC"}})", "normalizer.type", "\"NFC\""},
        {R"({"normalizer": {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "x"},
             {"type": "Lowercase"}]}})",
         "normalizer.normalizers[1].type", "\"Lowercase\""},
        {R"({"normalizer": {"type": "Replace", "pattern": {"Regex": "a(?<n>b)c"}, "content": ""}})",
         "normalizer.pattern.Regex", "\"(?<n\" in a pattern"},
        {R"({"pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "ByteLevel"},
             {"type": "BertPreTokenizer"}]}})",
         "pre_tokenizer.pretokenizers[1].type", "\"BertPreTokenizer\""},
        {R"({"pre_tokenizer": {"type": "Split", "pattern": {"String": "a"}, "behavior": "Sideways"}})",
         "pre_tokenizer.behavior", "\"Sideways\""},
        {R"({"pre_tokenizer": {"type": "Split", "pattern": {"Regex": "\\p{Han}"}, "behavior": "Removed"}})",
         "pre_tokenizer.pattern.Regex", "\"\\p{Han}\" in a pattern"},
        {R"({"pre_tokenizer": {"type": "Split", "pattern": {"Regex": "(a"}, "behavior": "Removed"}})",
         "pre_tokenizer.pattern.Regex", "a pattern that PCRE2 cannot compile (missing closing parenthesis)"},
        {R"({"pre_tokenizer": {"type": "Metaspace", "replacement": " "}})", "pre_tokenizer.replacement",
         "\" \""},
        {R"({"pre_tokenizer": {"type": "Metaspace", "replacement": "_", "prepend_scheme": "last"}})",
         "pre_tokenizer.prepend_scheme", "\"last\""},
        {R"({"pre_tokenizer": {"type": "ByteLevel", "use_regex": "yes"}})", "pre_tokenizer.use_regex",
         "\"yes\""},
        {R"({"decoder": {"type": "WordPiece"}})", "decoder.type", "\"WordPiece\""},
        {R"({"post_processor": {"type": "BertProcessing"}})", "post_processor.type", "\"BertProcessing\""},
        {R"({"added_tokens": [{"content": "x"}]})", "added_tokens[0].id", "no such key"},
        {R"({"added_tokens": [{"id": 1, "content": "<X>"}]})", "added_tokens",
         "\"<X>\" with id 1, which is \"a\""},
    };
    for (const Refusal& refusal : refusals) {
        const Opened tokenizer = make(changed(json::parse(refusal.changes)));
        ASSERT_FALSE(tokenizer) << refusal.changes;
        EXPECT_EQ(tokenizer.error().code, ErrorCode::badInput);
        EXPECT_EQ(tokenizer.error().file, "tokenizer.json");
        EXPECT_EQ(tokenizer.error().field, refusal.field) << refusal.changes;
        EXPECT_EQ(tokenizer.error().found, refusal.found) << refusal.changes;
        EXPECT_FALSE(tokenizer.error().expected.empty()) << refusal.changes;
    }
}

TEST(TokenizerJson, replacementsThatMultiplyAreRefused) {
    json steps = json::array();
    for (int i = 0; i < 12; ++i) {
        steps.push_back({{"type", "Replace"}, {"pattern", {{"String", "a"}}}, {"content", "aaaaaaaa"}});
    }
    const Opened tokenizer = make(changed({{"normalizer", {{"type", "Sequence"}, {"normalizers", steps}}}}));
    ASSERT_FALSE(tokenizer);
    EXPECT_EQ(tokenizer.error().found, "replacements that make text many times longer");
}

TEST(TokenizerJson, mergesOfTokensWithSpacesAreReadInBothForms) {
    for (const char* merges : {R"(["a  ", "a b"])", R"([["a", " "], ["a", "b"]])"}) {
        json whole =
            changed(json::parse(R"({"model": {"vocab": {"a": 0, " ": 1, "a ": 2, "b": 3, "ab": 4}}})"));
        whole["model"]["merges"] = json::parse(merges);
        const Opened tokenizer = make(whole);
        ASSERT_TRUE(tokenizer) << tokenizer.error().message();
        EXPECT_EQ((*tokenizer)->encode("a ab", SpecialTokens::asText), (Ids{2, 4})) << merges;
    }
}

TEST(TokenizerJson, aMergeThatSpellsAControlTokenIsNone) {
    const json whole = changed(json::parse(
        R"({"model": {"vocab": {"<": 0, "s": 1, ">": 2, "<s": 3, "<s>": 4}, "merges": ["< s", "<s >"],
                      "ignore_merges": true},
            "added_tokens": [{"id": 4, "content": "<s>", "special": true}]})"));
    const Opened tokenizer = make(whole);
    ASSERT_TRUE(tokenizer) << tokenizer.error().message();
    EXPECT_EQ((*tokenizer)->encode("<s>", SpecialTokens::asText), (Ids{3, 2}));
    EXPECT_EQ((*tokenizer)->encode("<s>", SpecialTokens::parse), (Ids{4}));
    EXPECT_EQ((*tokenizer)->decode({3, 2}, false), "<s>");
}

TEST(TokenizerJson, anUnknownTokenThatEndsAnswersDoesNotComeOutOfText) {
    const json whole = changed(json::parse(
        R"({"model": {"vocab": {"a": 0, "<|endoftext|>": 1}, "merges": [], "unk_token": "<|endoftext|>"},
            "added_tokens": [{"id": 1, "content": "<|endoftext|>", "special": true}]})"));
    TokenizerSettings settings;
    settings.eos = "<|endoftext|>";
    const Opened tokenizer = makeJsonTokenizer(whole, "tokenizer.json", settings);
    ASSERT_TRUE(tokenizer) << tokenizer.error().message();
    EXPECT_EQ((*tokenizer)->eos(), 1);
    EXPECT_EQ((*tokenizer)->encode("aqa", SpecialTokens::asText), (Ids{0, 0}));
}

TEST(TokenizerJson, patternsMeanWhatTheyMeanToOniguruma) {
    // U+180E is no white space, U+0085 is; \v is one character.
    const auto split = [](const std::string& pattern, const std::string& text) {
        const Opened tokenizer =
            make(changed({{"pre_tokenizer",
                           {{"type", "Split"}, {"pattern", {{"Regex", pattern}}}, {"behavior", "Removed"}}},
                          {"model", {{"vocab", {{"a", 0}, {"aa", 1}, {"b", 2}}}, {"merges", {"a a"}}}}}));
        EXPECT_TRUE(tokenizer) << tokenizer.error().message();
        return tokenizer ? (*tokenizer)->encode(text, SpecialTokens::asText) : Ids{};
    };
    EXPECT_EQ(split("\\s",
                    "a\u0085"
                    "a"),
              (Ids{0, 0}));
    EXPECT_EQ(split("\\s",
                    "a\u180e"
                    "a"),
              (Ids{1}));  // the character has no token
    EXPECT_EQ(split("[^\\S]", "a a"), (Ids{0, 0}));
    EXPECT_EQ(split("\\v", "a\na"), (Ids{1}));
    EXPECT_EQ(split("b{,1}c", "acabca"), (Ids{0, 0, 0}));
    EXPECT_EQ(split("\\u0062", "aba"), (Ids{0, 0}));
    for (const char* pattern :
         {"^a", "a$", "\\ba", "(a)\\1", "[[:alpha:]]", "[a&&b]", "\\h", "(?<x>a)", "(?m:a)", "a{2}+", "a{2}?",
          "\\p{Alpha}", "[", "\\", "(*FAIL)", "\\Q", "[]a]"}) {
        const Opened tokenizer = make(
            changed({{"pre_tokenizer",
                      {{"type", "Split"}, {"pattern", {{"Regex", pattern}}}, {"behavior", "Removed"}}}}));
        EXPECT_FALSE(tokenizer) << pattern;
    }
}

// A pattern that backtracks without end gives up and leaves the rest as one word: nothing is lost.
TEST(TokenizerJson, aPatternThatBacktracksWithoutEndLosesNothing) {
    const Opened tokenizer =
        make(changed({{"pre_tokenizer",
                       {{"type", "Split"}, {"pattern", {{"Regex", "(a+)+[bd]"}}}, {"behavior", "Isolated"}}},
                      {"model", {{"vocab", {{"a", 0}, {"c", 1}}}, {"merges", json::array()}}}}));
    ASSERT_TRUE(tokenizer) << tokenizer.error().message();
    EXPECT_EQ((*tokenizer)->encode(std::string(40, 'a') + "c", SpecialTokens::asText).size(), 41u);
}

}  // namespace
}  // namespace edgechat::inference
