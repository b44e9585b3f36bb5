#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>

#include "inference/model/checkpoint.h"
#include "tests/data/gguf_writer.h"
#include "tests/data/test_files.h"

namespace edgechat::inference {
namespace {

using testing::encodeTensor;
using testing::GgufWriter;
using testing::sharedData;
using testing::starterModel;
using testing::TemporaryFile;
using testing::tinyModel;
using testing::TinyModelOptions;

std::unique_ptr<Checkpoint> openTiny(const GgufWriter& writer) {
    const TemporaryFile file(writer.bytes());
    auto opened = Checkpoint::open(file.path());
    EXPECT_TRUE(opened) << (opened ? "" : opened.error().message());
    return opened ? std::move(*opened) : nullptr;
}

TEST(Checkpoint, readsTheConfiguration) {
    TinyModelOptions options;
    options.ropeBase = 12345.0f;
    const auto checkpoint = openTiny(tinyModel(options));
    ASSERT_TRUE(checkpoint);
    const ModelConfig& config = checkpoint->config();
    EXPECT_EQ(config.architecture, "llama");
    EXPECT_EQ(config.name, "Tiny");
    EXPECT_EQ(config.quantization, "Q4_1");
    EXPECT_EQ(config.layers, 2);
    EXPECT_EQ(config.hidden, 64);
    EXPECT_EQ(config.heads, 4);
    EXPECT_EQ(config.kvHeads, 2);
    EXPECT_EQ(config.headSize, 16);
    EXPECT_EQ(config.ffn, 96);
    EXPECT_EQ(config.vocab, 268);
    EXPECT_EQ(config.context, 256);
    EXPECT_EQ(config.ropeBase, 12345.0f);
    EXPECT_EQ(config.normEps, 1e-5f);
    EXPECT_EQ(config.ropePairs, RopePairs::adjacent);
    EXPECT_TRUE(config.tiedHead);
    // 268*64 + 64 + 2 * (2*64 + 64*64 + 2*32*64 + 64*64 + 3*96*64)
    EXPECT_EQ(config.parameters, 78912u);
}

TEST(Checkpoint, readsVersionTwoAndOtherAlignments) {
    GgufWriter writer = tinyModel();
    writer.version = 2;
    writer.alignment = 128;
    writer.u32("general.alignment", 128);
    const auto checkpoint = openTiny(writer);
    ASSERT_TRUE(checkpoint);
    for (const TensorInfo& tensor : checkpoint->allTensors()) {
        std::string stored(tensor.bytes, '\0');
        ASSERT_TRUE(
            checkpoint->readRows(tensor, 0, tensor.rows, reinterpret_cast<std::byte*>(stored.data())));
        EXPECT_EQ(stored, writer.tensor(tensor.name)->data) << tensor.name;
    }
}

TEST(Checkpoint, acceptsOtherIntegerTypesAndPerLayerArrays) {
    GgufWriter writer = tinyModel();
    writer.u64("llama.embedding_length", 64);
    writer.i32("llama.block_count", 2);
    writer.i32s("llama.attention.head_count", {4, 4});
    writer.i32s("llama.feed_forward_length", {96, 96});
    EXPECT_TRUE(openTiny(writer));
}

TEST(Checkpoint, kvHeadsDefaultToHeadsAndRopeBaseToTenThousand) {
    TinyModelOptions options;
    options.kvHeads = 4;
    GgufWriter writer = tinyModel(options);
    writer.remove("llama.attention.head_count_kv");
    writer.remove("llama.rope.freq_base");
    writer.remove("llama.rope.dimension_count");
    const auto checkpoint = openTiny(writer);
    ASSERT_TRUE(checkpoint);
    EXPECT_EQ(checkpoint->config().kvHeads, 4);
    EXPECT_EQ(checkpoint->config().ropeBase, 10000.0f);
}

TEST(Checkpoint, headSizeMayDifferFromHiddenByHeads) {
    TinyModelOptions options;
    options.headSize = 32;
    const auto checkpoint = openTiny(tinyModel(options));
    ASSERT_TRUE(checkpoint);
    EXPECT_EQ(checkpoint->config().headSize, 32);
    EXPECT_EQ(checkpoint->config().queryWidth(), 128);
    EXPECT_EQ(checkpoint->tensors().layers[1].output.weight.columns, 128);
}

TEST(Checkpoint, separateHeadIsFound) {
    TinyModelOptions options;
    options.tiedHead = false;
    const auto checkpoint = openTiny(tinyModel(options));
    ASSERT_TRUE(checkpoint);
    EXPECT_FALSE(checkpoint->config().tiedHead);
    ASSERT_TRUE(checkpoint->tensors().head);
    EXPECT_EQ(checkpoint->tensors().head->weight.rows, 268);
}

TEST(Checkpoint, readsRowsAsStored) {
    GgufWriter writer = tinyModel();
    const std::string stored = writer.tensor("blk.1.ffn_down.weight")->data;
    const auto checkpoint = openTiny(writer);
    ASSERT_TRUE(checkpoint);
    const TensorInfo& down = checkpoint->tensors().layers[1].down.weight;
    EXPECT_EQ(down.rows, 64);
    EXPECT_EQ(down.columns, 96);
    EXPECT_EQ(down.rowBytes(), 60u);
    std::string rows(2 * down.rowBytes(), '\0');
    ASSERT_TRUE(checkpoint->readRows(down, 5, 2, reinterpret_cast<std::byte*>(rows.data())));
    EXPECT_EQ(rows, stored.substr(5 * 60, 2 * 60));
}

TEST(Checkpoint, readsVectorsAsFloats) {
    for (TensorType type : {TensorType::f32, TensorType::f16, TensorType::bf16}) {
        GgufWriter writer = tinyModel();
        std::vector<float> values(64);
        for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i) * 0.5f - 8.0f;
        GgufWriter::Tensor* norm = writer.tensor("blk.0.ffn_norm.weight");
        norm->type = testing::ggufTensorTypeId(type);
        norm->data = encodeTensor(type, values);
        const auto checkpoint = openTiny(writer);
        ASSERT_TRUE(checkpoint);
        const auto read = checkpoint->readVector(checkpoint->tensors().layers[0].mlpNorm->weight);
        ASSERT_TRUE(read);
        EXPECT_EQ(*read, values) << tensorTypeName(type);
    }
}

TEST(Checkpoint, fileCutShortWhileOpenIsAnErrorNotACrash) {
    const TemporaryFile file(tinyModel().bytes());
    const auto checkpoint = Checkpoint::open(file.path());
    ASSERT_TRUE(checkpoint);
    std::filesystem::resize_file(file.path(), 5000);
    const auto read = (*checkpoint)->readVector((*checkpoint)->tensors().outputNorm.weight);
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().code, ErrorCode::badInput);
    EXPECT_EQ(read.error().field, "tensor output_norm.weight");
    EXPECT_NE(read.error().found.find("the end of the file"), std::string::npos);
}

