// Every part of the families' configurations on small random models, and what tests of a backend do with
// them.
#pragma once

#include <cmath>
#include <cstring>
#include <memory>
#include <ostream>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "inference/forward.h"
#include "inference/reference/reference_backend.h"
#include "tests/data/memory_checkpoint.h"

namespace edgechat::testing {

struct Family {
    std::string name;
    inference::ModelConfig config = smallConfig();
    MemoryModelOptions options;
};

inline void PrintTo(const Family& family, std::ostream* out) {
    *out << family.name;
}

inline std::vector<Family> families() {
    std::vector<Family> all;
    const auto add = [&all](const std::string& name) -> Family& {
        all.push_back({name, smallConfig(), {}});
        all.back().options.seed = all.size();
        return all.back();
    };
    add("llama").config.ropePairs = inference::RopePairs::halves;
    {
        Family& f = add("openLlamaHeadsOf100");
        f.config.heads = 3, f.config.kvHeads = 3, f.config.headSize = 100,
        f.config.ropePairs = inference::RopePairs::halves;
        f.config.tiedHead = false;
    }
    {
        Family& f = add("falcon3HeadsOf256");
        f.config.heads = 4, f.config.kvHeads = 2, f.config.headSize = 256,
        f.config.ropePairs = inference::RopePairs::halves;
    }
    {
        Family& f = add("smallestHeads");
        f.config.heads = 6, f.config.kvHeads = 3, f.config.headSize = 2;
    }
    {
        Family& f = add("biasesEverywhere");
        f.options.linearBiases = f.options.normBiases = true;
        f.config.norm = inference::NormKind::layer, f.config.tiedHead = false;
    }
    {
        Family& f = add("falcon7b");  // 71 query heads and one of keys and values
        f.config.heads = 71, f.config.kvHeads = 1, f.config.headSize = 4, f.config.hidden = 284;
        f.config.ffn = 4 * 284, f.config.norm = inference::NormKind::layer,
        f.config.activation = inference::Activation::gelu;
        f.config.gatedMlp = false, f.config.parallelResidual = true,
        f.config.ropePairs = inference::RopePairs::halves;
        f.options.normBiases = true, f.options.ownMlpNorm = false;
    }
    {
        Family& f = add("falconWithTwoNorms");
        f.config.norm = inference::NormKind::layer, f.config.activation = inference::Activation::gelu,
        f.config.gatedMlp = false;
        f.config.parallelResidual = true, f.options.normBiases = true, f.options.activationScale = true;
    }
    {
        Family& f = add("falconRw");
        f.config.heads = f.config.kvHeads = 6, f.config.headSize = 16;
        f.config.norm = inference::NormKind::layer, f.config.activation = inference::Activation::gelu,
        f.config.gatedMlp = false;
        f.config.positions = inference::PositionKind::alibi;
        f.options.linearBiases = f.options.normBiases = true;
    }
    {
        Family& f = add("alibiWithGroupedHeadsAndWindow");
        f.config.positions = inference::PositionKind::alibi, f.config.slidingWindow = 70;
    }
    add("gatedGelu").config.activation = inference::Activation::gelu;
    for (const int window : {1, 32, 65, 300}) {
        add("mistralWindow" + std::to_string(window)).config.slidingWindow = window;
    }
    for (const auto& [name, kind] : {std::pair{"linear", inference::RopeScalingKind::linear},
                                     {"dynamic", inference::RopeScalingKind::dynamic},
                                     {"yarn", inference::RopeScalingKind::yarn},
                                     {"llama3", inference::RopeScalingKind::llama3}}) {
        Family& f = add(std::string(name) + "Rope");
        f.config.ropeScaling.kind = kind, f.config.ropeScaling.factor = 4;
        f.config.ropeScaling.originalContext = 128;
    }
    for (const int group : {32, 64, 128, 192}) {
        Family& f = add("awqG" + std::to_string(group));
        f.options.weights = inference::TensorType::int4, f.options.groupSize = group;
        f.config.hidden = f.config.ffn = 384, f.config.headSize = 96;
        f.options.embedding = inference::TensorType::f16;
    }
    {
        Family& f = add("int4GroupsOf20");
        f.options.weights = inference::TensorType::int4, f.options.groupSize = 20;
        f.config.hidden = 80, f.config.headSize = 20, f.config.ffn = 100;
    }
    {
        Family& f = add("widthsThatDoNotDivide");
        f.config.hidden = 100, f.config.heads = 5, f.config.kvHeads = 1, f.config.headSize = 20;
        f.config.ffn = 90, f.config.vocab = 53, f.config.tiedHead = false;
        f.options.weights = inference::TensorType::bf16, f.options.embedding = inference::TensorType::f16;
        f.options.linearBiases = true;
    }
    return all;
}

inline std::vector<int> someTokens(const Family& family, int count) {
    std::vector<int> tokens;
    for (int i = 0; i < count; ++i) tokens.push_back((i * 37 + i * i * 11) % family.config.vocab);
    return tokens;
}

inline std::unique_ptr<inference::Checkpoint> checkpointOf(const Family& family) {
    return memoryCheckpoint(family.config, family.options);
}

inline std::unique_ptr<inference::Backend> referenceOf(const Family& family, int context) {
    auto backend = inference::reference::ReferenceBackend::load(checkpointOf(family), 2, context, {});
    return backend ? std::move(*backend) : nullptr;
}

/// Logits of tokens [first, end), computed in chunks of the given size.
inline std::vector<float> logitsOf(const Family& family, inference::Backend& backend,
                                   const std::vector<int>& tokens, int chunk, size_t first = 0) {
    const auto vocab = static_cast<size_t>(family.config.vocab);
    std::vector<float> all((tokens.size() - first) * vocab);
    for (size_t at = first; at < tokens.size(); at += static_cast<size_t>(chunk)) {
        const size_t count = std::min(static_cast<size_t>(chunk), tokens.size() - at);
        inference::forward(backend, family.config, std::span<const int>(tokens).subspan(at, count),
                           static_cast<int>(at), static_cast<int>(count), all.data() + (at - first) * vocab);
    }
    return all;
}

/// Mean KL divergence of q's rows from p's; both are logits [rows][vocab].
inline double meanKl(const std::vector<float>& p, const std::vector<float>& q, size_t vocab) {
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

inline bool sameBits(const std::vector<float>& a, const std::vector<float>& b) {
    return a.size() == b.size() && std::memcmp(a.data(), b.data(), 4 * a.size()) == 0;
}

}  // namespace edgechat::testing
