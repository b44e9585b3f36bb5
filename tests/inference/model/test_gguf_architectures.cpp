// What the keys and tensors of a GGUF file mean: LLaMA's variants and Falcon.
#include <gtest/gtest.h>

#include <cmath>

#include "inference/model/checkpoint.h"
#include "tests/data/gguf_writer.h"
#include "tests/data/test_files.h"

namespace edgechat::inference {
namespace {

using testing::encodeTensor;
using testing::GgufWriter;
using testing::TemporaryFile;
using testing::tinyFalcon;
using testing::tinyModel;
using testing::TinyModelOptions;

std::unique_ptr<Checkpoint> open(const GgufWriter& writer) {
    const TemporaryFile file(writer.bytes());
    auto opened = Checkpoint::open(file.path());
    EXPECT_TRUE(opened) << (opened ? "" : opened.error().message());
    return opened ? std::move(*opened) : nullptr;
}

std::string stored(const Checkpoint& checkpoint, const TensorInfo& tensor) {
    std::string bytes(tensor.bytes, '\0');
    EXPECT_TRUE(checkpoint.readRows(tensor, 0, tensor.rows, reinterpret_cast<std::byte*>(bytes.data())));
    return bytes;
}

void addVector(GgufWriter& writer, const std::string& name, std::vector<float> values) {
    writer.tensors.push_back({name, 0, {values.size()}, encodeTensor(TensorType::f32, values), {}});
}

TEST(Falcon, configurationIsThatOfTheArchitecture) {
    TinyModelOptions options;
    options.kvHeads = 1;
    options.context = 2048;
    const auto checkpoint = open(tinyFalcon(options));
    ASSERT_TRUE(checkpoint);
    const ModelConfig& config = checkpoint->config();
    EXPECT_EQ(config.architecture, "falcon");
    EXPECT_EQ(config.norm, NormKind::layer);
    EXPECT_EQ(config.normEps, 1e-5f);
    EXPECT_EQ(config.activation, Activation::gelu);
    EXPECT_FALSE(config.gatedMlp);
    EXPECT_TRUE(config.parallelResidual);
    EXPECT_EQ(config.ropePairs, RopePairs::halves);
    EXPECT_EQ(config.ropeBase, 10000.0f);
    EXPECT_EQ(config.positions, PositionKind::rope);
    EXPECT_EQ(config.heads, 4);
    EXPECT_EQ(config.kvHeads, 1);
    EXPECT_EQ(config.headSize, 16);
    EXPECT_EQ(config.context, 2048);
    EXPECT_EQ(config.vocab, 268);
    EXPECT_TRUE(config.tiedHead);
    EXPECT_EQ(config.quantization, "Q4_1");
    // 268*64 + 2 * (2*64 + 96*64 + 64*64 + 2*96*64) + 2*64
    EXPECT_EQ(config.parameters, 62592u);
}

TEST(Falcon, queriesKeysAndValuesAreRowsOfTheFusedMatrix) {
    const GgufWriter writer = tinyFalcon();
    const auto checkpoint = open(writer);
    ASSERT_TRUE(checkpoint);
    // 4 query heads, 2 key heads and 2 value heads of 16 rows; a row of 64 elements in Q4_1 has 40 bytes.
    const std::string fused = writer.tensors[3].data;
    ASSERT_EQ(writer.tensors[3].name, "blk.0.attn_qkv.weight");
    ASSERT_EQ(fused.size(), 128u * 40);
    const LayerTensors& layer = checkpoint->tensors().layers[0];
    EXPECT_EQ(layer.query.weight.rows, 64);
    EXPECT_EQ(layer.key.weight.rows, 32);
    EXPECT_EQ(layer.value.weight.rows, 32);
    EXPECT_EQ(stored(*checkpoint, layer.query.weight), fused.substr(0, 64 * 40));
    EXPECT_EQ(stored(*checkpoint, layer.key.weight), fused.substr(64 * 40, 32 * 40));
    EXPECT_EQ(stored(*checkpoint, layer.value.weight), fused.substr(96 * 40));
    std::string rows(2 * 40, '\0');
    ASSERT_TRUE(checkpoint->readRows(layer.value.weight, 5, 2, reinterpret_cast<std::byte*>(rows.data())));
    EXPECT_EQ(rows, fused.substr(101 * 40, 2 * 40));
}

TEST(Falcon, oneNormFeedsBothBranches) {
    const auto checkpoint = open(tinyFalcon());
    ASSERT_TRUE(checkpoint);
    const LayerTensors& layer = checkpoint->tensors().layers[1];
    EXPECT_EQ(layer.attentionNorm.weight.name, "blk.1.attn_norm.weight");
    ASSERT_TRUE(layer.attentionNorm.bias);
    EXPECT_EQ(layer.attentionNorm.bias->name, "blk.1.attn_norm.bias");
    EXPECT_FALSE(layer.mlpNorm);
    EXPECT_FALSE(layer.gate);
    ASSERT_TRUE(checkpoint->tensors().outputNorm.bias);
}

TEST(Falcon, secondNormFeedsTheAttention) {
    const auto checkpoint = open(tinyFalcon({}, true));
    ASSERT_TRUE(checkpoint);
    const LayerTensors& layer = checkpoint->tensors().layers[1];
    EXPECT_EQ(layer.attentionNorm.weight.name, "blk.1.attn_norm_2.weight");
    EXPECT_EQ(layer.attentionNorm.bias->name, "blk.1.attn_norm_2.bias");
    ASSERT_TRUE(layer.mlpNorm);
    EXPECT_EQ(layer.mlpNorm->weight.name, "blk.1.attn_norm.weight");
    EXPECT_EQ(layer.mlpNorm->bias->name, "blk.1.attn_norm.bias");
}

TEST(Llama, biasesOfLinearLayersAreFound) {
    GgufWriter writer = tinyModel();
    const std::pair<const char*, size_t> biases[] = {{"attn_q", 64},      {"attn_k", 32},   {"attn_v", 32},
                                                     {"attn_output", 64}, {"ffn_gate", 96}, {"ffn_up", 96},
                                                     {"ffn_down", 64}};
    for (const auto& [name, size] : biases)
        addVector(writer, std::string("blk.1.") + name + ".bias", std::vector<float>(size, 0.25f));
    const auto checkpoint = open(writer);
    ASSERT_TRUE(checkpoint);
    const LayerTensors& layer = checkpoint->tensors().layers[1];
    const LinearTensors* linears[] = {&layer.query, &layer.key, &layer.value, &layer.output,
                                      &*layer.gate, &layer.up,  &layer.down};
    for (size_t i = 0; i < std::size(linears); ++i) {
        ASSERT_TRUE(linears[i]->bias) << biases[i].first;
        EXPECT_EQ(linears[i]->bias->name, std::string("blk.1.") + biases[i].first + ".bias");
        EXPECT_EQ(linears[i]->bias->columns, linears[i]->weight.rows);
    }
    EXPECT_FALSE(checkpoint->tensors().layers[0].query.bias);
}

TEST(Llama, linearRopeScalingByEitherKey) {
    for (const char* key : {"llama.rope.scaling.factor", "llama.rope.scale_linear"}) {
        GgufWriter writer = tinyModel();
        writer.f32(key, 4);
        const auto checkpoint = open(writer);
        ASSERT_TRUE(checkpoint);
        EXPECT_EQ(checkpoint->config().ropeScaling.kind, RopeScalingKind::linear) << key;
        EXPECT_EQ(checkpoint->config().ropeScaling.factor, 4.0f) << key;
    }
}

TEST(Llama, scalingOfTypeNoneIgnoresTheFactor) {
    GgufWriter writer = tinyModel();
    writer.text("llama.rope.scaling.type", "none");
    writer.f32("llama.rope.scaling.factor", 4);
    const auto checkpoint = open(writer);
    ASSERT_TRUE(checkpoint);
    EXPECT_EQ(checkpoint->config().ropeScaling.kind, RopeScalingKind::none);
    EXPECT_EQ(checkpoint->config().ropeScaling.factor, 1.0f);
}

TEST(Llama, yarnHasDefaults) {
    GgufWriter writer = tinyModel();
    writer.text("llama.rope.scaling.type", "yarn");
    writer.f32("llama.rope.scaling.factor", 8);
    const auto checkpoint = open(writer);
    ASSERT_TRUE(checkpoint);
    const RopeScaling& scaling = checkpoint->config().ropeScaling;
    EXPECT_EQ(scaling.kind, RopeScalingKind::yarn);
    EXPECT_EQ(scaling.factor, 8.0f);
    EXPECT_EQ(scaling.originalContext, 256);  // the model's own
    EXPECT_EQ(scaling.betaFast, 32.0f);
    EXPECT_EQ(scaling.betaSlow, 1.0f);
    EXPECT_EQ(scaling.attentionFactor, 0.0f);  // by YaRN's formula
}

TEST(Llama, yarnTakesWhatTheFileSays) {
    GgufWriter writer = tinyModel();
    writer.text("llama.rope.scaling.type", "yarn");
    writer.f32("llama.rope.scaling.factor", 8);
    writer.u32("llama.rope.scaling.original_context_length", 64);
    writer.f32("llama.rope.scaling.attn_factor", 0.5f);
    writer.f32("llama.rope.scaling.yarn_beta_fast", 16);
    writer.f32("llama.rope.scaling.yarn_beta_slow", 2);
    const auto checkpoint = open(writer);
    ASSERT_TRUE(checkpoint);
    const RopeScaling& scaling = checkpoint->config().ropeScaling;
    EXPECT_EQ(scaling.originalContext, 64);
    EXPECT_EQ(scaling.betaFast, 16.0f);
    EXPECT_EQ(scaling.betaSlow, 2.0f);
    EXPECT_FLOAT_EQ(scaling.attentionFactor, 0.6039721f);  // 0.5 (1 + 0.1 ln 8)
}

TEST(Llama, ropeFrequencyFactorsAreDivisors) {
    GgufWriter writer = tinyModel();
    const std::vector<float> factors = {1, 1, 1, 2, 4, 8, 8, 8};
    addVector(writer, "rope_freqs.weight", factors);
    const auto checkpoint = open(writer);
    ASSERT_TRUE(checkpoint);
    EXPECT_EQ(checkpoint->config().ropeScaling.kind, RopeScalingKind::factors);
    EXPECT_EQ(checkpoint->config().ropeScaling.divisors, factors);
    EXPECT_EQ(checkpoint->config().parameters, 78912u);  // they are no parameters
}

TEST(Llama, ropeFrequencyFactorsAndALinearScalingMultiply) {
    GgufWriter writer = tinyModel();
    addVector(writer, "rope_freqs.weight", {1, 1, 1, 2, 4, 8, 8, 8});
    writer.f32("llama.rope.scaling.factor", 2);
    const auto checkpoint = open(writer);
    ASSERT_TRUE(checkpoint);
    EXPECT_EQ(checkpoint->config().ropeScaling.kind, RopeScalingKind::factors);
    EXPECT_EQ(checkpoint->config().ropeScaling.factor, 1.0f);
    EXPECT_EQ(checkpoint->config().ropeScaling.divisors, (std::vector<float>{2, 2, 2, 4, 8, 16, 16, 16}));
}

TEST(Llama, windowLeavesTheContextAlone) {
    GgufWriter writer = tinyModel();
    writer.u32("llama.attention.sliding_window", 100);
    const auto checkpoint = open(writer);
    ASSERT_TRUE(checkpoint);
    EXPECT_EQ(checkpoint->config().slidingWindow, 100);
    EXPECT_EQ(checkpoint->config().context, 256);
    writer.u32("llama.attention.sliding_window", UINT32_MAX);
    const auto unbounded = open(writer);
    ASSERT_TRUE(unbounded);
    EXPECT_EQ(unbounded->config().slidingWindow, 0);
}

TEST(Llama, quantizationIsTheTypeOfMostWeights) {
    TinyModelOptions options;
    options.hidden = options.ffn = 256;
    options.heads = 16;
    options.kvHeads = 8;
    options.weights = TensorType::q4_k;
    options.embedding = TensorType::q6_k;
    GgufWriter writer = tinyModel(options);
    GgufWriter::Tensor* value = writer.tensor("blk.0.attn_v.weight");
    value->type = testing::ggufTensorTypeId(TensorType::q6_k);
    value->data = encodeTensor(TensorType::q6_k, std::vector<float>(128 * 256, 0.5f));
    const auto checkpoint = open(writer);
    ASSERT_TRUE(checkpoint);
    EXPECT_EQ(checkpoint->config().quantization, "Q4_K");
    EXPECT_EQ(checkpoint->tensors().layers[0].value.weight.type, TensorType::q6_k);
}

TEST(Vocabulary, missingPreTokenizerIsDefaultWithAWarning) {
    GgufWriter writer = tinyModel();
    EXPECT_TRUE(open(writer)->warnings().empty());
    writer.remove("tokenizer.ggml.pre");
    const auto checkpoint = open(writer);
    ASSERT_TRUE(checkpoint);
    EXPECT_EQ(checkpoint->tokenizer()->preTokenizer, "default");
    ASSERT_EQ(checkpoint->warnings().size(), 1u);
    EXPECT_NE(checkpoint->warnings()[0].find("tokenizer.ggml.pre"), std::string::npos);
}

}  // namespace
}  // namespace edgechat::inference