TEST(Checkpoint, fileRemovedWhileOpenCanStillBeRead) {
    const TemporaryFile file(tinyModel().bytes());
    const auto checkpoint = Checkpoint::open(file.path());
    ASSERT_TRUE(checkpoint);
    std::filesystem::remove(file.path());
    EXPECT_TRUE((*checkpoint)->readVector((*checkpoint)->tensors().outputNorm.weight));
}

TEST(Checkpoint, carriesTokenizerAndTemplate) {
    GgufWriter writer = tinyModel();
    writer.u32("tokenizer.ggml.padding_token_id", 0);
    const auto checkpoint = openTiny(writer);
    ASSERT_TRUE(checkpoint);
    const TokenizerData& data = *checkpoint->tokenizer();
    EXPECT_EQ(data.model, "gpt2");
    EXPECT_EQ(data.preTokenizer, "smollm");
    EXPECT_EQ(data.tokens, testing::tinyTokens());
    EXPECT_EQ(data.merges, testing::tinyMerges());
    EXPECT_EQ(data.types[2], TokenType::control);
    EXPECT_EQ(data.types[3], TokenType::normal);
    EXPECT_EQ(data.bos, 1);
    EXPECT_EQ(data.eos, 2);
    EXPECT_EQ(data.padding, 0);
    EXPECT_EQ(data.unknown, -1);
    EXPECT_FALSE(data.addBos);
    EXPECT_EQ(data.endOfTurn, std::vector<int>{0});  // <|endoftext|>, known by its spelling
    EXPECT_EQ(checkpoint->chatTemplate(), testing::kChatMlTemplate);
}

