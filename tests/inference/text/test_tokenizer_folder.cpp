// Which file of a model folder the tokenizer comes from, and what the small files around it decide.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/inference/text/model_folder.h"

namespace edgechat::inference {
namespace {

using nlohmann::json;
using testing::ModelFolder;
using testing::sharedData;

using Ids = std::vector<int>;

#define EDGECHAT_SHARED(variable, name)                                    \
    const auto variable = sharedData(std::string("tokenizers/") + (name)); \
    if (!variable) GTEST_SKIP() << "the shared test data is not there (EDGECHAT_TEST_DATA)"

// Letters, <s> 3, </s> 4, and <|im_end|> 5.
std::string smallJson() {
    return R"({"model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2, "<s>": 3, "</s>": 4}, "merges": ["a b"]},
               "added_tokens": [{"id": 3, "content": "<s>", "special": true},
                                {"id": 4, "content": "</s>", "special": true},
                                {"id": 5, "content": "<|im_end|>", "special": false},
                                {"id": 6, "content": "<code>", "special": false}]})";
}

std::unique_ptr<Tokenizer> opened(const ModelFolder& folder) {
    auto tokenizer = folder.open();
    EXPECT_TRUE(tokenizer) << tokenizer.error().message();
    return tokenizer ? std::move(*tokenizer) : nullptr;
}

TEST(TokenizerFolder, namesComeFromTheConfigThenTheMap) {
    ModelFolder folder;
    folder.write("tokenizer.json", smallJson())
        .write("tokenizer_config.json", R"({"eos_token": {"content": "</s>"}, "add_bos_token": true})")
        .write("special_tokens_map.json", R"({"eos_token": "<code>", "bos_token": {"content": "<s>"}})");
    const auto tokenizer = opened(folder);
    ASSERT_TRUE(tokenizer);
    EXPECT_EQ(tokenizer->bos(), 3);
    EXPECT_EQ(tokenizer->eos(), 4);
    EXPECT_TRUE(tokenizer->addsBos());
    EXPECT_EQ(tokenizer->endOfTurn(), (Ids{5}));  // by its spelling, though the file does not call it special
    EXPECT_TRUE(tokenizer->isControl(5));
    EXPECT_EQ(tokenizer->encode("a<|im_end|><code>", SpecialTokens::asText),
              (Ids{0, 6}));  // "<" has no token
    EXPECT_EQ(tokenizer->encode("a<|im_end|><code>", SpecialTokens::parse), (Ids{0, 5, 6}));
}

TEST(TokenizerFolder, idsOfTheModelCountWhereTheyAgreeWithTheNames) {
    ModelFolder folder;
    folder.write("tokenizer.json", smallJson())
        .write("tokenizer_config.json", R"({"eos_token": "</s>", "pad_token": "</s>"})")
        .write("generation_config.json", R"({"eos_token_id": 1, "bos_token_id": 0})")
        .write("config.json", R"({"eos_token_id": [4, 6, 77], "bos_token_id": 3})");
    const auto tokenizer = opened(folder);
    ASSERT_TRUE(tokenizer);
    EXPECT_EQ(tokenizer->eos(), 4);
    EXPECT_EQ(tokenizer->bos(), -1);
    EXPECT_FALSE(tokenizer->addsBos());
    EXPECT_EQ(tokenizer->endOfTurn(), (Ids{6, 5}));
    EXPECT_FALSE(tokenizer->isControl(1));
    EXPECT_TRUE(tokenizer->isControl(6));
}

TEST(TokenizerFolder, withoutNamesTheModelsIdsStand) {
    ModelFolder folder;
    folder.write("tokenizer.json", smallJson())
        .write("config.json", R"({"eos_token_id": 4, "bos_token_id": 3, "pad_token_id": -1})");
    const auto tokenizer = opened(folder);
    ASSERT_TRUE(tokenizer);
    EXPECT_EQ(tokenizer->eos(), 4);
    EXPECT_EQ(tokenizer->bos(), 3);
    EXPECT_FALSE(tokenizer->addsBos());
}

