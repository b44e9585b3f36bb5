// The forward pass as the papers write it, in fp32 on the checkpoint's own values: the oracle of every test
// and the documentation of the model. Touvron et al. 2023 (LLaMA), Zhang and Sennrich 2019 (RMSNorm), Su et
// al. 2021 (RoPE), Shazeer 2020 (SwiGLU), Ainslie et al. 2023 (grouped queries), Ba et al. 2016 (LayerNorm),
// Hendrycks and Gimpel 2016 (GELU), Press et al. 2022 (ALiBi), Jiang et al. 2023 (sliding window).
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "inference/backend.h"
#include "inference/cpu/thread_pool.h"

namespace edgechat::inference::reference {

/// Keeps the weights as the checkpoint stores them and expands each row to fp32 where it is used. Activations
/// are never quantized, not even for W8A8 weights (Xiao et al. 2023, SmoothQuant), so that a backend's
/// distance from this one holds what its activations of 8 bits cost.
class ReferenceBackend final : public Backend {
  public:
    static Result<std::unique_ptr<ReferenceBackend>> load(
        std::unique_ptr<Checkpoint> checkpoint, int threads, int context,
        const std::function<bool(uint64_t done, uint64_t total)>& progress);

    int maxBatch() const override { return 64; }
    uint64_t weightBytes() const override { return m_weightBytes; }
    uint64_t bytesPerToken() const override { return m_weightBytes; }
    int threads() const override { return m_pool.threads(); }
    int reusable(int tokens) const override { return tokens; }

    void embed(std::span<const int> tokens, int start) override;
    void norm(int layer, NormRole role) override;
    void queryKeyValue(int layer) override;
    void attend(int layer) override;
    void project(int layer) override;
    void mlpUp(int layer) override;
    void mlpDown(int layer) override;
    void head(int count, float* logits) override;

  private:
    using Matrix = std::vector<std::byte>;

    ReferenceBackend(std::unique_ptr<Checkpoint> checkpoint, int threads, int context);
    Result<void> keep(const TensorInfo& tensor);
    const LayerTensors& layerTensors(int layer) const;
    void multiply(const TensorInfo& w, const float* x, int tokens, float* y, bool add);
    void apply(const LinearTensors& linear, const float* x, int tokens, float* y, bool add);
    void normalize(const float* x, const NormTensors& norm, int tokens, float* out);
    void rope(float* x, int heads, int position) const;

    std::unique_ptr<Checkpoint> m_checkpoint;
    const ModelConfig& m_config;
    cpu::ThreadPool m_pool;
    std::map<std::string, Matrix> m_weights;              // by tensor name, as stored
    std::map<std::string, std::vector<float>> m_vectors;  // norms, biases, scales
    std::vector<float> m_inverseFrequencies;              // [headSize / 2]
    std::vector<float> m_slopes;                          // [heads], ALiBi only
    uint64_t m_weightBytes = 0;

    int m_tokens = 0, m_start = 0;             // the batch: T tokens from position `start`
    std::vector<float> m_x;                    // [T, hidden] residual stream
    std::vector<float> m_xn;                   // [T, hidden] normalized
    std::vector<float> m_q;                    // [T, heads, headSize]
    std::vector<float> m_a;                    // [T, heads, headSize] attention's output
    std::vector<float> m_h, m_up;              // [T, ffn]
    std::vector<std::vector<float>> m_keys;    // per layer [context, kvHeads, headSize]
    std::vector<std::vector<float>> m_values;  // per layer [context, kvHeads, headSize]
};

}  // namespace edgechat::inference::reference
