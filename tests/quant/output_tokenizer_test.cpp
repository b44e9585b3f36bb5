// The tokenizer of a GGUF file as a Hugging Face folder: the same ids for every text.
#include "quant/output/output_tokenizer.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "inference/text/pre_tokenizer.h"
#include "quant/output/tokenizer_json.h"
#include "tests/data/hf_folder.h"
#include "tests/inference/parity/parity_models.h"
#include "tests/inference/text/vectors.h"

namespace edgechat::quant {
namespace {

namespace fs = std::filesystem;
using namespace inference;
using namespace testing;

constexpr const char* kTexts[] = {
    "",
    " ",
    "Hello, world!",
    "  two  spaces and\ttabs\n\n\nlines\r\n ",
    "don't we'll I'M 1234567 3.14 \xc2\xb2\xc2\xbd",
    "\xe4\xbd\xa0\xe5\xa5\xbd \xf0\x9f\x98\x80 na\xc3\xafve \xd0\x9f\xd1\x80\xd0\xb8\xd0\xb2\xd0\xb5\xd1\x82",
    "int main() { return a[0] ? --b : c->d; } // ***",
    "<s>[INST] hi [/INST]</s> <|im_start|>user\nhi<|im_end|> <|endoftext|> <|eot_id|><0x0A><unk>",
    "\xe2\x96\x81marked\xe2\x96\x81",
    "aaaaaaaaaaaaa bbbbbb hellohello thethethe",
};

// Texts of the published vectors and of this file.
std::vector<std::string> allTexts() {
    std::vector<std::string> texts(std::begin(kTexts), std::end(kTexts));
    texts.push_back(parityText(4000));
    if (const auto base = sharedData("tokenizers/ggml-vocab-llama-spm.gguf.inp")) {
        for (const Vector& vector : readVectors(fs::path(*base).replace_extension("")))
            texts.push_back(vector.text);
    }
    return texts;
}

void expectSame(const Tokenizer& wanted, const Tokenizer& found) {
    EXPECT_EQ(found.vocabulary(), wanted.vocabulary());
    EXPECT_EQ(found.bos(), wanted.bos());
    EXPECT_EQ(found.eos(), wanted.eos());
    EXPECT_EQ(found.addsBos(), wanted.addsBos());
    EXPECT_EQ(found.endOfTurn(), wanted.endOfTurn());
    EXPECT_EQ(found.prefixesSpace(), wanted.prefixesSpace());
    for (int id = 0; id < wanted.vocabulary(); ++id) {
        EXPECT_EQ(found.isControl(id), wanted.isControl(id)) << id;
        EXPECT_EQ(found.tokenBytes(id), wanted.tokenBytes(id)) << id;
        EXPECT_EQ(found.tokenText(id), wanted.tokenText(id)) << id;
    }
    for (const std::string& text : allTexts()) {
        for (const SpecialTokens special : {SpecialTokens::asText, SpecialTokens::parse}) {
            const std::vector<int> ids = wanted.encode(text, special);
            EXPECT_EQ(found.encode(text, special), ids) << text;
            EXPECT_EQ(found.decode(ids, true), wanted.decode(ids, true)) << text;
        }
    }
}

void writeAll(const TemporaryFolder& folder, const std::map<std::string, std::string>& files) {
    for (const auto& [name, content] : files) folder.write(name, content);
}

// Writes the tokenizer of a GGUF file into a folder and compares the two.
void expectSame(const fs::path& gguf) {
    Result<std::unique_ptr<Checkpoint>> source = Checkpoint::openVocabulary(gguf);
    ASSERT_TRUE(source) << source.error().message();
    const Result<std::unique_ptr<Tokenizer>> wanted = makeTokenizer(**source);
    ASSERT_TRUE(wanted) << wanted.error().message();
    Result<std::map<std::string, std::string>> files = tokenizerFiles(**source);
    ASSERT_TRUE(files) << files.error().message();
    TemporaryFolder folder;
    writeAll(folder, *files);
    const Result<std::unique_ptr<Tokenizer>> found = openTokenizerFolder(folder.path());
    ASSERT_TRUE(found) << found.error().message();
    expectSame(**wanted, **found);
    // tokenizer.json alone, which is what Hugging Face reads
    if (files->erase("tokenizer.model") == 0) return;
    TemporaryFolder other;
    writeAll(other, *files);
    const Result<std::unique_ptr<Tokenizer>> json = openTokenizerFolder(other.path());
    ASSERT_TRUE(json) << json.error().message();
    expectSame(**wanted, **json);
}

class WrittenTokenizer : public ::testing::TestWithParam<const char*> {};

TEST_P(WrittenTokenizer, givesTheIdsOfTheGgufFile) {
    expectSame(fs::path(EDGECHAT_SOURCE_DIR) / "tests/data/parity/models" /
               (std::string(GetParam()) + ".gguf"));
}

INSTANTIATE_TEST_SUITE_P(Parity, WrittenTokenizer,
                         ::testing::Values("gguf_llama_linear", "gguf_llama_biases", "gguf_mistral_window",
                                           "gguf_llama_k_quants", "gguf_llama3", "gguf_falcon_7b",
                                           "gguf_falcon_40b", "gguf_smollm_split-00001-of-00002"),
                         [](const auto& entry) {
                             std::string name = entry.param;
                             std::replace(name.begin(), name.end(), '-', '_');
                             return name;
                         });

class PublishedVocabulary : public ::testing::TestWithParam<const char*> {};

TEST_P(PublishedVocabulary, givesTheIdsOfTheGgufFile) {
    const auto file = sharedData(std::string("tokenizers/ggml-vocab-") + GetParam() + ".gguf");
    if (!file) GTEST_SKIP() << "no shared data";
    expectSame(*file);
}

INSTANTIATE_TEST_SUITE_P(Ggml, PublishedVocabulary, ::testing::Values("falcon", "llama-spm", "starcoder"),
                         [](const auto& entry) {
                             std::string name = entry.param;
                             std::replace(name.begin(), name.end(), '-', '_');
                             return name;
                         });

TEST(WrittenStarterTokenizer, givesTheIdsOfTheGgufFile) {
    const auto file = starterModel();
    if (!file) GTEST_SKIP() << "no starter model";
    expectSame(*file);
}

// Every name that the reader of GGUF knows: its message about one that it does not lists them.
TEST(TokenizerJson, knowsThePreTokenizersOfTheReader) {
    const Result<NamedPreTokenizer> none = makeNamedPreTokenizer("none", "");
    ASSERT_FALSE(none);
    std::istringstream names(none.error().expected.substr(std::string("one of ").size()));
    TemporaryFile file;
    size_t count = 0;
    for (std::string name; std::getline(names >> std::ws, name, ',');) {
        GgufWriter writer = tinyModel();
        writer.remove("tokenizer.ggml.pre");
        writer.text("tokenizer.ggml.pre", name);
        file.write(writer.bytes());
        expectSame(file.path());
        ++count;
    }
    EXPECT_EQ(count, 10u);
}

TokenizerData tinySentencePiece() {
    TokenizerData data;
    data.model = "llama";
    data.preTokenizer = "default";
    data.tokens = {"<unk>", "<s>", "</s>"};
    data.types = {TokenType::unknown, TokenType::control, TokenType::control};
    for (int byte = 0; byte < 256; ++byte) {
        char text[8];
        std::snprintf(text, sizeof text, "<0x%02X>", static_cast<unsigned>(byte));
        data.tokens.emplace_back(text);
        data.types.push_back(TokenType::byte);
    }
    data.scores.assign(data.tokens.size(), 0.0f);
    float score = -1;
    for (const char* piece :
         {"\xe2\x96\x81", "h", "e", "l", "o", "he", "ll", "hell", "hello", "\xe2\x96\x81hello"}) {
        data.tokens.emplace_back(piece);
        data.types.push_back(TokenType::normal);
        data.scores.push_back(score--);
    }
    data.tokens.emplace_back("<tool>");
    data.types.push_back(TokenType::userDefined);
    data.scores.push_back(0);
    data.unknown = 0;
    data.bos = 1;
    data.eos = 2;
    data.addBos = true;
    return data;
}

TEST(TokenizerJson, ordersMergesByTheirScores) {
    const Result<std::string> json = tokenizerJson(tinySentencePiece(), "x.gguf");
    ASSERT_TRUE(json) << json.error().message();
    const nlohmann::json merges = nlohmann::json::parse(*json)["model"]["merges"];
    EXPECT_EQ(merges, (nlohmann::json{"h e", "l l", "he ll", "hell o", "\xe2\x96\x81 hello"}));
}

TEST(TokenizerJson, leavesTheSpaceInFrontOutWhereTheFileSaysSo) {
    TokenizerData data = tinySentencePiece();
    data.addSpacePrefix = false;
    EXPECT_FALSE(sentencePieceModel(data));
    const Result<std::string> json = tokenizerJson(data, "x.gguf");
    ASSERT_TRUE(json);
    EXPECT_EQ(json->find("Prepend"), std::string::npos);
    data.addSpacePrefix = true;
    EXPECT_TRUE(sentencePieceModel(data));
    data.tokens[10] = "no byte";
    data.types[10] = TokenType::normal;
    EXPECT_FALSE(sentencePieceModel(data));  // 255 bytes, which the library refuses
}

TEST(TokenizerJson, refusesWhatItCouldNotSay) {
    TokenizerData data = tinySentencePiece();
    data.types.clear();
    EXPECT_EQ(tokenizerJson(data, "x.gguf").error().field, "tokenizer.ggml.token_type");
    data = tinySentencePiece();
    data.tokens.back() = "\xff";
    EXPECT_EQ(tokenizerJson(data, "x.gguf").error().field, "tokenizer.ggml.tokens");
    data = tinySentencePiece();
    data.model = "bert";
    EXPECT_EQ(tokenizerJson(data, "x.gguf").error().field, "tokenizer.ggml.model");
    data = tinySentencePiece();
    data.model = "gpt2";
    data.preTokenizer = "tekken";
    EXPECT_EQ(tokenizerJson(data, "x.gguf").error().field, "tokenizer.ggml.pre");
}

}  // namespace
}  // namespace edgechat::quant
