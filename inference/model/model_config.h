// What a model is, as data: read from GGUF metadata or config.json, obeyed by the one forward path.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace edgechat::inference {

enum class NormKind { rms, layer };
/// silu(x) = x / (1 + e^-x); gelu(x) = x (1 + erf(x / sqrt 2)) / 2, the exact form.
enum class Activation { silu, gelu };
/// How attention knows where a token stands.
enum class PositionKind { rope, alibi };
/// Which two of a head's elements RoPE turns together: (2i, 2i+1) or (i, i + headSize/2).
enum class RopePairs { adjacent, halves };

enum class RopeScalingKind { none, linear, dynamic, yarn, llama3, factors };

/// How RoPE's frequencies are stretched for texts longer than those of the training (rope.h has the
/// formulas).
struct RopeScaling {
    RopeScalingKind kind = RopeScalingKind::none;
    float factor = 1.0f;
    int originalContext = 0;        ///< dynamic, yarn, llama3: tokens of the training's contexts
    float lowFrequencyFactor = 1;   ///< llama3
    float highFrequencyFactor = 4;  ///< llama3
    float betaFast = 32;            ///< yarn
    float betaSlow = 1;             ///< yarn
    float attentionFactor = 0;      ///< yarn: cosines and sines are multiplied by it; 0: 0.1 ln(factor) + 1
    std::vector<float> divisors;    ///< factors: [headSize / 2], GGUF's rope_freqs
};

/// Everything about a decoder-only transformer that the forward path needs to know. Sizes in elements.
/// Biases are not said here: a layer has those that its tensors hold.
struct ModelConfig {
    std::string architecture;  ///< "llama", "mistral", "falcon"
    std::string name;          ///< what the checkpoint calls itself, may be empty
    std::string quantization;  ///< for people: "Q4_1", "F16", "AWQ INT4 g128", ...
    int layers = 0;
    int hidden = 0;    ///< width of the residual stream
    int heads = 0;     ///< query heads
    int kvHeads = 0;   ///< key/value heads, divides `heads`
    int headSize = 0;  ///< elements of one head
    int ffn = 0;       ///< width inside the MLP
    int vocab = 0;     ///< rows of the embedding and of the output head
    int context = 0;   ///< tokens the model was trained for
    NormKind norm = NormKind::rms;
    float normEps = 1e-5f;
    Activation activation = Activation::silu;
    bool gatedMlp = true;           ///< act(gate) * up, else act(up)
    bool parallelResidual = false;  ///< attention and MLP read the same x and are added together
    int slidingWindow = 0;          ///< a token sees itself and the slidingWindow - 1 before it; 0: all
    PositionKind positions = PositionKind::rope;
    float ropeBase = 10000.0f;
    RopePairs ropePairs = RopePairs::adjacent;
    RopeScaling ropeScaling;
    bool tiedHead = false;  ///< the output head is the embedding matrix
    uint64_t parameters = 0;

    int queryWidth() const { return heads * headSize; }
    int kvWidth() const { return kvHeads * headSize; }
};

}  // namespace edgechat::inference