TEST(TokenizerFolder, thePostProcessorPutsBosInFront) {
    json whole = json::parse(smallJson());
    whole["post_processor"] = json::parse(
        R"({"type": "Sequence", "processors": [{"type": "ByteLevel"}, {"type": "TemplateProcessing",
            "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
            "special_tokens": {"<s>": {"id": "<s>", "ids": [3], "tokens": ["<s>"]}}}]})");
    ModelFolder folder;
    folder.write("tokenizer.json", whole.dump());
    EXPECT_TRUE(opened(folder)->addsBos());
    EXPECT_EQ(opened(folder)->bos(), 3);
    folder.write("tokenizer_config.json", R"({"add_bos_token": false})");
    EXPECT_FALSE(opened(folder)->addsBos());
}

TEST(TokenizerFolder, falconsIdsOfAnotherModelAreNotBelieved) {
    EDGECHAT_SHARED(falcon, "falcon-ortx-tokenizer.json");
    ModelFolder folder;
    folder.link("tokenizer.json", *falcon)
        .write("tokenizer_config.json",
               R"({"eos_token": "<|endoftext|>", "tokenizer_class": "PreTrainedTokenizerFast"})")
        .write("generation_config.json", R"({"bos_token_id": 1, "eos_token_id": 2})")
        .write("config.json", R"({"bos_token_id": 11, "eos_token_id": 11})");
    const auto tokenizer = opened(folder);
    ASSERT_TRUE(tokenizer);
    EXPECT_EQ(tokenizer->vocabulary(), 65024);
    EXPECT_EQ(tokenizer->eos(), 11);
    EXPECT_EQ(tokenizer->bos(), -1);
    EXPECT_EQ(tokenizer->endOfTurn(), (Ids{}));
    EXPECT_FALSE(tokenizer->addsBos());
}

TEST(TokenizerFolder, aSentencePieceModelGoesBeforeItsConversion) {
    EDGECHAT_SHARED(model, "llama2-tokenizer.model");
    ModelFolder folder;
    folder.link("tokenizer.model", *model).write("tokenizer.json", smallJson());
    // The small file's <|im_end|> would stand where the model has a piece.
    const auto refused = folder.open();
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().found, "\"<|im_end|>\" with id 5, which is \"<0x02>\"");
    folder
        .write(
            "tokenizer.json",
            R"({"added_tokens": [{"id": 1, "content": "<s>", "special": true}, {"id": 32001, "content": "<tool>"}]})")
        .write("added_tokens.json", R"({"<|im_start|>": 32003, "<|im_end|>": 32002, "<tool>": 7})")
        .write("special_tokens_map.json", R"({"additional_special_tokens": ["<|im_start|>"]})");
    // added_tokens.json goes before tokenizer.json.
    EXPECT_FALSE(folder.open());
    folder.write("added_tokens.json", R"({"<|im_start|>": 32003, "<|im_end|>": 32002})");
    const auto tokenizer = opened(folder);
    ASSERT_TRUE(tokenizer);
    EXPECT_EQ(tokenizer->vocabulary(), 32004);
    EXPECT_EQ(tokenizer->tokenText(32000), "");
    EXPECT_EQ(tokenizer->bos(), 1);
    EXPECT_EQ(tokenizer->eos(), 2);
    EXPECT_TRUE(tokenizer->addsBos());
    EXPECT_EQ(tokenizer->endOfTurn(), (Ids{32002}));
    EXPECT_EQ(tokenizer->controlToken("<|im_start|>"), 32003);
    EXPECT_EQ(tokenizer->encode("a<tool><|im_start|>", SpecialTokens::parse), (Ids{263, 32001, 32003}));
    const Ids typed = tokenizer->encode("a<tool><|im_start|></s><|im_end|>", SpecialTokens::asText);
    EXPECT_EQ((Ids{typed[0], typed[1]}), (Ids{263, 32001}));
    for (int id : typed) EXPECT_FALSE(tokenizer->isControl(id));
    EXPECT_EQ(tokenizer->decode({263, 32001, 32003, 263}, false), "a<tool> a");
}

