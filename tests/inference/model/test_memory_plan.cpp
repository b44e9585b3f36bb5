#include <gtest/gtest.h>

#include "inference/model/memory_plan.h"
#include "tests/data/gguf_writer.h"
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
constexpr uint64_t kEmbeddingWeights = 268 * 64;
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
    EXPECT_EQ(planMemory(*checkpoint, 100, KvKind::fp16).kv, 2u * 2 * 100 * 32 * 2);
    EXPECT_EQ(planMemory(*checkpoint, 100, KvKind::int8).kv, 2u * 2 * 100 * (32 + 2 * 2));
    EXPECT_EQ(planMemory(*checkpoint, 200, KvKind::fp16).kv,
              2 * planMemory(*checkpoint, 100, KvKind::fp16).kv);
}

TEST(MemoryPlan, totalIsTheSum) {
    const auto checkpoint = open({});
    ASSERT_TRUE(checkpoint);
    const MemoryPlan plan = planMemory(*checkpoint, 256, KvKind::fp16);
    EXPECT_EQ(plan.context, 256);
    // A batch of 128: three times hidden, twice queries, keys and values, and the MLP; scores; four rows of
    // logits.
    EXPECT_EQ(plan.scratch, 4u * (128 * (3 * 64 + 2 * 64 + 2 * 32 + 2 * 96) + 4 * 256 + 4 * 268));
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
