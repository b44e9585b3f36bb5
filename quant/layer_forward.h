// One decoder layer on many calibration windows at once, in fp32 on the source's weights, showing the inputs
// of its linear layers on the way.
#pragma once

#include <functional>

#include "inference/model/model_config.h"
#include "quant/dense_product.h"
#include "quant/layer_weights.h"

namespace edgechat::quant {

/// Where linear layers share an input.
enum class InputSite {
    attention,  ///< query, key, value; and gate and up where the layer has one norm for both branches
    output,     ///< output
    mlp,        ///< gate, up
    down        ///< down
};
constexpr std::array<InputSite, 4> kInputSites = {InputSite::attention, InputSite::output, InputSite::mlp,
                                                  InputSite::down};

/// Where this linear layer of this model reads.
InputSite siteOf(LinearRole role, bool mlpHasNorm);
/// The linear layers that read there.
std::vector<LinearRole> rolesAt(const LayerWeights& layer, InputSite site);

constexpr int64_t kTokensAtOnce = 1024;  ///< about so many go through a layer together, in whole windows
int64_t windowsAtOnce(int window);

/// Inputs x[tokens, size] of a site; token 0 is `firstToken` of the call.
using InputVisitor = std::function<void(InputSite site, const MatrixView& x, int64_t firstToken)>;

class LayerForward {
  public:
    /// @param window  tokens of a window: each stands by itself, from position 0
    LayerForward(const inference::ModelConfig& config, int window, inference::cpu::ThreadPool& pool,
                 DenseProduct& product);

    /// x[windows * window, hidden], the residual stream, becomes the layer's output.
    /// @return false when `visit` or the computation met a value that is no finite number
    bool run(const LayerWeights& layer, int64_t windows, float* x, const InputVisitor& visit);

    /// logits[tokens, vocab] of the residual stream x[tokens, hidden] behind the last layer
    void head(const OutputNorm& norm, const DenseLinear& head, const float* x, int64_t tokens, float* logits);

    /// Floats that run() keeps beside x and the weights.
    static int64_t scratchFloats(const inference::ModelConfig& config, int window);

  private:
    void normalize(const float* x, const OutputNorm& norm, int64_t tokens, float* out) const;
    void apply(const DenseLinear& linear, const float* x, int64_t tokens, float* y, bool add);
    void rope(float* x, int heads, int64_t tokens) const;
    void attend(int64_t tokens);

    const inference::ModelConfig& m_config;
    const int m_window;
    inference::cpu::ThreadPool& m_pool;
    DenseProduct& m_product;
    std::vector<float> m_cosines, m_sines;  // [window, headSize / 2]
    std::vector<float> m_slopes;            // [heads], ALiBi only
    std::vector<float> m_tile;              // rows of a matrix in fp32
    std::vector<float> m_rounded;           // inputs of an 8-bit matrix
    std::vector<float> m_xn, m_q, m_k, m_v, m_a, m_h, m_up;
};

}  // namespace edgechat::quant
