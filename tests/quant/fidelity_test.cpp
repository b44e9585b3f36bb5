// How far the CPU backend's int8 activations and fp16 cache take the starter model from its own fp32 forward
// pass. The bounds are the project's; README.md tells the figures over the whole text.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "inference/engine.h"
#include "quant/perplexity.h"

namespace edgechat::quant {
namespace {

constexpr int kWindow = 512;
constexpr size_t kWindows = 4;

Scorer scorer(inference::Engine& engine) {
    return [&engine](std::span<const int> tokens, const auto& visit) { return engine.score(tokens, visit); };
}

TEST(Fidelity, cpuBackendStaysCloseToTheReferenceOnPlainText) {
    const char* model = std::getenv("EDGECHAT_STARTER_MODEL");
    if (model == nullptr) GTEST_SKIP() << "EDGECHAT_STARTER_MODEL does not name the starter model";
    const auto load = [&](inference::Device device) {
        inference::EngineOptions options;
        options.device = device;
        options.context = kWindow;
        Result<std::unique_ptr<inference::Engine>> engine = inference::Engine::load(model, options);
        EXPECT_TRUE(engine) << (engine ? "" : engine.error().message());
        return engine ? std::move(*engine) : nullptr;
    };
    const std::unique_ptr<inference::Engine> cpu = load(inference::Device::cpu);
    const std::unique_ptr<inference::Engine> reference = load(inference::Device::reference);
    ASSERT_TRUE(cpu && reference);

    std::ifstream file(EDGECHAT_TESTS_DATA "/plain_text.txt");
    std::stringstream text;
    text << file.rdbuf();
    std::vector<int> tokens = cpu->tokenizer().encode(text.str(), inference::SpecialTokens::asText);
    ASSERT_GE(tokens.size(), kWindows * kWindow);
    tokens.resize(kWindows * kWindow);

    Result<PerplexityResult> result =
        measurePerplexity(tokens, {Protocol::full, kWindow, -1}, scorer(*cpu), scorer(*reference));
    ASSERT_TRUE(result) << result.error().message();
    ASSERT_TRUE(result->reference);
    EXPECT_LE(result->reference->meanKld, 1e-5);
    EXPECT_GE(result->reference->sameTop, 0.995);
    EXPECT_GT(result->reference->meanKld, 0) << "both ran the same backend";
}

}  // namespace
}  // namespace edgechat::quant
