#include <gtest/gtest.h>

#include "inference/cpu/cpu_backend.h"
#include "inference/forward.h"
#include "inference/model/memory_plan.h"
#include "tests/data/gguf_writer.h"
#include "tests/data/memory_checkpoint.h"
#include "tests/data/test_files.h"

namespace edgechat::inference {
namespace {

using testing::TemporaryFile;
using testing::tinyModel;
using testing::TinyModelOptions;

std::unique_ptr<Checkpoint> open(const TinyModelOptions& options) {
    const TemporaryFile file(tinyModel(options).bytes());
    auto opened = Checkpoint::open(file.path());
    return opened ? std::move(*opened) : nullptr;
}

// Weights of a layer's matrices and of the embedding, and elements of all norms, of the tiny model.
constexpr uint64_t kLayerWeights = 2 * (64 * 64 + 2 * 32 * 64 + 64 * 64 + 3 * 96 * 64);
constexpr uint64_t kEmbeddingWeights = 272 * 64;  // 268 rows in whole tiles of 16
constexpr uint64_t kNormElements = 5 * 64;

TEST(MemoryPlan, weightsByType) {
    struct Case {
        TensorType type;
        uint64_t bytesPer32;
    };
    // 4 bits and an fp16 scale (and an fp16 offset), 8 bits and an fp16 scale, 2 bytes, 4 bytes.
    for (const Case& expected :
         {Case{TensorType::q4_0, 18}, Case{TensorType::q4_1, 20}, Case{TensorType::q8_0, 34},
          Case{TensorType::f16, 64}, Case{TensorType::bf16, 64}, Case{TensorType::f32, 128}}) {
        TinyModelOptions options;
        options.weights = expected.type;
        options.embedding = TensorType::q8_0;
        const auto checkpoint = open(options);
        ASSERT_TRUE(checkpoint);
        const MemoryPlan plan = planMemory(*checkpoint, 256, KvKind::fp16);
        EXPECT_EQ(plan.weights,
                  kLayerWeights / 32 * expected.bytesPer32 + kEmbeddingWeights / 32 * 34 + kNormElements * 4)
            << tensorTypeName(expected.type);
    }
}

TEST(MemoryPlan, tiedHeadCountsOnce) {
    TinyModelOptions options;
    const auto tied = open(options);
    options.tiedHead = false;
    const auto separate = open(options);
    ASSERT_TRUE(tied && separate);
    EXPECT_EQ(planMemory(*separate, 256, KvKind::fp16).weights,
              planMemory(*tied, 256, KvKind::fp16).weights + kEmbeddingWeights / 32 * 34);
}

TEST(MemoryPlan, kvGrowsWithTheContext) {
    const auto checkpoint = open({});
    ASSERT_TRUE(checkpoint);
    // Keys and values of 2 layers, 2 heads of 16: 2 bytes an element, or 1 and a scale of 2 for each head.
    EXPECT_EQ(planMemory(*checkpoint, 128, KvKind::fp16).kv, 2u * 2 * 128 * 32 * 2);
    EXPECT_EQ(planMemory(*checkpoint, 128, KvKind::int8).kv, 2u * 2 * 128 * (32 + 2 * 2));
    EXPECT_EQ(planMemory(*checkpoint, 100, KvKind::fp16).kv, planMemory(*checkpoint, 128, KvKind::fp16).kv)
        << "whole runs of 64 positions";
    EXPECT_EQ(planMemory(*checkpoint, 256, KvKind::fp16).kv,
              2 * planMemory(*checkpoint, 128, KvKind::fp16).kv);
}

TEST(MemoryPlan, slidingWindowKeepsTheWindowAndABatch) {
    ModelConfig config = testing::smallConfig();
    config.slidingWindow = 4096;
    EXPECT_EQ(keptPositions(config, 32768), 4224) << "4095 before the first of 128 tokens, in runs of 64";
    EXPECT_EQ(keptPositions(config, 4200), 4224);
    EXPECT_EQ(keptPositions(config, 4000), 4032) << "never slides";
    config.slidingWindow = 0;
    EXPECT_EQ(keptPositions(config, 32768), 32768);

    // Mistral 7B v0.1, 32 layers of 8 heads of 128 at fp16: 512 MiB for the window and 16 MiB for a batch.
    config.layers = 32, config.heads = 32, config.kvHeads = 8, config.headSize = 128,
    config.slidingWindow = 4096;
    config.hidden = 32, config.ffn = 32;
    const auto checkpoint = Checkpoint::fromContent("memory", [&config] {
        CheckpointContent content;
        content.config = config;
        return content;
    }());
    EXPECT_EQ(planMemory(*checkpoint, 32768, KvKind::fp16).kv, uint64_t{528} << 20);
}

TEST(MemoryPlan, isWhatTheCpuBackendTakes) {
    for (const TensorType type :
         {TensorType::int4, TensorType::int8, TensorType::q4_1, TensorType::q8_0, TensorType::bf16}) {
        ModelConfig config = testing::smallConfig();
        config.hidden = 128, config.ffn = 256, config.headSize = 128, config.vocab = 96,
        config.tiedHead = false;
        config.slidingWindow = 100, config.norm = NormKind::layer;
        config.positions = PositionKind::alibi;
        testing::MemoryModelOptions options;
        options.weights = type, options.groupSize = type == TensorType::int4 ? 64 : 0;
        options.linearBiases = options.normBiases = options.activationScale = true;
        const auto checkpoint = testing::memoryCheckpoint(config, options);
        for (const KvKind kv : {KvKind::fp16, KvKind::int8}) {
            const auto backend = cpu::CpuBackend::load(*checkpoint, {2, 1000, kv, nullptr}, {});
            ASSERT_TRUE(backend);
            const MemoryPlan plan = planMemory(*checkpoint, 1000, kv);
            EXPECT_EQ(plan.weights, (*backend)->weightBytes()) << tensorTypeName(type);
            // int8 scales lie on pages of their own.
            const uint64_t pages = kv == KvKind::int8 ? uint64_t{2} * 2 * 4096 : 0;
            EXPECT_GE((*backend)->cacheBytes(), plan.kv);
            EXPECT_LE((*backend)->cacheBytes(), plan.kv + pages);
            std::vector<int> tokens(128, 5);
            std::vector<float> logits(128 * 96);
            for (int start = 0; start + 128 <= 1000; start += 128) {
                forward(**backend, config, tokens, start, 128, logits.data());
            }
            forward(**backend, config, {tokens.data(), 1}, 896, 1, logits.data());
            EXPECT_GE(plan.scratch, (*backend)->scratchBytes());
            EXPECT_LE(plan.scratch, 3 * (*backend)->scratchBytes());
        }
    }
}

TEST(MemoryPlan, int8NeedsItsInputsOnceMore) {
    const ModelConfig config = testing::smallConfig();
    testing::MemoryModelOptions options;
    options.weights = TensorType::q8_0;
    const auto groups = testing::memoryCheckpoint(config, options);
    options.weights = TensorType::int8;
    const auto rows = testing::memoryCheckpoint(config, options);
    // Of 128 tokens: hidden twice, queries and the MLP in a byte an element, a scale and a sum for each row.
    EXPECT_EQ(planMemory(*rows, 256, KvKind::fp16).scratch,
              planMemory(*groups, 256, KvKind::fp16).scratch + 128u * (2 * 64 + 64 + 96 + 4 * 8));
}

TEST(MemoryPlan, totalIsTheSum) {
    const auto checkpoint = open({});
    ASSERT_TRUE(checkpoint);
    const MemoryPlan plan = planMemory(*checkpoint, 256, KvKind::fp16);
    EXPECT_EQ(plan.context, 256);
    // Of 128 tokens: the inputs of matrices (hidden twice, queries, MLP) in 6 bytes an element and 8 for each
    // 32, x, queries, keys, values and angles in fp32; attention's outputs of 4 heads and 16 elements with a
    // maximum and a sum; blocks of 8 threads; four rows of logits.
    const uint64_t inputs = 2 * 64 + 64 + 96;
    EXPECT_EQ(plan.scratch, 128u * (inputs * 6 + inputs / 32 * 8 + 4 * (64 + 64 + 2 * 32 + 16)) +
                                4u * (128 * 4 * 18 + 8 * (64 * 2 + 128) * 18 + 4 * 268));
    EXPECT_EQ(plan.total(), plan.weights + plan.kv + plan.scratch);
}

TEST(MemoryPlan, starterModelTakesWhatTheFactSheetSays) {
    const auto path = testing::starterModel();
    if (!path) GTEST_SKIP() << "the starter model is not there (EDGECHAT_STARTER_MODEL)";
    const auto checkpoint = Checkpoint::open(*path);
    ASSERT_TRUE(checkpoint);
    // 22.5 KiB of keys and values per token at fp16.
    EXPECT_EQ(planMemory(**checkpoint, 2048, KvKind::fp16).kv, 2048u * 23040);
    // 106.2 M weights of 5 bits and 28.3 M of 8.5 bits, and the norms.
    EXPECT_EQ(planMemory(**checkpoint, 2048, KvKind::fp16).weights,
              106168320u / 32 * 20 + 28311552u / 32 * 34 + 61u * 576 * 4);
}

TEST(MemoryPlan, machineHasMemory) {
    EXPECT_GT(availableMemory(), 1u << 20);
    EXPECT_LT(availableMemory(), uint64_t{1} << 50);
}

}  // namespace
}  // namespace edgechat::inference
