// Every part of the families' configurations on small random models: the CPU against the reference, and a
// result that does not depend on chunks, threads, reused prefixes or on what a ring of keys has forgotten.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "inference/cpu/cpu_backend.h"
#include "inference/forward.h"
#include "inference/reference/reference_backend.h"
#include "tests/data/memory_checkpoint.h"

namespace edgechat::inference {
namespace {

using edgechat::testing::memoryCheckpoint;
using edgechat::testing::MemoryModelOptions;
using edgechat::testing::smallConfig;

struct Family {
    std::string name;
    ModelConfig config = smallConfig();
    MemoryModelOptions options;
};

void PrintTo(const Family& family, std::ostream* out) {
    *out << family.name;
}

std::vector<Family> families() {
    std::vector<Family> all;
    const auto add = [&all](const std::string& name) -> Family& {
        all.push_back({name, smallConfig(), {}});
        all.back().options.seed = all.size();
        return all.back();
    };
    add("llama").config.ropePairs = RopePairs::halves;
    {
        Family& f = add("openLlamaHeadsOf100");
        f.config.heads = 3, f.config.kvHeads = 3, f.config.headSize = 100,
        f.config.ropePairs = RopePairs::halves;
        f.config.tiedHead = false;
    }
    {
        Family& f = add("falcon3HeadsOf256");
        f.config.heads = 4, f.config.kvHeads = 2, f.config.headSize = 256,
        f.config.ropePairs = RopePairs::halves;
    }
    {
        Family& f = add("smallestHeads");
        f.config.heads = 6, f.config.kvHeads = 3, f.config.headSize = 2;
    }
    {
        Family& f = add("biasesEverywhere");
        f.options.linearBiases = f.options.normBiases = true;
        f.config.norm = NormKind::layer, f.config.tiedHead = false;
    }
    {
        Family& f = add("falcon7b");  // 71 query heads and one of keys and values
        f.config.heads = 71, f.config.kvHeads = 1, f.config.headSize = 4, f.config.hidden = 284;
        f.config.ffn = 4 * 284, f.config.norm = NormKind::layer, f.config.activation = Activation::gelu;
        f.config.gatedMlp = false, f.config.parallelResidual = true, f.config.ropePairs = RopePairs::halves;
        f.options.normBiases = true, f.options.ownMlpNorm = false;
    }
    {
        Family& f = add("falconWithTwoNorms");
        f.config.norm = NormKind::layer, f.config.activation = Activation::gelu, f.config.gatedMlp = false;
        f.config.parallelResidual = true, f.options.normBiases = true, f.options.activationScale = true;
    }
    {
        Family& f = add("falconRw");
        f.config.heads = f.config.kvHeads = 6, f.config.headSize = 16;
        f.config.norm = NormKind::layer, f.config.activation = Activation::gelu, f.config.gatedMlp = false;
        f.config.positions = PositionKind::alibi;
        f.options.linearBiases = f.options.normBiases = true;
    }
    {
        Family& f = add("alibiWithGroupedHeadsAndWindow");
        f.config.positions = PositionKind::alibi, f.config.slidingWindow = 70;
    }
    add("gatedGelu").config.activation = Activation::gelu;
    for (const int window : {1, 32, 65, 300}) {
        add("mistralWindow" + std::to_string(window)).config.slidingWindow = window;
    }
    for (const auto& [name, kind] : {std::pair{"linear", RopeScalingKind::linear},
                                     {"dynamic", RopeScalingKind::dynamic},
                                     {"yarn", RopeScalingKind::yarn},
                                     {"llama3", RopeScalingKind::llama3}}) {
        Family& f = add(std::string(name) + "Rope");
        f.config.ropeScaling.kind = kind, f.config.ropeScaling.factor = 4;
        f.config.ropeScaling.originalContext = 128;
    }
    for (const int group : {32, 64, 128, 192}) {
        Family& f = add("awqG" + std::to_string(group));
        f.options.weights = TensorType::int4, f.options.groupSize = group;
        f.config.hidden = f.config.ffn = 384, f.config.headSize = 96;
        f.options.embedding = TensorType::f16;
    }
    {
        Family& f = add("int4GroupsOf20");
        f.options.weights = TensorType::int4, f.options.groupSize = 20;
        f.config.hidden = 80, f.config.headSize = 20, f.config.ffn = 100;
    }
    {
        Family& f = add("widthsThatDoNotDivide");
        f.config.hidden = 100, f.config.heads = 5, f.config.kvHeads = 1, f.config.headSize = 20;
        f.config.ffn = 90, f.config.vocab = 53, f.config.tiedHead = false;
        f.options.weights = TensorType::bf16, f.options.embedding = TensorType::f16;
        f.options.linearBiases = true;
    }
    return all;
}

class FamilyTest : public ::testing::TestWithParam<Family> {
  protected:
    static constexpr int kContext = 1024;

