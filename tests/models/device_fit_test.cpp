// Which device would run a model, and whose memory counts, beside invented GPUs: a model of the catalog whose
// cache takes 131,072 bytes a token (keys and values of 8 heads of 128 in 32 layers, 2 bytes each).
#include <gtest/gtest.h>

#include "inference/cuda/cuda.h"
#include "models/catalog.h"
#include "models/fit.h"
#include "tests/data/hf_folder.h"

namespace edgechat::models {
namespace {

using inference::KvKind;
using inference::MemoryPlan;
using Gpu = FreeMemory::Gpu;

constexpr uint64_t kPerToken = 131'072;
constexpr uint64_t kPlenty = uint64_t{64} << 30;
constexpr int kContext = 4096;

PlannedModel mistral() {
    const Result<std::vector<CatalogEntry>> entries = builtInCatalog();
    for (const CatalogEntry& entry : *entries) {
        if (entry.id != QLatin1String("mistral-7b-instruct-v0.3")) continue;
        const Result<PlannedModel> planned = planModel(entry.modelFiles(), entry.config, {}, quant::Recipe{});
        if (planned) return *planned;
    }
    ADD_FAILURE() << "the catalog has no Mistral";
    return {};
}

class DeviceFit : public ::testing::Test {
  protected:
    MemoryFit at(const FreeMemory& free, int context = kContext) const {
        return m_model.at(context, KvKind::fp16, free);
    }
    uint64_t planned(int context = kContext) const {
        return inference::cuda::planCudaMemory(*m_model.model().loaded, context, KvKind::fp16).total();
    }