TEST(TokenizerFolder, userDefinedPiecesThatAreSpecialCannotBeTyped) {
    EDGECHAT_SHARED(model, "mistral_instruct_tokenizer_240323.model.v3");
    ModelFolder folder;
    folder.link("tokenizer.model.v3", *model);
    // The file itself calls the reference documents words of the vocabulary.
    EXPECT_EQ(opened(folder)->encode("[REFERENCE_DOC_0]", SpecialTokens::asText), (Ids{29473, 770}));
    folder.write("tokenizer_config.json",
                 R"({"added_tokens_decoder": {"770": {"content": "[REFERENCE_DOC_0]", "special": true}}})");
    const auto tokenizer = opened(folder);
    ASSERT_TRUE(tokenizer);
    const std::string text = "[REFERENCE_DOC_0] [INST] x [/INST]</s>";
    const Ids ids = tokenizer->encode(text, SpecialTokens::asText);
    for (int id : ids) EXPECT_FALSE(tokenizer->isControl(id));
    EXPECT_EQ(tokenizer->decode(ids, false), text);
    EXPECT_EQ(tokenizer->encode("[REFERENCE_DOC_0][INST]", SpecialTokens::parse), (Ids{770, 3}));
}

TEST(TokenizerFolder, ranksAreReadWhereThereIsNoJson) {
    EDGECHAT_SHARED(model, "llama3-tokenizer.model");
    ModelFolder folder;
    folder.link("original/tokenizer.model", *model)
        .write("tokenizer_config.json", R"({"eos_token": "<|eot_id|>", "bos_token": "<|begin_of_text|>"})")
        .write("generation_config.json", R"({"eos_token_id": [128001, 128008, 128009]})");
    const auto tokenizer = opened(folder);
    ASSERT_TRUE(tokenizer);
    EXPECT_EQ(tokenizer->vocabulary(), 128256);
    EXPECT_EQ(tokenizer->bos(), 128000);
    EXPECT_EQ(tokenizer->eos(), 128009);
    EXPECT_EQ(tokenizer->endOfTurn(), (Ids{128001, 128008}));
    EXPECT_TRUE(tokenizer->addsBos());
    EXPECT_EQ(tokenizer->controlToken("<|start_header_id|>"), 128006);
    EXPECT_EQ(tokenizer->controlToken("<|end_header_id|>"), 128007);
    EXPECT_EQ(tokenizer->tokenText(128255), "<|reserved_special_token_247|>");
    folder.write("tokenizer.json", smallJson());
    EXPECT_EQ(opened(folder)->vocabulary(), 7);
}

TEST(TokenizerFolder, saysWhatIsWrong) {
    ModelFolder folder;
    auto none = folder.open();
    ASSERT_FALSE(none);
    EXPECT_EQ(none.error().found, "no tokenizer");
    folder.write("vocab.json", "{}");
    EXPECT_EQ(folder.open().error().found, "vocab.json and no tokenizer.json");
    EXPECT_NE(folder.open().error().expected.find("save_pretrained"), std::string::npos);
    folder.write("tokenizer.json", "{");
    EXPECT_EQ(folder.open().error().found, "something that is not JSON");
    folder.write("tokenizer.json", smallJson()).write("tokenizer_config.json", R"({"eos_token": 4})");
    const auto wrong = folder.open();
    ASSERT_FALSE(wrong);
    EXPECT_EQ(wrong.error().file, (folder.path() / "tokenizer_config.json").string());
    EXPECT_EQ(wrong.error().field, "eos_token");
    folder.write("tokenizer_config.json", R"({"added_tokens_decoder": {"x": {"content": "y"}}})");
    EXPECT_EQ(folder.open().error().found, "\"x\" as an id");
    folder.write("tokenizer_config.json", "{}").write("tokenizer.model", "neither");
    EXPECT_EQ(folder.open().error().expected, "a SentencePiece model");
}

}  // namespace
}  // namespace edgechat::inference