    static std::unique_ptr<Backend> cpuBackend(int threads, const cpu::Kernels* kernels = nullptr,
                                               KvKind kv = KvKind::fp16) {
        const auto checkpoint = memoryCheckpoint(GetParam().config, GetParam().options);
        auto backend = cpu::CpuBackend::load(*checkpoint, {threads, kContext, kv, kernels}, {});
        return backend ? std::move(*backend) : nullptr;
    }

    static std::unique_ptr<Backend> referenceBackend() {
        auto backend = reference::ReferenceBackend::load(
            memoryCheckpoint(GetParam().config, GetParam().options), 2, kContext, {});
        return backend ? std::move(*backend) : nullptr;
    }

    static std::vector<int> someTokens(int count) {
        std::vector<int> tokens;
        for (int i = 0; i < count; ++i) tokens.push_back((i * 37 + i * i * 11) % GetParam().config.vocab);
        return tokens;
    }

    /// Logits of tokens [first, end), computed in chunks of the given size.
    static std::vector<float> logits(Backend& backend, const std::vector<int>& tokens, int chunk,
                                     size_t first = 0) {
        const auto vocab = static_cast<size_t>(GetParam().config.vocab);
        std::vector<float> all((tokens.size() - first) * vocab);
        for (size_t at = first; at < tokens.size(); at += static_cast<size_t>(chunk)) {
            const size_t count = std::min(static_cast<size_t>(chunk), tokens.size() - at);
            forward(backend, GetParam().config, std::span<const int>(tokens).subspan(at, count),
                    static_cast<int>(at), static_cast<int>(count), all.data() + (at - first) * vocab);
        }
        return all;
    }

    static double meanKl(const std::vector<float>& p, const std::vector<float>& q) {
        const auto vocab = static_cast<size_t>(GetParam().config.vocab);
        const auto logSum = [vocab](const float* row) {
            double sum = 0;
            for (size_t i = 0; i < vocab; ++i) sum += std::exp(double{row[i]});
            return std::log(sum);
        };
        double total = 0;
        for (size_t row = 0; row < p.size(); row += vocab) {
            const double logP = logSum(&p[row]), logQ = logSum(&q[row]);
            for (size_t i = row; i < row + vocab; ++i) {
                total += std::exp(p[i] - logP) * ((p[i] - logP) - (q[i] - logQ));
            }
        }
        return total / (static_cast<double>(p.size()) / static_cast<double>(vocab));
    }

