// The eight operations on a GPU: launches of fused kernels on one stream. A pass of one token is recorded
// once and started again as one piece; it reads its token and position from the device's memory.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <span>

#include "inference/backend.h"
#include "inference/cuda/attention.h"
#include "inference/cuda/cuda.h"
#include "inference/cuda/dense_products.h"
#include "inference/cuda/kv_cache.h"
#include "inference/cuda/matmul.h"
#include "inference/cuda/runtime.h"
#include "inference/cuda/sampling.h"
#include "inference/cuda/weights.h"

namespace edgechat::inference::cuda {

class CudaBackend final : public Backend {
  public:
    static Result<std::unique_ptr<CudaBackend>> load(
        std::unique_ptr<Runtime> runtime, const Checkpoint& checkpoint, const CudaOptions& options,
        const std::function<bool(uint64_t done, uint64_t total)>& progress);

    int maxBatch() const override;
    uint64_t weightBytes() const override { return m_weights.bytes; }
    uint64_t bytesPerToken() const override { return m_weights.bytesPerToken; }
    int threads() const override { return 1; }
    int reusable(int tokens) const override;
    Result<void> status() const override { return m_status; }
    uint64_t cacheBytes() const { return m_cache.bytes(); }
    uint64_t scratchBytes() const { return m_scratch.bytes() + m_pinned.bytes(); }
    const Runtime& runtime() const { return *m_runtime; }
    /// Tokens from which on cuBLAS multiplies; 0: never.
    int denseFrom() const { return m_denseFrom; }
    void setDenseFrom(int tokens) { m_denseFrom = m_dense == nullptr ? 0 : tokens; }
    /// What would be the fastest of it here.
    int measureDenseFrom();

    void embed(std::span<const int> tokens, int start) override;
    void norm(int layer, NormRole role) override;
    void queryKeyValue(int layer) override;
    void attend(int layer) override;
    void project(int layer) override;
    void mlpUp(int layer) override;
    void mlpDown(int layer) override;
    void head(int count, float* logits) override;
    bool step(int token, int position, float* logits) override;
    bool beginSampling(const SamplingOptions& options) override;
    int chosenToken() const override { return *m_pinnedToken; }

  private:
    CudaBackend(std::unique_ptr<Runtime> runtime, const ModelConfig& config, const CudaOptions& options);

    Result<void> allocate();
    Result<void> openDense(DenseUse use);
    Result<void> writeConstants(float* constants);
    void launchEmbedding();
    void launchNormInto(const float* x, const NormWeights& norm, uint16_t* out, int tokens);
    void multiply(const MatmulArguments& arguments);
    bool multiplyDense(const MatmulArguments& arguments);
    Term term(const PackedMatrix& matrix, const uint16_t* input) const;
    EpilogueArguments attentionEpilogue(int layer, const AttentionPart& part) const;
    EpilogueArguments upEpilogue(const LayerWeights& layer) const;
    MatmulArguments residual(const Linear& linear, const uint16_t* input) const;
    /// Logits of `count` tokens from row `first` of the batch on, to pinned memory or to a chosen token.
    void launchHead(int first, int count, bool choose);

    /// Notes the first failure; true while there is none.
    bool keep(const Result<void>& outcome);
    void writeStep(std::span<const int> tokens, int start);

    const std::unique_ptr<Runtime> m_runtime;
    const ModelConfig m_config;
    const int m_context;
    KvCache m_cache;
    Weights m_weights;
    std::unique_ptr<DenseProducts> m_dense;  // there where m_denseFrom is not 0
    int m_denseFrom = 0;
    Result<void> m_status;  // the first failure of the device
    int m_written = 0;      // one past the highest position in the cache

    // The batch in work.
    int m_tokens = 0, m_start = 0;
    int m_mostPositions = 0;  // of this pass, or of the recording that it is part of

    // Parts of m_scratch, which begins as zeros. Rows of fp16 inputs are filled up to whole chunks by zeros.
    Memory m_scratch, m_pinned;
    int* m_step = nullptr;           // position of the first token, then the tokens [maxBatch]
    float* m_frequencies = nullptr;  // RoPE: [headSize / 2]
    float* m_biases = nullptr;       // ALiBi: [heads][m_biasStride], times log2(e) / sqrt(headSize)
    int m_biasStride = 0;
    float* m_rotations = nullptr;    // [T][headSize / 2] of {cosine, sine}
    float* m_x = nullptr;            // fp32 [T][hidden]
    uint16_t* m_normed = nullptr;    // [T][hidden]
    uint16_t* m_queries = nullptr;   // [T][heads][paddedHeadSize]
    uint16_t* m_attended = nullptr;  // [T][heads * headSize]
    uint16_t* m_hidden = nullptr;    // [T][ffn]
    float* m_logits = nullptr;       // [kLogitRows][vocab]
    float* m_partial = nullptr;      // attention's
    uint32_t* m_attentionTickets = nullptr;
    float* m_staging = nullptr;  // keys and values on their way to an int8 cache
    uint32_t* m_storeTickets = nullptr;
    int* m_pinnedStep = nullptr;      // as m_step
    float* m_pinnedLogits = nullptr;  // [kLogitRows][vocab]
    SampleState* m_sample = nullptr;
    SampleState* m_pinnedSample = nullptr;
    int* m_pinnedToken = nullptr;

    // Of one token, by the most positions and by whether the next token is chosen.
    std::map<std::pair<int, bool>, std::unique_ptr<Runtime::Recording>> m_recordings;
};

}  // namespace edgechat::inference::cuda