TEST(Checkpoint, sentencePieceDefaultsAreGgufs) {
    GgufWriter writer = tinyModel();
    writer.text("tokenizer.ggml.model", "llama");
    writer.f32s("tokenizer.ggml.scores", std::vector<float>(268, 0.0f));
    for (const char* key : {"bos_token_id", "eos_token_id"})
        writer.remove(std::string("tokenizer.ggml.") + key);
    writer.remove("tokenizer.ggml.add_bos_token");
    writer.remove("tokenizer.ggml.pre");
    const auto checkpoint = openTiny(writer);
    ASSERT_TRUE(checkpoint);
    const TokenizerData& data = *checkpoint->tokenizer();
    EXPECT_EQ(data.preTokenizer, "default");
    EXPECT_EQ(data.unknown, 0);
    EXPECT_EQ(data.bos, 1);
    EXPECT_EQ(data.eos, 2);
    EXPECT_TRUE(data.addBos);
    EXPECT_TRUE(data.addSpacePrefix);
}

TEST(Checkpoint, vocabularyAloneNeedsNoTensorsAndNoLlama) {
    GgufWriter writer = tinyModel();
    writer.tensors.clear();
    writer.text("general.architecture", "starcoder2");
    const TemporaryFile file(writer.bytes());
    EXPECT_FALSE(Checkpoint::open(file.path()));
    const auto vocabulary = Checkpoint::openVocabulary(file.path());
    ASSERT_TRUE(vocabulary) << vocabulary.error().message();
    EXPECT_EQ((*vocabulary)->config().architecture, "starcoder2");
    EXPECT_EQ((*vocabulary)->tokenizer()->tokens.size(), 268u);
}

TEST(Checkpoint, opensRealVocabularies) {
    const std::pair<const char*, size_t> files[] = {
        {"starcoder", 49152}, {"llama-spm", 32000}, {"falcon", 65024}};
    for (const auto& [name, tokens] : files) {
        const auto path = sharedData(std::string("tokenizers/ggml-vocab-") + name + ".gguf");
        if (!path) GTEST_SKIP() << "the shared test data is not there (EDGECHAT_TEST_DATA)";
        const auto vocabulary = Checkpoint::openVocabulary(*path);
        ASSERT_TRUE(vocabulary) << vocabulary.error().message();
        EXPECT_EQ((*vocabulary)->tokenizer()->tokens.size(), tokens);
    }
}

TEST(Checkpoint, opensTheStarterModel) {
    const auto path = starterModel();
    if (!path) GTEST_SKIP() << "the starter model is not there (EDGECHAT_STARTER_MODEL)";
    const auto opened = Checkpoint::open(*path);
    ASSERT_TRUE(opened) << opened.error().message();
    const Checkpoint& checkpoint = **opened;
    const ModelConfig& config = checkpoint.config();
    EXPECT_EQ(config.quantization, "Q4_1");
    EXPECT_EQ(config.layers, 30);
    EXPECT_EQ(config.hidden, 576);
    EXPECT_EQ(config.heads, 9);
    EXPECT_EQ(config.kvHeads, 3);
    EXPECT_EQ(config.headSize, 64);
    EXPECT_EQ(config.ffn, 1536);
    EXPECT_EQ(config.vocab, 49152);
    EXPECT_EQ(config.context, 8192);
    EXPECT_EQ(config.ropeBase, 100000.0f);
    EXPECT_TRUE(config.tiedHead);
    EXPECT_EQ(config.parameters, 134515008u);
    EXPECT_EQ(checkpoint.tensors().embedding.type, TensorType::q8_0);
    EXPECT_EQ(checkpoint.tensors().layers[29].down.weight.type, TensorType::q4_1);
    // Values as the gguf Python package reads them.
    const auto norm = checkpoint.readVector(checkpoint.tensors().layers[0].attentionNorm.weight);
    ASSERT_TRUE(norm);
    EXPECT_FLOAT_EQ((*norm)[0], 0.0139770508f);
    EXPECT_FLOAT_EQ((*norm)[575], -0.0383300781f);
    std::vector<std::byte> row(checkpoint.tensors().layers[0].query.weight.rowBytes());
    ASSERT_TRUE(checkpoint.readRows(checkpoint.tensors().layers[0].query.weight, 100, 1, row.data()));
    std::vector<float> values(576);
    dequantizeRow(TensorType::q4_1, row.data(), 576, values.data());
    EXPECT_FLOAT_EQ(values[0], -0.226196289f);
    EXPECT_FLOAT_EQ(values[17], 0.346740723f);
    EXPECT_FLOAT_EQ(values[575], 0.465087891f);
}

}  // namespace
}  // namespace edgechat::inference
