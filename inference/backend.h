// The seam between the forward path and the machine: eight fused operations and a KV cache. A backend keeps
// the activations of up to maxBatch() tokens; an operation reads and replaces them for the tokens that
// embed() took.
#pragma once

#include <cstdint>
#include <span>

#include "inference/model/checkpoint.h"
#include "inference/model/memory_plan.h"
#include "inference/result.h"
#include "inference/sampling/sampler.h"

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

    /// The caller will go on at position `tokens` or at 0: how many of the first `tokens` positions it can go
    /// on from. That is `tokens`, or 0 where a sliding window let some be overwritten that the next token
    /// sees.
    virtual int reusable(int tokens) const = 0;

    /// x[T, hidden] = rows of the embedding; the tokens stand at positions start, start+1, ...
    virtual void embed(std::span<const int> tokens, int start) = 0;
    /// xn[T, hidden] = norm(x); xn stays where the layer's MLP has no norm of its own
    virtual void norm(int layer, NormRole role) = 0;
    /// q[T, heads, headSize] = rope(Wq xn); the cache at the tokens' positions = rope(Wk xn), Wv xn. Here and
    /// below a linear map adds its bias where it has one, and there is no rope in a model with ALiBi.
    virtual void queryKeyValue(int layer) = 0;
    /// a[T, heads, headSize] = causal softmax((q k^T + alibi) / sqrt(headSize)) v over the positions in the
    /// window
    virtual void attend(int layer) = 0;
    /// x += Wo a
    virtual void project(int layer) = 0;
    /// h[T, ffn] = act(Wgate xn) * Wup xn, or act(Wup xn) without a gate; divided by the activation scale if
    /// any
    virtual void mlpUp(int layer) = 0;
    /// x += Wdown h
    virtual void mlpDown(int layer) = 0;
    /// logits[count, vocab] = Whead norm(x) of the last `count` tokens. Null, with one token and after
    /// beginSampling(): the next token is chosen instead.
    virtual void head(int count, float* logits) = 0;

    /// All of the above for one token at a position, logits[vocab] or null as in head(), where the backend
    /// has it as one piece. False: it has not, and the operations are to be called.
    virtual bool step(int token, int position, float* logits) {
        static_cast<void>(token), static_cast<void>(position), static_cast<void>(logits);
        return false;
    }
    /// An answer begins whose tokens the backend chooses itself, as a Sampler with these options (a seed that
    /// is not 0) would. False: it cannot.
    virtual bool beginSampling(const SamplingOptions& options) {
        static_cast<void>(options);
        return false;
    }
    /// What was chosen by the last head() or step() without logits.
    virtual int chosenToken() const { return -1; }

    /// An error once the device has failed: then nothing that was computed since holds.
    virtual Result<void> status() const { return {}; }
};

}  // namespace edgechat::inference
