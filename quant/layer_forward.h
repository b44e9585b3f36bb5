// One decoder layer on many calibration windows at once, in fp32 on the source's weights, showing the inputs
// of its linear layers on the way.
#pragma once

#include <functional>
#include <span>

#include "inference/model/model_config.h"
#include "quant/dense_product.h"
#include "quant/layer_weights.h"

namespace edgechat::quant {

/// Where linear layers share an input.
enum class InputSite {
    attention,  ///< query, key, value; and gate and up where the layer has one norm for both branches
    output,     ///< output
    mlp,        ///< gate, up
    down,       ///< down
    key,        ///< key once more, with weights of its own
    value       ///< value once more
};
/// Where linear layers read.
constexpr std::array<InputSite, 4> kInputSites = {InputSite::attention, InputSite::output, InputSite::mlp,
                                                  InputSite::down};

/// Where this linear layer of this model reads.
InputSite siteOf(LinearRole role, bool mlpHasNorm);
/// The linear layers that read there.
std::vector<LinearRole> rolesAt(const LayerWeights& layer, InputSite site);

constexpr int64_t kTokensAtOnce = 1024;  ///< about so many go through a layer together, in whole windows
int64_t windowsAtOnce(int window);

struct SiteInputs {
    InputSite site;
    MatrixView x;            ///< [tokens, size]
    int64_t firstToken = 0;  ///< of the call
    /// [tokens]: what the square of an error in the linear layers' outputs weighs. Empty: 1.
    std::span<const float> weights;
};
using InputVisitor = std::function<void(const SiteInputs& inputs)>;

/// What the square of an error in a token's outputs is said to weigh.
enum class InputWeights {
    equal,
    /// By its effect, as far as a forward pass tells. The layers behind normalize the residual stream, so an
    /// error that reaches a token's loses by the length of that stream, and hardly counts for the tokens with
    /// "massive activations" (Sun et al. 2024). Errors of keys and values reach all tokens that attend to
    /// them, above all those of the "attention sink" (Xiao et al. 2024): with attention weights a_ts of head
    /// h the sum of a_ts^2 / |x_t|^2, for keys of (a_ts (1 - a_ts))^2 / |x_t|^2, over t and h. The weight is
    /// the root of that: one between it and 1 did best, as with the gradients of the loss that this stands
    /// for.
    effect
};

class LayerForward {
  public:
    /// @param window  tokens of a window: each stands by itself, from position 0
    LayerForward(const inference::ModelConfig& config, int window, inference::cpu::ThreadPool& pool,
                 DenseProduct& product);

    /// x[windows * window, hidden], the residual stream, becomes the layer's output.
    /// @param visit  or an empty one; `key` and `value` are visited with InputWeights::effect alone
    /// @return false when the computation met a value that is no finite number
    bool run(const LayerWeights& layer, int64_t windows, float* x, const InputVisitor& visit,
             InputWeights weights = InputWeights::equal);

    /// logits[tokens, vocab] of the residual stream x[tokens, hidden] behind the last layer
    void head(const OutputNorm& norm, const DenseLinear& head, const float* x, int64_t tokens, float* logits);

    /// Floats that run() keeps beside x and the weights.
    static int64_t scratchFloats(const inference::ModelConfig& config, int window);

  private:
    void normalize(const float* x, const OutputNorm& norm, int64_t tokens, float* out) const;
    void apply(const DenseLinear& linear, const float* x, int64_t tokens, float* y, bool add);
    void rope(float* x, int heads, int64_t tokens) const;
    void attend(int64_t tokens, bool weigh);
    void weighAttended(int64_t first, const float* scores);
    void weigh(const float* residual, int64_t tokens);

    const inference::ModelConfig& m_config;
    const int m_window;
    inference::cpu::ThreadPool& m_pool;
    DenseProduct& m_product;
    std::vector<float> m_cosines, m_sines;  // [window, headSize / 2]
    std::vector<float> m_slopes;            // [heads], ALiBi only
    std::vector<float> m_tile;              // rows of a matrix in fp32
    std::vector<float> m_rounded;           // inputs of an 8-bit matrix
    std::vector<float> m_xn, m_q, m_k, m_v, m_a, m_h, m_up;
    std::vector<float> m_weights, m_keyWeights, m_valueWeights;  // [tokens]
};

}  // namespace edgechat::quant
