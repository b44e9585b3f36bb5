// The eight operations on the CPU: 4- and 8-bit weights against activations quantized to 15 bits on the way,
// and weights of W8A8 against activations of 8 bits, as they were made for.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "inference/backend.h"
#include "inference/cpu/kernels.h"
#include "inference/cpu/kv_cache.h"
#include "inference/cpu/operand.h"
#include "inference/cpu/thread_pool.h"
#include "inference/cpu/weights.h"

namespace edgechat::inference::cpu {

struct CpuOptions {
    int threads = 1;
    int context = 0;  ///< tokens that the cache holds
    KvKind kv = KvKind::fp16;
    const Kernels* kernels = nullptr;  ///< null: the best that this machine runs
};

class CpuBackend final : public Backend {
  public:
    static Result<std::unique_ptr<CpuBackend>> load(const Checkpoint& checkpoint, const CpuOptions& options,
                                                    const std::function<bool(uint64_t, uint64_t)>& progress);

    int maxBatch() const override;
    uint64_t weightBytes() const override { return m_weights.memory.bytes(); }
    uint64_t bytesPerToken() const override;
    int threads() const override { return m_pool.threads(); }
    uint64_t cacheBytes() const { return m_cache.bytes(); }
    /// Of the activations and of what the operations need beside them.
    uint64_t scratchBytes() const;
    int reusable(int tokens) const override;

    void embed(std::span<const int> tokens, int start) override;
    void norm(int layer, NormRole role) override;
    void queryKeyValue(int layer) override;
    void attend(int layer) override;
    void project(int layer) override;
    void mlpUp(int layer) override;
    void mlpDown(int layer) override;
    void head(int count, float* logits) override;

  private:
    CpuBackend(const ModelConfig& config, const CpuOptions& options, const Kernels& kernels);

    template <class Body>
    void forEachToken(int tokens, Body body);
    void normInto(const float* x, const Norm& norm, Operand& out, int tokens, OperandForms forms);
    void multiplyTile(const Linear& linear, int tile, const Activations& in, float* out, int outStride,
                      bool accumulate);
    void multiply(const Linear& linear, const Activations& in, float* out, int outStride, bool accumulate);
    void turn(float* x, int heads, int token);
    void activateTile(const LayerWeights& weights, int tile, const Activations& in);
    void ropeAndStore(int layer, int token);
    void finishAttention(const AttentionState& state, int firstToken, int tokens, int kvHead);

    const ModelConfig m_config;
    const Kernels& m_kernels;
    ThreadPool m_pool;
    Weights m_weights;
    KvCache m_cache;
    std::vector<float> m_inverseFrequencies;  // RoPE only
    float m_ropeMagnitude;
    std::vector<float> m_biases;  // ALiBi only: [heads][m_biasStride], divided by sqrt(headSize)
    int m_biasStride = 0;
    int m_written = 0;  // one past the highest position in the cache

    // The batch in work.
    int m_tokens = 0, m_start = 0;
    std::vector<float> m_x;                     // [T, hidden] residual stream
    Operand m_normed;                           // [T, hidden]
    std::vector<float> m_qkv;                   // [T, queryWidth + 2 kvWidth]
    Operand m_attended;                         // [T, queryWidth]
    Operand m_hidden;                           // [T, ffn]
    Operand m_final;                            // [T, hidden] input of the head
    std::vector<float> m_cosines, m_sines;      // [T, headSize / 2]
    std::vector<std::vector<float>> m_scratch;  // one per worker
    std::vector<float> m_states;                // attention states of all tasks
};

}  // namespace edgechat::inference::cpu