    static bool same(const std::vector<float>& a, const std::vector<float>& b) {
        return a.size() == b.size() && std::memcmp(a.data(), b.data(), 4 * a.size()) == 0;
    }
};

INSTANTIATE_TEST_SUITE_P(Families, FamilyTest, ::testing::ValuesIn(families()),
                         [](const auto& info) { return info.param.name; });

TEST_P(FamilyTest, cpuAgreesWithTheReferenceOnEveryInstructionSet) {
    const std::vector<int> tokens = someTokens(330);
    const std::vector<float> expected = logits(*referenceBackend(), tokens, 64);
    for (const cpu::Kernels* kernels : cpu::usableKernels()) {
        const std::vector<float> found = logits(*cpuBackend(2, kernels), tokens, 128);
        const double divergence = meanKl(expected, found);
        EXPECT_LT(divergence, 2e-6) << kernels->name;
        EXPECT_GE(divergence, -1e-9) << kernels->name;
    }
}

TEST_P(FamilyTest, cpuStaysCloseWithAnInt8Cache) {
    const std::vector<int> tokens = someTokens(200);
    const std::vector<float> expected = logits(*referenceBackend(), tokens, 64);
    EXPECT_LT(meanKl(expected, logits(*cpuBackend(2, nullptr, KvKind::int8), tokens, 128)), 1e-3);
}

TEST_P(FamilyTest, givesTheSameBitsForAnyChunksAndThreads) {
    const std::vector<int> tokens = someTokens(600);  // several segments of attention
    const std::vector<float> expected = logits(*cpuBackend(1), tokens, 128);
    for (const auto& [threads, chunk] : {std::pair{2, 1}, {1, 7}, {8, 7}, {2, 64}, {8, 128}}) {
        EXPECT_TRUE(same(logits(*cpuBackend(threads), tokens, chunk), expected))
            << threads << " threads, chunks of " << chunk;
    }
}

TEST_P(FamilyTest, givesTheSameBitsAfterAReusedPrefix) {
    std::vector<int> tokens = someTokens(500);
    const std::unique_ptr<Backend> backend = cpuBackend(2);
    logits(*backend, tokens, 128);
    // Cut back three times and go on differently: shortly before the end, far before it, and again.
    for (const size_t kept : {size_t{470}, size_t{200}, size_t{520}}) {
        const auto from =
            static_cast<size_t>(backend->reusable(static_cast<int>(std::min(kept, tokens.size()))));
        if (GetParam().config.slidingWindow == 0) {
            EXPECT_EQ(from, std::min(kept, tokens.size()));
        }
        tokens.resize(std::min(kept, tokens.size()));
        for (int i = 0; i < 60; ++i)
            tokens.push_back((i * 7 + static_cast<int>(kept)) % GetParam().config.vocab);
        const std::vector<float> again = logits(*backend, tokens, 50, from);
        const std::vector<float> fresh = logits(*cpuBackend(2), tokens, 128);
        const std::vector<float> tail(fresh.end() - static_cast<std::ptrdiff_t>(again.size()), fresh.end());
        EXPECT_TRUE(same(again, tail)) << "kept " << kept << ", from " << from;
    }
}

TEST(SlidingWindow, knowsHowFarBackItCanGo) {
    ModelConfig config = smallConfig();
    config.slidingWindow = 40;  // a ring of 192: 39 before the first of a batch of 128, in runs of 64
    const auto checkpoint = memoryCheckpoint(config);
    auto backend = cpu::CpuBackend::load(*checkpoint, {1, 1024, KvKind::fp16, nullptr}, {});
    ASSERT_TRUE(backend);
    const auto compute = [&](int start, int count) {
        const std::vector<int> tokens(static_cast<size_t>(count), 3);
        float logits[96];
        forward(**backend, config, tokens, start, 1, logits);
    };
    for (int start = 0; start < 512; start += 128) compute(start, 128);
    // 512 - 192 = 320 is the oldest position left; the token at 359 sees 320 and later.
    EXPECT_EQ((*backend)->reusable(512), 512);
    EXPECT_EQ((*backend)->reusable(359), 359);
    EXPECT_EQ((*backend)->reusable(358), 0);
    EXPECT_EQ((*backend)->reusable(10), 0);
    compute(359, 1);
    EXPECT_EQ((*backend)->reusable(360), 360);
    EXPECT_EQ((*backend)->reusable(358), 0) << "what was written before the cut has overwritten it";
    compute(0, 100);
    EXPECT_EQ((*backend)->reusable(50), 50) << "a new text";
}

}  // namespace
}  // namespace edgechat::inference
