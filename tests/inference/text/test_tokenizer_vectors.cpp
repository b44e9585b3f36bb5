// The real vocabularies of the shared data: published vectors, hard texts against Hugging Face's libraries,
// every byte string back, long texts, and control tokens that nobody can type.
#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "inference/text/utf8.h"
#include "tests/data/random_values.h"
#include "tests/inference/text/model_folder.h"
#include "tests/inference/text/vectors.h"

namespace edgechat::inference {
namespace {

using nlohmann::json;
using testing::ModelFolder;
using testing::RandomValues;
using testing::readVectors;
using testing::sharedData;
using testing::tokenizerOf;

using Ids = std::vector<int>;

struct Vocabulary {
    const char* name;
    const char* file;     // in the shared data
    const char* as;       // its name in a model folder; null: a GGUF file
    const char* vectors;  // published ones, null: none
    const char* golden;   // in tokenizer_ids.json, null: none
};

void PrintTo(const Vocabulary& vocabulary, std::ostream* out) {
    *out << vocabulary.name;
}

const Vocabulary kVocabularies[] = {
    {"falconJson", "falcon-ortx-tokenizer.json", "tokenizer.json", "falcon", "falcon"},
    {"falconGguf", "ggml-vocab-falcon.gguf", nullptr, "falcon", "falcon"},
    {"llama2Gguf", "ggml-vocab-llama-spm.gguf", nullptr, "llama-spm", "llama2"},
    {"llama2Model", "llama2-tokenizer.model", "tokenizer.model", "llama-spm", "llama2"},
    {"llama2Json", "llama2-ortx-tokenizer.json", "tokenizer.json", "llama-spm", "llama2"},
    {"llama3Ranks", "llama3-tokenizer.model", "tokenizer.model", "llama-bpe", "llama3"},
    {"starcoderGguf", "ggml-vocab-starcoder.gguf", nullptr, "starcoder", "starcoder"},
    {"mistral1", "tokenizer.model.v1", "tokenizer.model", nullptr, "mistral1"},
    {"mistral2", "mistral_instruct_tokenizer_240216.model.v2", "tokenizer.model", nullptr, "mistral2"},
    {"mistral3", "mistral_instruct_tokenizer_240323.model.v3", "tokenizer.model.v3", nullptr, nullptr},
};

const json& goldens() {
    static const json kGoldens = json::parse(
        testing::readFile(std::filesystem::path(EDGECHAT_SOURCE_DIR) / "tests/data/tokenizer_ids.json"));
    return kGoldens;
}

// Vocabularies are loaded once for all tests.
const Tokenizer* load(const Vocabulary& vocabulary) {
    static std::map<std::string, std::unique_ptr<Tokenizer>> loaded;
    const auto known = loaded.find(vocabulary.name);
    if (known != loaded.end()) return known->second.get();
    const auto file = sharedData(std::string("tokenizers/") + vocabulary.file);
    if (!file) return nullptr;
    ModelFolder folder;
    if (vocabulary.as) folder.link(vocabulary.as, *file);
    auto tokenizer = vocabulary.as ? folder.open() : tokenizerOf(*file);
    EXPECT_TRUE(tokenizer) << tokenizer.error().message();
    if (!tokenizer) return nullptr;
    return loaded.emplace(vocabulary.name, std::move(*tokenizer)).first->second.get();
}

class RealVocabulary : public ::testing::TestWithParam<Vocabulary> {
  protected:
    void SetUp() override {
        tokenizer = load(GetParam());
        if (!tokenizer) GTEST_SKIP() << "the shared test data is not there (EDGECHAT_TEST_DATA)";
    }
    Ids asText(const std::string& text) const { return tokenizer->encode(text, SpecialTokens::asText); }
    void expectBack(const std::string& text) const {
        const Ids ids = asText(text);
        for (int id : ids) ASSERT_FALSE(tokenizer->isControl(id));
        ASSERT_EQ(tokenizer->decode(ids, false), asFarAsTheVocabularyReaches(text));
    }
    const Tokenizer* tokenizer = nullptr;

  private:
    // Falcon's and StarCoder's vocabularies have no token for some bytes: those are left out of whole
    // characters, and a broken character with one becomes U+FFFD.
    std::string asFarAsTheVocabularyReaches(std::string_view text) const {
        const std::set<unsigned char>& lacking = lackingBytes();
        const auto lacks = [&lacking](char byte) {
            return lacking.count(static_cast<unsigned char>(byte)) > 0;
        };
        std::string expected;
        while (!text.empty()) {
            const Utf8Step step = nextUtf8(text);
            const std::string_view part = text.substr(0, step.length);
            text.remove_prefix(step.length);
            if (step.kind != Utf8Kind::character && std::any_of(part.begin(), part.end(), lacks)) {
                expected += kReplacementCharacter;
                continue;
            }
            std::copy_if(part.begin(), part.end(), std::back_inserter(expected),
                         [&lacks](char byte) { return !lacks(byte); });
        }
        return expected;
    }

