// The seam between the forward path and the machine: eight fused operations and a KV cache. A backend keeps the
// activations of up to maxBatch() tokens; an operation reads and replaces them for the tokens that embed() took.
#pragma once

#include <cstdint>
#include <span>

#include "inference/model/checkpoint.h"
#include "inference/model/memory_plan.h"
#include "inference/result.h"

namespace edgechat::inference {

enum class NormRole { attention, mlp };

/// One thread calls all members. T = number of tokens of the last embed().
class Backend {
  public:
    virtual ~Backend() = default;

    virtual int maxBatch() const = 0;  ///< most tokens that one embed() takes
    virtual uint64_t weightBytes() const = 0;
    virtual uint64_t bytesPerToken() const = 0;  ///< weight bytes read to decode one token
    virtual int threads() const = 0;

    /// x[T, hidden] = rows of the embedding; the tokens stand at positions start, start+1, ...
    virtual void embed(std::span<const int> tokens, int start) = 0;
    /// xn[T, hidden] = norm(x)
    virtual void norm(int layer, NormRole role) = 0;
    /// q[T, heads, headSize] = rope(Wq xn); the cache at the tokens' positions = rope(Wk xn), Wv xn
    virtual void queryKeyValue(int layer) = 0;
    /// a[T, heads, headSize] = causal softmax(q k^T / sqrt(headSize)) v over all cached positions
    virtual void attend(int layer) = 0;
    /// x += Wo a
    virtual void project(int layer) = 0;
    /// h[T, ffn] = act(Wgate xn) * Wup xn
    virtual void mlpUp(int layer) = 0;
    /// x += Wdown h
    virtual void mlpDown(int layer) = 0;
    /// logits[count, vocab] = Whead norm(x) of the last `count` tokens
    virtual void head(int count, float* logits) = 0;
};

}  // namespace edgechat::inference
