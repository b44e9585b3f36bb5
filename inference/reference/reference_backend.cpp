#include "inference/reference/reference_backend.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "inference/model/alibi.h"
#include "inference/model/rope.h"

namespace edgechat::inference::reference {
namespace {

// Sixteen running sums: the compiler may use vectors without being allowed to reorder anything else.
float dot(const float* a, const float* b, int64_t n) {
    float sums[16] = {};
    int64_t i = 0;
    for (; i + 16 <= n; i += 16) {
        for (int j = 0; j < 16; ++j) sums[j] += a[i + j] * b[i + j];
    }
    float total = 0;
    for (const float sum : sums) total += sum;
    for (; i < n; ++i) total += a[i] * b[i];
    return total;
}

float silu(float x) {
    return x / (1.0f + std::exp(-x));
}

float gelu(float x) {
    return x * (1.0f + std::erf(x / std::sqrt(2.0f))) / 2.0f;
}

}  // namespace

ReferenceBackend::ReferenceBackend(std::unique_ptr<Checkpoint> checkpoint, int threads, int context)
    : m_checkpoint(std::move(checkpoint)),
      m_config(m_checkpoint->config()),
      m_pool(threads),
      m_inverseFrequencies(ropeInverseFrequencies(m_config, context)),
      m_keys(static_cast<size_t>(m_config.layers)),
      m_values(static_cast<size_t>(m_config.layers)) {
    if (m_config.positions == PositionKind::alibi) m_slopes = alibiSlopes(m_config.heads);
}

Result<std::unique_ptr<ReferenceBackend>> ReferenceBackend::load(
    std::unique_ptr<Checkpoint> checkpoint, int threads, int context,
    const std::function<bool(uint64_t, uint64_t)>& progress) {
    std::unique_ptr<ReferenceBackend> backend(new ReferenceBackend(std::move(checkpoint), threads, context));
    const Checkpoint& file = *backend->m_checkpoint;
    std::optional<Error> failure;
    forEachTensor(file.tensors(), [&](const TensorInfo& tensor) {
        if (failure) return;
        if (Result<void> read = backend->keep(tensor); !read) {
            failure = read.error();
        } else if (progress && !progress(backend->m_weightBytes, file.fileBytes())) {
            failure = Error{ErrorCode::interrupted, "loading was stopped", file.path().string(), "", "", ""};
        }
    });
    if (failure) return *failure;
    return backend;
}

Result<void> ReferenceBackend::keep(const TensorInfo& tensor) {
    m_weightBytes += tensor.bytes;
    if (tensor.rows > 1) {
        Matrix& matrix = m_weights[tensor.name];
        matrix.resize(tensor.bytes);
        return m_checkpoint->readRows(tensor, 0, tensor.rows, matrix.data());
    }
    Result<std::vector<float>> vector = m_checkpoint->readVector(tensor);
    if (!vector) return vector.error();
    m_vectors[tensor.name] = std::move(*vector);
    return {};
}

const LayerTensors& ReferenceBackend::layerTensors(int layer) const {
    return m_checkpoint->tensors().layers[static_cast<size_t>(layer)];
}

/// y[T, rows] = or += x[T, columns] w[rows, columns]^T
void ReferenceBackend::multiply(const TensorInfo& w, const float* x, int tokens, float* y, bool add) {
    const std::byte* stored = m_weights.at(w.name).data();
    constexpr int kRows = 16;
    m_pool.parallelFor(static_cast<int>((w.rows + kRows - 1) / kRows), [&](int chunk, int) {
        std::vector<float> row(static_cast<size_t>(w.columns));
        for (int64_t r = int64_t{chunk} * kRows; r < std::min<int64_t>(w.rows, int64_t{chunk + 1} * kRows);
             ++r) {
            dequantizeRow(w, stored + static_cast<uint64_t>(r) * w.rowBytes(), row.data());
            for (int t = 0; t < tokens; ++t) {
                float& out = y[t * w.rows + r];
                const float product = dot(row.data(), x + t * w.columns, w.columns);
                out = add ? out + product : product;
            }
        }
    });
}

/// y[T, rows] = or += x W^T + b
void ReferenceBackend::apply(const LinearTensors& linear, const float* x, int tokens, float* y, bool add) {
    multiply(linear.weight, x, tokens, y, add);
    if (!linear.bias) return;
    const std::vector<float>& b = m_vectors.at(linear.bias->name);
    for (int t = 0; t < tokens; ++t, y += b.size()) {
        for (size_t i = 0; i < b.size(); ++i) y[i] += b[i];
    }
}

/// RMSNorm: out = x / sqrt(mean(x^2) + eps) * w. LayerNorm: out = (x - mean(x)) / sqrt(var(x) + eps) * w + b.
void ReferenceBackend::normalize(const float* x, const NormTensors& norm, int tokens, float* out) {
    const std::vector<float>& w = m_vectors.at(norm.weight.name);
    const std::vector<float>* b = norm.bias ? &m_vectors.at(norm.bias->name) : nullptr;
    const int n = m_config.hidden;
    std::vector<float> centred(static_cast<size_t>(n));
    for (int t = 0; t < tokens; ++t, x += n, out += n) {
        float mean = 0;
        if (m_config.norm == NormKind::layer) {
            for (int i = 0; i < n; ++i) mean += x[i] / static_cast<float>(n);
        }
        for (int i = 0; i < n; ++i) centred[static_cast<size_t>(i)] = x[i] - mean;
        const float variance = dot(centred.data(), centred.data(), n) / static_cast<float>(n);
        const float scale = 1.0f / std::sqrt(variance + m_config.normEps);
        for (size_t i = 0; i < centred.size(); ++i) {
            out[i] = centred[i] * scale * w[i] + (b != nullptr ? (*b)[i] : 0.0f);
        }
    }
}

/// Turns each pair of every head by position * frequency[i]; yarn makes it longer as well.
void ReferenceBackend::rope(float* x, int heads, int position) const {
    const int d = m_config.headSize;
    const float magnitude = ropeMagnitude(m_config.ropeScaling);
    const bool adjacent = m_config.ropePairs == RopePairs::adjacent;
    for (int head = 0; head < heads; ++head, x += d) {
        for (int i = 0; i < d / 2; ++i) {
            const float angle = static_cast<float>(position) * m_inverseFrequencies[static_cast<size_t>(i)];
            float& a = x[adjacent ? 2 * i : i];
            float& b = x[adjacent ? 2 * i + 1 : i + d / 2];
            const float cosine = std::cos(angle) * magnitude, sine = std::sin(angle) * magnitude;
            const float turned = a * cosine - b * sine;
            b = b * cosine + a * sine;
            a = turned;
        }
    }
}

void ReferenceBackend::embed(std::span<const int> tokens, int start) {
    m_tokens = static_cast<int>(tokens.size());
    m_start = start;
    m_x.resize(tokens.size() * static_cast<size_t>(m_config.hidden));
    m_xn.resize(m_x.size());
    const TensorInfo& embedding = m_checkpoint->tensors().embedding;
    const std::byte* stored = m_weights.at(embedding.name).data();
    for (size_t t = 0; t < tokens.size(); ++t) {
        dequantizeRow(embedding, stored + static_cast<uint64_t>(tokens[t]) * embedding.rowBytes(),
                      m_x.data() + t * static_cast<size_t>(m_config.hidden));
    }
}

void ReferenceBackend::norm(int layer, NormRole role) {
    const LayerTensors& w = layerTensors(layer);
    if (role == NormRole::attention) {
        normalize(m_x.data(), w.attentionNorm, m_tokens, m_xn.data());
    } else if (w.mlpNorm) {
        normalize(m_x.data(), *w.mlpNorm, m_tokens, m_xn.data());
    }
}

void ReferenceBackend::queryKeyValue(int layer) {
    const LayerTensors& w = layerTensors(layer);
    const size_t kvWidth = static_cast<size_t>(m_config.kvWidth());
    std::vector<float>& keys = m_keys[static_cast<size_t>(layer)];      // [context, kvHeads, headSize]
    std::vector<float>& values = m_values[static_cast<size_t>(layer)];  // [context, kvHeads, headSize]
    keys.resize(static_cast<size_t>(m_start + m_tokens) * kvWidth);
    values.resize(keys.size());
    m_q.resize(static_cast<size_t>(m_tokens) * static_cast<size_t>(m_config.queryWidth()));

    float* k = keys.data() + static_cast<size_t>(m_start) * kvWidth;    // [T, kvHeads, headSize]
    float* v = values.data() + static_cast<size_t>(m_start) * kvWidth;  // [T, kvHeads, headSize]
    apply(w.query, m_xn.data(), m_tokens, m_q.data(), false);
    apply(w.key, m_xn.data(), m_tokens, k, false);
    apply(w.value, m_xn.data(), m_tokens, v, false);
    if (m_config.positions == PositionKind::alibi) return;
    for (int t = 0; t < m_tokens; ++t) {
        rope(m_q.data() + static_cast<size_t>(t) * static_cast<size_t>(m_config.queryWidth()), m_config.heads,
             m_start + t);
        rope(k + static_cast<size_t>(t) * kvWidth, m_config.kvHeads, m_start + t);
    }
}

void ReferenceBackend::attend(int layer) {
    const int d = m_config.headSize;
    const int group = m_config.heads / m_config.kvHeads;  // query heads that share one key/value head
    const float scale = 1.0f / std::sqrt(static_cast<float>(d));
    const float* keys = m_keys[static_cast<size_t>(layer)].data();
    const float* values = m_values[static_cast<size_t>(layer)].data();
    m_a.resize(m_q.size());
    m_pool.parallelFor(m_tokens * m_config.heads, [&](int index, int) {
        const int t = index / m_config.heads, head = index % m_config.heads;
        const int last = m_start + t;  // sees the positions first .. last
        const int first = m_config.slidingWindow > 0 ? std::max(0, last - m_config.slidingWindow + 1) : 0;
        const float* q = m_q.data() + static_cast<size_t>(index) * static_cast<size_t>(d);  // [headSize]
        float* a = m_a.data() + static_cast<size_t>(index) * static_cast<size_t>(d);        // [headSize]
        std::vector<float> p(static_cast<size_t>(last - first + 1));  // scores, then weights
        const auto row = [&](const float* cache, int s) {
            return cache + (static_cast<size_t>(s) * static_cast<size_t>(m_config.kvHeads) +
                            static_cast<size_t>(head / group)) *
                               static_cast<size_t>(d);
        };
        for (int s = first; s <= last; ++s) {
            const float bias = m_slopes.empty() ? 0.0f : alibiBias(m_slopes[static_cast<size_t>(head)], s);
            p[static_cast<size_t>(s - first)] = (dot(q, row(keys, s), d) + bias) * scale;
        }
        const float maximum = *std::max_element(p.begin(), p.end());
        float sum = 0;
        for (float& weight : p) sum += weight = std::exp(weight - maximum);
        std::fill_n(a, d, 0.0f);
        for (int s = first; s <= last; ++s) {
            const float* v = row(values, s);
            for (int i = 0; i < d; ++i) a[i] += p[static_cast<size_t>(s - first)] / sum * v[i];
        }
    });
}

void ReferenceBackend::project(int layer) {
    apply(layerTensors(layer).output, m_a.data(), m_tokens, m_x.data(), true);
}

void ReferenceBackend::mlpUp(int layer) {
    const LayerTensors& w = layerTensors(layer);
    m_h.resize(static_cast<size_t>(m_tokens) * static_cast<size_t>(m_config.ffn));
    m_up.resize(m_h.size());
    apply(w.up, m_xn.data(), m_tokens, m_up.data(), false);
    const auto act = m_config.activation == Activation::silu ? silu : gelu;
    if (m_config.gatedMlp) {
        apply(*w.gate, m_xn.data(), m_tokens, m_h.data(), false);
        for (size_t i = 0; i < m_h.size(); ++i) m_h[i] = act(m_h[i]) * m_up[i];
    } else {
        for (size_t i = 0; i < m_h.size(); ++i) m_h[i] = act(m_up[i]);
    }
    if (w.activationScale) {
        const std::vector<float>& scale = m_vectors.at(w.activationScale->name);  // [ffn]
        for (size_t i = 0; i < m_h.size(); ++i) m_h[i] /= scale[i % scale.size()];
    }
}

void ReferenceBackend::mlpDown(int layer) {
    apply(layerTensors(layer).down, m_h.data(), m_tokens, m_x.data(), true);
}

void ReferenceBackend::head(int count, float* logits) {
    const ModelTensors& w = m_checkpoint->tensors();
    const float* x =
        m_x.data() + static_cast<size_t>(m_tokens - count) * static_cast<size_t>(m_config.hidden);
    normalize(x, w.outputNorm, count, m_xn.data());
    if (w.head) {
        apply(*w.head, m_xn.data(), count, logits, false);
    } else {
        multiply(w.embedding, m_xn.data(), count, logits, false);
    }
}

}  // namespace edgechat::inference::reference