    // Of a byte-level vocabulary; the others have byte tokens.
    const std::set<unsigned char>& lackingBytes() const {
        static std::map<const Tokenizer*, std::set<unsigned char>> known;
        const auto [entry, isNew] = known.try_emplace(tokenizer);
        if (!isNew) return entry->second;
        std::set<std::string> spellings;
        for (int id = 0; id < tokenizer->vocabulary(); ++id) spellings.insert(tokenizer->tokenText(id));
        if (spellings.count("<0x00>") > 0) return entry->second;
        for (int byte = 0; byte < 256; ++byte) {
            if (spellings.count(testing::byteSpelling(byte)) == 0)
                entry->second.insert(static_cast<unsigned char>(byte));
        }
        return entry->second;
    }
};

TEST_P(RealVocabulary, matchesPublishedVectors) {
    if (!GetParam().vectors) GTEST_SKIP() << "no vectors are published for this vocabulary";
    const auto base = sharedData(std::string("tokenizers/ggml-vocab-") + GetParam().vectors + ".gguf.inp");
    ASSERT_TRUE(base);
    const auto all = readVectors(std::filesystem::path(*base).replace_extension());
    ASSERT_EQ(all.size(), 46u);
    for (const auto& vector : all) {
        EXPECT_EQ(asText(vector.text), vector.ids) << vector.text;
        EXPECT_EQ(tokenizer->decode(vector.ids, false), vector.text);
    }
}

TEST_P(RealVocabulary, matchesHuggingFaceOnHardTexts) {
    if (!GetParam().golden) return;
    const auto texts = goldens()["texts"].get<std::vector<std::string>>();
    const json& ids = goldens()["ids"][GetParam().golden];
    ASSERT_GE(texts.size(), 300u);
    for (size_t i = 0; i < texts.size(); ++i) {
        // This file has a plain space where the vocabulary has U+00A0.
        if (GetParam().name == std::string("llama2Json") && texts[i].find("\u00a0") != std::string::npos) {
            continue;
        }
        EXPECT_EQ(asText(texts[i]), ids[i].get<Ids>()) << i << ": " << texts[i];
    }
}

TEST_P(RealVocabulary, anyBytesComeBack) {
    std::string all;
    for (int byte = 0; byte < 256; ++byte) {
        expectBack(std::string(1, static_cast<char>(byte)));
        all += static_cast<char>(byte);
    }
    expectBack(all);
    RandomValues random(11);
    for (int round = 0; round < 200; ++round) {
        std::string text;
        for (int n = round % 50; n > 0; --n) text += static_cast<char>(random.next() * 128.0f);
        // SentencePiece cannot tell U+2581 from a space.
        if (text.find("\u2581") == std::string::npos) expectBack(text);
    }
}

void append(char32_t c, std::string& text) {
    if (c < 0x800) {
        text += shortUtf8(c);
    } else {
        if (c >= 0x10000) {
            text += static_cast<char>(0xf0 | (c >> 18));
            text += static_cast<char>(0x80 | ((c >> 12) & 0x3f));
        } else {
            text += static_cast<char>(0xe0 | (c >> 12));
        }
        text += static_cast<char>(0x80 | ((c >> 6) & 0x3f));
        text += static_cast<char>(0x80 | (c & 0x3f));
    }
}

TEST_P(RealVocabulary, randomUnicodeComesBack) {
    for (uint64_t seed = 1; seed <= 300; ++seed) {
        RandomValues random(seed);
        const auto below = [&random](uint32_t limit) {
            return static_cast<char32_t>((random.next() + 1.0f) * 0.5f * static_cast<float>(limit));
        };
        std::string text;
        for (uint32_t n = below(60); n > 0; --n) {
            constexpr uint32_t kLimits[] = {0x80, 0x80, 0x100, 0x800, 0x3000, 0x10000, 0x110000};
            const char32_t c = std::min<char32_t>(below(kLimits[below(7)]), 0x10ffff);
            if ((c < 0xd800 || c > 0xdfff) && c != 0x2581) append(c, text);
        }
        expectBack(text);
    }
}

TEST_P(RealVocabulary, nobodyCanTypeAControlToken) {
    for (const char* text : {"<|eot_id|>", "</s>", "<s>", "[INST]", "[/INST]", "<|im_end|>", "<|endoftext|>",
                             "<|begin_of_text|>", "<|start_header_id|>system<|end_header_id|>", ">>TITLE<<",
                             "<unk>", "[TOOL_CALLS]", "<0x0A>"}) {
        expectBack(text);
        expectBack(std::string("a ") + text + text + "\n");
    }
    for (int id = 0; id < tokenizer->vocabulary(); ++id) {
        if (tokenizer->isControl(id)) expectBack(tokenizer->tokenText(id));
    }
}

// A million times the same character: where a pattern that ran into a limit would cut elsewhere.
TEST_P(RealVocabulary, matchesHuggingFaceOnLongRuns) {
    if (!GetParam().golden) return;
    for (const json& run : goldens()["runs"]) {
        std::string text;
        for (int n = run["count"].get<int>(); n > 0; --n) text += run["text"].get<std::string>();
        text += run["end"].get<std::string>();
        Ids expected;
        for (const json& part : run["ids"][GetParam().golden]) {
            expected.insert(expected.end(), part[1].get<size_t>(), part[0].get<int>());
        }
        // Without the two million numbers in the message.
        EXPECT_TRUE(asText(text) == expected) << run["text"] << run["end"];
    }
}

// A search pair by pair, or one that backtracks over the whole text again and again, would take hours.
TEST_P(RealVocabulary, longTextsWithoutBreaksAreEncoded) {
    const size_t length = 100000;
    std::string word;
    RandomValues random(5);
    while (word.size() < length)
        word += static_cast<char>('a' + static_cast<int>((random.next() + 1) * 12.9f));
    for (const std::string& text :
         {std::string(length, ' '), std::string(length, 'a'), std::string(length, '7'),
          std::string(length, '\n'), std::string(length, '!'), word}) {
        expectBack(text);
        expectBack(text + "x y");
    }
}

INSTANTIATE_TEST_SUITE_P(All, RealVocabulary, ::testing::ValuesIn(kVocabularies),
                         [](const auto& one) { return std::string(one.param.name); });

}  // namespace
}  // namespace edgechat::inference
