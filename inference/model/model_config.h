// What a model is, as data: read from GGUF metadata or config.json, obeyed by the one forward path.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace edgechat::inference {

enum class NormKind { rms, layer };
enum class Activation { silu, gelu };
/// Which two of a head's elements RoPE turns together: (2i, 2i+1) or (i, i + headSize/2).
enum class RopePairs { adjacent, halves };

/// Everything about a decoder-only transformer that the forward path needs to know. Sizes in elements.
struct ModelConfig {
    std::string architecture;  ///< "llama"
    std::string name;          ///< what the checkpoint calls itself, may be empty
    std::string quantization;  ///< for people: "Q4_1", "F16", ...
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
    bool parallelResidual = false;  ///< attention and MLP read the same norm and are added together
    float ropeBase = 10000.0f;
    RopePairs ropePairs = RopePairs::adjacent;
    bool tiedHead = false;  ///< the output head is the embedding matrix
    uint64_t parameters = 0;

    int queryWidth() const { return heads * headSize; }
    int kvWidth() const { return kvHeads * headSize; }
};

}  // namespace edgechat::inference