    const ModelFit m_model{mistral()};
};

void expectSame(const MemoryFit& a, const MemoryFit& b) {
    EXPECT_EQ(a.context, b.context);
    EXPECT_EQ(a.weights, b.weights);
    EXPECT_EQ(a.kv, b.kv);
    EXPECT_EQ(a.scratch, b.scratch);
    EXPECT_EQ(a.runtime, b.runtime);
    EXPECT_EQ(a.available, b.available);
    EXPECT_EQ(a.largestContext, b.largestContext);
}

TEST_F(DeviceFit, withoutAGpuTheProcessorsMemoryCounts) {
    for (const uint64_t free : {uint64_t{1} << 30, uint64_t{5'600} << 20, kPlenty}) {
        const MemoryFit fit = at({free, {}});
        expectSame(fit, memoryFit(m_model.model(), kContext, KvKind::fp16, free));
        EXPECT_FALSE(fit.onGpu || fit.inGpuMemory || fit.gpuLack);
    }
}

TEST_F(DeviceFit, aCardThatHoldsItNeedsNoneOfTheProcessorsMemory) {
    const MemoryFit fit = at({0, Gpu{kPlenty, true}});
    EXPECT_TRUE(fit.fits());
    EXPECT_TRUE(fit.onGpu && fit.inGpuMemory);
    EXPECT_FALSE(fit.gpuLack);
    EXPECT_EQ(fit.available, kPlenty);
    EXPECT_EQ(fit.kv, kContext * kPerToken);
    EXPECT_EQ(fit.total(), planned()) << "the program lies elsewhere";
    EXPECT_EQ(fit.largestContext, 32768) << "what it was trained for";
}

TEST_F(DeviceFit, memoryThatTheGpuSharesHoldsTheProgramToo) {
    const MemoryFit fit = at({kPlenty, Gpu{kPlenty, false}});
    EXPECT_TRUE(fit.fits() && fit.onGpu);
    EXPECT_FALSE(fit.inGpuMemory);
    EXPECT_EQ(fit.runtime, (20u << 20) + 320u * 32768) << "and a table for each token of the vocabulary";
    EXPECT_EQ(fit.total(), planned() + fit.runtime);
}

TEST_F(DeviceFit, theLastByteDecidesWhichDeviceRunsIt) {
    const MemoryFit last = at({kPlenty, Gpu{planned(), true}});
    EXPECT_TRUE(last.onGpu && last.fits());
    EXPECT_EQ(last.largestContext, kContext);

    const MemoryFit less = at({kPlenty, Gpu{planned() - 1, true}});
    expectSame(less, memoryFit(m_model.model(), kContext, KvKind::fp16, kPlenty));
    EXPECT_TRUE(less.fits());
    EXPECT_FALSE(less.onGpu || less.inGpuMemory);
    ASSERT_TRUE(less.gpuLack);
    EXPECT_EQ(less.gpuLack->needed, planned());
    EXPECT_EQ(less.gpuLack->available, planned() - 1);
    EXPECT_EQ(less.gpuLack->largestContext, kContext - 64) << "in whole runs of 64 tokens";

    // The smaller context is the GPU's again.
    EXPECT_TRUE(at({kPlenty, Gpu{planned() - 1, true}}, kContext - 64).onGpu);
}

TEST_F(DeviceFit, aCardThatHoldsNoContextSaysSo) {
    const MemoryFit fit = at({kPlenty, Gpu{2'000'000'000, true}});
    EXPECT_TRUE(fit.fits());
    ASSERT_TRUE(fit.gpuLack);
    EXPECT_EQ(fit.gpuLack->largestContext, 0);
}

TEST_F(DeviceFit, whereNothingHoldsItTheFiguresAreTheGpus) {
    const uint64_t card = 3'000'000'000, main = 2'000'000'000;
    const MemoryFit fit = at({main, Gpu{card, true}});
    EXPECT_FALSE(fit.fits());
    EXPECT_TRUE(fit.onGpu && fit.inGpuMemory);
    EXPECT_FALSE(fit.gpuLack);
    EXPECT_EQ(fit.total(), planned());
    EXPECT_EQ(fit.available, card);
    EXPECT_EQ(fit.largestContext, 0);

    // The processor would hold a smaller context.
    const MemoryFit cpu = memoryFit(m_model.model(), 1024, KvKind::fp16, kPlenty);
    const MemoryFit offered = at({cpu.total(), Gpu{card, true}});
    EXPECT_FALSE(offered.fits());
    EXPECT_EQ(offered.available, card);
    EXPECT_GE(offered.largestContext, 1024);
    EXPECT_LT(offered.largestContext, kContext);
    EXPECT_FALSE(at({cpu.total(), Gpu{card, true}}, offered.largestContext).onGpu);
    EXPECT_TRUE(at({cpu.total(), Gpu{card, true}}, offered.largestContext).fits());
}

TEST_F(DeviceFit, aCacheOf8BitsTakesLessOfTheGpu) {
    const Gpu gpu{planned() - kContext * kPerToken / 3, true};
    EXPECT_FALSE(at({kPlenty, gpu}).onGpu);
    const MemoryFit half = m_model.at(kContext, KvKind::int8, {kPlenty, gpu});
    EXPECT_TRUE(half.onGpu);
    // A byte an element, and a scale of 2 bytes for each head's key and value.
    EXPECT_EQ(half.kv, kContext * (kPerToken / 2 + 32 * 2 * 8 * 2));
}

TEST(DeviceFitOfGguf, isJudgedByItsFile) {
    ModelFiles files;
    files.kind = ModelFiles::Kind::gguf;
    files.variant = QStringLiteral("a-Q8_0");
    files.weights = {{QStringLiteral("a-Q8_0.gguf"), 1'000'000'000, {}}};
    const FreeMemory free{500'000'000, Gpu{1'000'000'000, true}};
    const Result<PlannedModel> alone = planModel(files, {}, {}, {});
    ASSERT_TRUE(alone);
    const MemoryFit fit = ModelFit(*alone).at(4096, KvKind::fp16, free);
    EXPECT_TRUE(fit.fits() && fit.onGpu);
    EXPECT_EQ(fit.weights, 1'000'000'000u);
    EXPECT_FALSE(fit.contextKnown);

    // With a shape, whose tensors nobody has seen, the context counts as well.
    const QByteArray config = QByteArray::fromStdString(testing::tinyLlamaFolder().config.dump());
    const Result<PlannedModel> shaped = planModel(files, config, {}, {});
    ASSERT_TRUE(shaped);
    const MemoryFit known = ModelFit(*shaped).at(128, KvKind::fp16, {0, Gpu{kPlenty, true}});
    EXPECT_TRUE(known.contextKnown && known.onGpu);
    EXPECT_EQ(known.weights, 1'000'000'000u);
    EXPECT_GE(known.kv, 2u * 2 * 128 * 32 * 2) << "keys and values of 2 layers, 2 heads of 16, 2 bytes";
    EXPECT_FALSE(ModelFit(*shaped).at(128, KvKind::fp16, free).fits());
}

}  // namespace
}  // namespace edgechat::models
