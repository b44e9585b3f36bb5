#include "inference/cpu/cpu_backend.h"

#include <algorithm>
#include <cmath>

#include "inference/model/alibi.h"
#include "inference/model/rope.h"

namespace edgechat::inference::cpu {
namespace {

constexpr int kMaxBatch = kBatchTokens;
constexpr int kMaxAttentionRows = 96;  // of one task: their running outputs stay in the second-level cache
constexpr int kMaxSplitRows = 32;      // of several tokens whose segments are attended to apart

int tokensPerTask(const ModelConfig& config) {
    return std::clamp(kMaxAttentionRows / (config.heads / config.kvHeads), 1, 64);
}

/// Tiles that one claim takes: small enough to share evenly, large enough that claiming costs nothing.
int tilesPerChunk(int tiles, int threads) {
    return std::clamp(tiles / (threads * 6), 1, 32);
}

int chunksOf(int count, int chunk) {
    return (count + chunk - 1) / chunk;
}

}  // namespace

CpuBackend::CpuBackend(const ModelConfig& config, const CpuOptions& options, const Kernels& kernels)
    : m_config(config),
      m_kernels(kernels),
      m_pool(options.threads),
      m_cache(config, options.context, options.kv),
      m_ropeMagnitude(ropeMagnitude(config.ropeScaling)) {
    if (config.positions == PositionKind::rope) {
        m_inverseFrequencies = ropeInverseFrequencies(config, options.context);
    } else {
        m_biasStride = (options.context + kAttentionBlock - 1) / kAttentionBlock * kAttentionBlock;
        const float scale = 1.0f / std::sqrt(static_cast<float>(config.headSize));
        for (const float slope : alibiSlopes(config.heads)) {
            for (int p = 0; p < m_biasStride; ++p) m_biases.push_back(alibiBias(slope, p) * scale);
        }
    }
    m_x.resize(static_cast<size_t>(kMaxBatch) * config.hidden);
    m_normed.resize(kMaxBatch, config.hidden);
    m_qkv.resize(static_cast<size_t>(kMaxBatch) * (config.queryWidth() + 2 * config.kvWidth()));
    m_attended.resize(kMaxBatch, config.queryWidth());
    m_hidden.resize(kMaxBatch, config.ffn);
    m_final.resize(kMaxBatch, config.hidden);
    m_cosines.resize(static_cast<size_t>(kMaxBatch) * m_inverseFrequencies.size());
    m_sines.resize(m_cosines.size());
    const int rows = tokensPerTask(config) * (config.heads / config.kvHeads);
    m_scratch.assign(static_cast<size_t>(m_pool.threads()),
                     std::vector<float>(static_cast<size_t>(attentionScratchFloats(config.headSize, rows))));
}

Result<std::unique_ptr<CpuBackend>> CpuBackend::load(
    const Checkpoint& checkpoint, const CpuOptions& options,
    const std::function<bool(uint64_t, uint64_t)>& progress) {
    if (checkpoint.config().headSize > kMaxHeadSize) {
        return Error{ErrorCode::badInput,
                     "cannot run",
                     checkpoint.path().string(),
                     "head size",
                     std::to_string(checkpoint.config().headSize),
                     "at most " + std::to_string(kMaxHeadSize)};
    }
    const Kernels& kernels = options.kernels != nullptr ? *options.kernels : *usableKernels().front();
    std::unique_ptr<CpuBackend> backend(new CpuBackend(checkpoint.config(), options, kernels));
    if (!backend->m_cache.allocated()) {
        return Error{ErrorCode::doesNotFit,
                     "cannot take memory for a context of",
                     "",
                     "",
                     std::to_string(options.context) + " tokens",
                     "a smaller context"};
    }
    Result<Weights> weights = Weights::load(checkpoint, kernels.tileRows, backend->m_pool, progress);
    if (!weights) return weights.error();
    backend->m_weights = std::move(*weights);
    if (backend->m_weights.hasInt8()) {
        for (Operand* operand :
             {&backend->m_normed, &backend->m_attended, &backend->m_hidden, &backend->m_final}) {
            operand->addTokenForm();
        }
    }
    return backend;
}

int CpuBackend::maxBatch() const {
    return kMaxBatch;
}

uint64_t CpuBackend::bytesPerToken() const {
    uint64_t bytes = m_weights.head.matrix.bytes();
    for (const LayerWeights& layer : m_weights.layers) {
        for (const Linear* linear :
             {&layer.query, &layer.key, &layer.value, &layer.output, &layer.gate, &layer.up, &layer.down}) {
            if (linear->matrix.data != nullptr) bytes += linear->matrix.bytes();
        }
    }
    return bytes;
}

uint64_t CpuBackend::scratchBytes() const {
    uint64_t bytes = 0;
    for (const Operand* operand : {&m_normed, &m_attended, &m_hidden, &m_final}) bytes += operand->bytes();
    for (const std::vector<float>* floats : {&m_x, &m_qkv, &m_cosines, &m_sines, &m_states, &m_biases}) {
        bytes += floats->size() * sizeof(float);
    }
    for (const std::vector<float>& worker : m_scratch) bytes += worker.size() * sizeof(float);
    return bytes;
}

int CpuBackend::reusable(int tokens) const {
    if (m_config.slidingWindow <= 0) return tokens;
    // A slot holds the highest position that was written to it, also after the text was cut back.
    const int oldestSeen = std::max(0, tokens - m_config.slidingWindow + 1);
    return oldestSeen >= m_written - m_cache.capacity() ? tokens : 0;
}

/// One token is done at once by the caller; more are shared out.
template <class Body>
void CpuBackend::forEachToken(int tokens, Body body) {
    const int chunk = std::max(1, tokens / (m_pool.threads() * 4));
    m_pool.parallelFor(chunksOf(tokens, chunk), [&](int index, int) {
        for (int token = index * chunk; token < std::min(tokens, (index + 1) * chunk); ++token) body(token);
    });
}

void CpuBackend::normInto(const float* x, const Norm& norm, Operand& out, int tokens, OperandForms forms) {
    forEachToken(tokens, [&](int token) {
        const size_t offset = static_cast<size_t>(token) * m_config.hidden;
        float* to = out.dense.data() + offset;
        if (m_config.norm == NormKind::rms) {
            m_kernels.rmsNorm(x + offset, norm.weight, m_config.hidden, m_config.normEps, to);
        } else {
            m_kernels.layerNorm(x + offset, norm.weight, norm.bias, m_config.hidden, m_config.normEps, to);
        }
        out.quantize(m_kernels, token, forms);
    });
}

/// The tile's rows of every token, with their bias, at out[token * outStride].
void CpuBackend::multiplyTile(const Linear& linear, int tile, const Activations& in, float* out,
                              int outStride, bool accumulate) {
    const PackedMatrix& matrix = linear.matrix;
    m_kernels.multiplyTile(matrix, tile, in, out, outStride, accumulate);
    if (linear.bias == nullptr) return;
    const float* bias = linear.bias + tile * matrix.tileRows;
    const int rows = std::min(matrix.tileRows, matrix.rows - tile * matrix.tileRows);
    for (int t = 0; t < in.tokens; ++t) {
        float* row = out + static_cast<size_t>(t) * outStride;
        for (int r = 0; r < rows; ++r) row[r] += bias[r];
    }
}

void CpuBackend::multiply(const Linear& linear, const Activations& in, float* out, int outStride,
                          bool accumulate) {
    const int tiles = linear.matrix.tiles(), tileRows = linear.matrix.tileRows;
    const int chunk = tilesPerChunk(tiles, m_pool.threads());
    m_pool.parallelFor(chunksOf(tiles, chunk), [&](int index, int) {
        for (int tile = index * chunk; tile < std::min(tiles, (index + 1) * chunk); ++tile) {
            multiplyTile(linear, tile, in, out + tile * tileRows, outStride, accumulate);
        }
    });
}

void CpuBackend::embed(std::span<const int> tokens, int start) {
    m_tokens = static_cast<int>(tokens.size());
    m_start = start;
    m_written = start == 0 ? m_tokens : std::max(m_written, start + m_tokens);
    const size_t pairs = m_inverseFrequencies.size();
    for (int t = 0; t < m_tokens; ++t) {
        unpackRow(m_weights.embedding, tokens[static_cast<size_t>(t)],
                  m_x.data() + static_cast<size_t>(t) * m_config.hidden);
        for (size_t i = 0; i < pairs; ++i) {
            const float angle = static_cast<float>(start + t) * m_inverseFrequencies[i];
            m_cosines[static_cast<size_t>(t) * pairs + i] = std::cos(angle) * m_ropeMagnitude;
            m_sines[static_cast<size_t>(t) * pairs + i] = std::sin(angle) * m_ropeMagnitude;
        }
    }
}

void CpuBackend::norm(int layer, NormRole role) {
    const LayerWeights& weights = m_weights.layers[static_cast<size_t>(layer)];
    const Norm& norm = role == NormRole::attention ? weights.attentionNorm : weights.mlpNorm;
    if (norm.weight == nullptr) return;
    // Without a norm of its own (parallel residual) the MLP reads what attention does.
    OperandForms forms;
    if (role == NormRole::mlp) {
        forms = OperandForms::of({&weights.gate, &weights.up});
    } else if (weights.mlpNorm.weight != nullptr) {
        forms = OperandForms::of({&weights.query, &weights.key, &weights.value});
    } else {
        forms = OperandForms::of({&weights.query, &weights.key, &weights.value, &weights.gate, &weights.up});
    }
    normInto(m_x.data(), norm, m_normed, m_tokens, forms);
}

void CpuBackend::queryKeyValue(int layer) {
    const LayerWeights& weights = m_weights.layers[static_cast<size_t>(layer)];
    const int width = m_config.queryWidth() + 2 * m_config.kvWidth();
    struct Part {
        const Linear* linear;
        int firstColumn;
    };
    const Part parts[] = {{&weights.query, 0},
                          {&weights.key, m_config.queryWidth()},
                          {&weights.value, m_config.queryWidth() + m_config.kvWidth()}};
    int tiles = 0;
    for (const Part& part : parts) tiles += part.linear->matrix.tiles();
    const Activations in = m_normed.view(m_tokens);
    const int chunk = tilesPerChunk(tiles, m_pool.threads());
    m_pool.parallelFor(chunksOf(tiles, chunk), [&](int index, int) {
        for (int i = index * chunk; i < std::min(tiles, (index + 1) * chunk); ++i) {
            int tile = i;
            const Part* part = parts;
            while (tile >= part->linear->matrix.tiles()) tile -= part++->linear->matrix.tiles();
            multiplyTile(*part->linear, tile, in,
                         m_qkv.data() + part->firstColumn + tile * m_kernels.tileRows, width, false);
        }
    });
    forEachToken(m_tokens, [&](int token) { ropeAndStore(layer, token); });
}

void CpuBackend::turn(float* x, int heads, int token) {
    const size_t pairs = static_cast<size_t>(token) * m_inverseFrequencies.size();
    const auto rope =
        m_config.ropePairs == RopePairs::adjacent ? m_kernels.ropeAdjacent : m_kernels.ropeHalves;
    rope(x, heads, m_config.headSize, m_cosines.data() + pairs, m_sines.data() + pairs);
}

void CpuBackend::ropeAndStore(int layer, int token) {
    const int headSize = m_config.headSize;
    float* query =
        m_qkv.data() + static_cast<size_t>(token) * (m_config.queryWidth() + 2 * m_config.kvWidth());
    float* key = query + m_config.queryWidth();
    const float* value = key + m_config.kvWidth();
    if (m_config.positions == PositionKind::rope) {
        turn(query, m_config.heads, token);
        turn(key, m_config.kvHeads, token);
    }
    m_kernels.scale(query, 1.0f / std::sqrt(static_cast<float>(headSize)), m_config.queryWidth());
    for (int head = 0; head < m_config.kvHeads; ++head) {
        m_kernels.storeKv(key + head * headSize, value + head * headSize, headSize,
                          m_cache.slot(layer, head, m_start + token));
    }
}

void CpuBackend::attend(int layer) {
    const int group = m_config.heads / m_config.kvHeads;
    const int padded = paddedHead(m_config.headSize);
    const int perTask = tokensPerTask(m_config);
    const int blocks = chunksOf(m_tokens, perTask);
    // Segments lie at fixed positions, so that a result does not depend on where a chunk begins.
    const auto segmentOfFirstKey = [&](int position) {
        const int window = m_config.slidingWindow;
        return window > 0 ? std::max(0, position - window + 1) / kAttentionSegment : 0;
    };
    const int firstSegment = segmentOfFirstKey(m_start);
    const int segments = chunksOf(m_start + m_tokens, kAttentionSegment) - firstSegment;
    // A few tokens against a long context: a task for each segment of keys, merged in order afterwards.
    // Otherwise a task walks through its segments itself. Both give the same numbers.
    const bool split = blocks == 1 && segments > 1 && (m_tokens == 1 || m_tokens * group <= kMaxSplitRows);
    const int tasksPerHead = split ? segments : blocks;
    const int tasks = m_config.kvHeads * tasksPerHead;
    const int rows = std::min(perTask, m_tokens) * group;
    const size_t stateFloats = static_cast<size_t>(rows) * (padded + 2);
    if (m_states.size() < stateFloats * static_cast<size_t>(tasks))
        m_states.resize(stateFloats * static_cast<size_t>(tasks));
    const auto stateOf = [&](int task) {
        float* memory = m_states.data() + stateFloats * static_cast<size_t>(task);
        return AttentionState{memory, memory + rows, memory + 2 * rows};
    };
    const int width = m_config.queryWidth() + 2 * m_config.kvWidth();

    m_pool.parallelFor(tasks, [&](int index, int worker) {
        AttentionTask task;
        task.kv = m_cache.view(layer);
        task.kvHead = index / tasksPerHead;
        const int part = index % tasksPerHead;
        const int firstToken = split ? 0 : part * perTask;
        task.headSize = m_config.headSize;
        task.group = group;
        task.queries =
            m_qkv.data() + static_cast<size_t>(firstToken) * width + task.kvHead * group * m_config.headSize;
        task.queryStride = width;
        task.tokens = std::min(perTask, m_tokens - firstToken);
        task.firstPosition = m_start + firstToken;
        task.window = m_config.slidingWindow;
        task.firstSegment = split ? firstSegment + part : segmentOfFirstKey(task.firstPosition);
        task.segments =
            split ? 1 : chunksOf(task.firstPosition + task.tokens, kAttentionSegment) - task.firstSegment;
        if (!m_biases.empty()) {
            task.biases = m_biases.data() + static_cast<size_t>(task.kvHead * group) * m_biasStride;
            task.biasStride = m_biasStride;
        }
        task.scratch = m_scratch[static_cast<size_t>(worker)].data();
        task.state = stateOf(index);
        std::fill_n(task.state.maxima, rows, kNoMaximum);
        std::fill_n(task.state.sums, static_cast<size_t>(rows) * (padded + 1), 0.0f);
        m_kernels.attend(task);
        if (!split) finishAttention(task.state, firstToken, task.tokens, task.kvHead);
    });
    if (split) {
        for (int head = 0; head < m_config.kvHeads; ++head) {
            const AttentionState total = stateOf(head * segments);
            for (int segment = 1; segment < segments; ++segment) {
                m_kernels.mergeAttention(stateOf(head * segments + segment), total, rows, m_config.headSize);
            }
            finishAttention(total, 0, m_tokens, head);
        }
    }
    const OperandForms forms = OperandForms::of({&m_weights.layers[static_cast<size_t>(layer)].output});
    forEachToken(m_tokens, [&](int token) { m_attended.quantize(m_kernels, token, forms); });
}

void CpuBackend::finishAttention(const AttentionState& state, int firstToken, int tokens, int kvHead) {
    const int group = m_config.heads / m_config.kvHeads;
    const int headSize = m_config.headSize;
    for (int row = 0; row < tokens * group; ++row) {
        const float* in = state.outputs + static_cast<size_t>(row) * paddedHead(headSize);
        float* out = m_attended.dense.data() +
                     static_cast<size_t>(firstToken + row / group) * m_attended.columns +
                     (kvHead * group + row % group) * headSize;
        const float factor = 1.0f / state.sums[row];
        for (int d = 0; d < headSize; ++d) out[d] = in[d] * factor;
    }
}

void CpuBackend::project(int layer) {
    multiply(m_weights.layers[static_cast<size_t>(layer)].output, m_attended.view(m_tokens), m_x.data(),
             m_config.hidden, true);
}

void CpuBackend::mlpUp(int layer) {
    const LayerWeights& weights = m_weights.layers[static_cast<size_t>(layer)];
    const Activations in = m_normed.view(m_tokens);
    const int tiles = weights.up.matrix.tiles();
    const int chunk = tilesPerChunk(tiles, m_pool.threads());
    m_pool.parallelFor(chunksOf(tiles, chunk), [&](int index, int) {
        for (int tile = index * chunk; tile < std::min(tiles, (index + 1) * chunk); ++tile)
            activateTile(weights, tile, in);
    });
    const OperandForms forms = OperandForms::of({&weights.down});
    forEachToken(m_tokens, [&](int token) { m_hidden.quantize(m_kernels, token, forms); });
}

/// The tile's rows of h for every token.
void CpuBackend::activateTile(const LayerWeights& weights, int tile, const Activations& in) {
    const int tileRows = m_kernels.tileRows, ffn = m_config.ffn;
    const int rows = std::min(tileRows, ffn - tile * tileRows);
    const auto activate =
        m_config.activation == Activation::silu ? m_kernels.siluMultiply : m_kernels.geluMultiply;
    float up[kMaxBatch * kTileRows];
    float* h = m_hidden.dense.data() + tile * tileRows;
    multiplyTile(m_config.gatedMlp ? weights.gate : weights.up, tile, in, h, ffn, false);
    if (m_config.gatedMlp) multiplyTile(weights.up, tile, in, up, tileRows, false);
    for (int t = 0; t < m_tokens; ++t, h += ffn) {
        activate(h, m_config.gatedMlp ? up + t * tileRows : nullptr, rows);
        if (weights.activationScale == nullptr) continue;
        for (int r = 0; r < rows; ++r) h[r] /= weights.activationScale[tile * tileRows + r];
    }
}

void CpuBackend::mlpDown(int layer) {
    multiply(m_weights.layers[static_cast<size_t>(layer)].down, m_hidden.view(m_tokens), m_x.data(),
             m_config.hidden, true);
}

void CpuBackend::head(int count, float* logits) {
    normInto(m_x.data() + static_cast<size_t>(m_tokens - count) * m_config.hidden, m_weights.outputNorm,
             m_final, count, OperandForms::of({&m_weights.head}));
    multiply(m_weights.head, m_final.view(count), logits, m_config.vocab, false);
}

}  // namespace edgechat::inference::cpu
