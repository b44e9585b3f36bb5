#include "quant/layer_forward.h"

#include <algorithm>
#include <cmath>

#include "inference/model/alibi.h"
#include "inference/model/rope.h"
#include "quant/int8_rounding.h"

namespace edgechat::quant {

using inference::Activation;
using inference::ModelConfig;
using inference::NormKind;
using inference::PositionKind;
using inference::RopePairs;

namespace {

constexpr int64_t kTileFloats = 4 << 20;  // of an expanded matrix: 16 MiB

/// What the inputs of a window weigh: the roots of values, within a hundredth and a hundred times their mean.
void toWeights(float* values, int64_t count) {
    double mean = 0;
    for (int64_t i = 0; i < count; ++i) {
        values[i] = std::sqrt(values[i]);
        mean += static_cast<double>(values[i]) / static_cast<double>(count);
    }
    const auto middle = static_cast<float>(mean);
    if (!(middle > 0) || !std::isfinite(middle)) {
        std::fill_n(values, count, 1.0f);
        return;
    }
    for (int64_t i = 0; i < count; ++i) values[i] = std::clamp(values[i], 0.01f * middle, 100 * middle);
}

}  // namespace

int64_t windowsAtOnce(int window) {
    return std::max<int64_t>(1, kTokensAtOnce / window);
}

InputSite siteOf(LinearRole role, bool mlpHasNorm) {
    switch (role) {
        case LinearRole::output:
            return InputSite::output;
        case LinearRole::down:
            return InputSite::down;
        case LinearRole::gate:
        case LinearRole::up:
            return mlpHasNorm ? InputSite::mlp : InputSite::attention;
        default:
            return InputSite::attention;
    }
}

std::vector<LinearRole> rolesAt(const LayerWeights& layer, InputSite site) {
    std::vector<LinearRole> roles;
    for (const LinearRole role : kLinearRoles) {
        if (layer.has(role) && siteOf(role, layer.mlpNorm.has_value()) == site) roles.push_back(role);
    }
    return roles;
}

LayerForward::LayerForward(const ModelConfig& config, int window, inference::cpu::ThreadPool& pool,
                           DenseProduct& product)
    : m_config(config), m_window(window), m_pool(pool), m_product(product) {
    if (config.positions == PositionKind::alibi) {
        m_slopes = inference::alibiSlopes(config.heads);
        return;
    }
    const std::vector<float> frequencies = inference::ropeInverseFrequencies(config, window);
    const float magnitude = inference::ropeMagnitude(config.ropeScaling);
    for (int position = 0; position < window; ++position) {
        for (const float frequency : frequencies) {
            const float angle = static_cast<float>(position) * frequency;
            m_cosines.push_back(std::cos(angle) * magnitude);
            m_sines.push_back(std::sin(angle) * magnitude);
        }
    }
}

int64_t LayerForward::scratchFloats(const ModelConfig& config, int window) {
    const int64_t tokens = windowsAtOnce(window) * window;
    const int64_t group = config.heads / std::max(config.kvHeads, 1);
    return tokens * (config.hidden + 2 * config.queryWidth() + 2 * config.kvWidth() + 2 * config.ffn + 3) +
           kTileFloats + static_cast<int64_t>(window) * window * group;
}

/// As ReferenceBackend::normalize.
void LayerForward::normalize(const float* x, const OutputNorm& norm, int64_t tokens, float* out) const {
    const int n = m_config.hidden;
    constexpr int64_t kTokens = 16;
    m_pool.parallelFor(static_cast<int>((tokens + kTokens - 1) / kTokens), [&](int chunk, int) {
        for (int64_t t = chunk * kTokens; t < std::min(tokens, (chunk + 1) * kTokens); ++t) {
            const float* in = x + t * n;
            float* to = out + t * n;
            double mean = 0, squares = 0;
            if (m_config.norm == NormKind::layer) {
                for (int i = 0; i < n; ++i) mean += static_cast<double>(in[i]);
                mean /= n;
            }
            for (int i = 0; i < n; ++i)
                squares += (static_cast<double>(in[i]) - mean) * (static_cast<double>(in[i]) - mean);
            const auto scale =
                static_cast<float>(1 / std::sqrt(squares / n + static_cast<double>(m_config.normEps)));
            const auto centre = static_cast<float>(mean);
            for (int i = 0; i < n; ++i) {
                const auto index = static_cast<size_t>(i);
                to[i] = (in[i] - centre) * scale * norm.weight[index] +
                        (norm.bias.empty() ? 0.0f : norm.bias[index]);
            }
        }
    });
}

/// y[T, rows] = or += x[T, columns] W^T + b, W expanded in tiles of rows.
void LayerForward::apply(const DenseLinear& linear, const float* x, int64_t tokens, float* y, bool add) {
    const int64_t rows = linear.rows(), columns = linear.columns();
    if (linear.info.type == inference::TensorType::int8) {
        // W8A8: the engine rounds each token's inputs to 8 bits.
        m_rounded.assign(x, x + tokens * columns);
        m_pool.parallelFor(static_cast<int>(tokens), [&](int t, int) {
            roundToInt8(m_rounded.data() + t * columns, columns, nullptr);
        });
        x = m_rounded.data();
    }
    const int64_t rowsAtOnce = std::clamp<int64_t>(kTileFloats / columns, 1, rows);
    m_tile.resize(static_cast<size_t>(rowsAtOnce * columns));
    for (int64_t first = 0; first < rows; first += rowsAtOnce) {
        const int64_t count = std::min(rowsAtOnce, rows - first);
        linear.expand(first, count, m_tile.data(), m_pool);
        m_product.timesTransposed(MatrixView(x, tokens, columns), MatrixView(m_tile.data(), count, columns),
                                  1, add ? 1.0f : 0.0f, y + first, rows);
    }
    if (linear.bias.empty()) return;
    for (int64_t t = 0; t < tokens; ++t) {
        for (int64_t i = 0; i < rows; ++i) y[t * rows + i] += linear.bias[static_cast<size_t>(i)];
    }
}

void LayerForward::rope(float* x, int heads, int64_t tokens) const {
    const int d = m_config.headSize, half = d / 2;
    const bool adjacent = m_config.ropePairs == RopePairs::adjacent;
    m_pool.parallelFor(static_cast<int>(tokens), [&](int t, int) {
        const size_t position = static_cast<size_t>(t % m_window) * static_cast<size_t>(half);
        float* head = x + static_cast<int64_t>(t) * heads * d;
        for (int h = 0; h < heads; ++h, head += d) {
            for (int i = 0; i < half; ++i) {
                float& a = head[adjacent ? 2 * i : i];
                float& b = head[adjacent ? 2 * i + 1 : i + half];
                const float cosine = m_cosines[position + static_cast<size_t>(i)];
                const float sine = m_sines[position + static_cast<size_t>(i)];
                const float turned = a * cosine - b * sine;
                b = b * cosine + a * sine;
                a = turned;
            }
        }
    });
}

/// m_weights: the inverse of the length of each token's residual stream.
void LayerForward::weigh(const float* residual, int64_t tokens) {
    const int64_t n = m_config.hidden;
    m_weights.resize(static_cast<size_t>(tokens));
    m_pool.parallelFor(static_cast<int>(tokens / m_window), [&](int window, int) {
        float* weights = m_weights.data() + int64_t{window} * m_window;
        for (int64_t t = 0; t < m_window; ++t) {
            const float* x = residual + (int64_t{window} * m_window + t) * n;
            double squares = 0;
            for (int64_t i = 0; i < n; ++i) squares += static_cast<double>(x[i]) * static_cast<double>(x[i]);
            weights[t] = squares > 0 ? static_cast<float>(static_cast<double>(n) / squares) : 0;
        }
        toWeights(weights, m_window);
    });
}

/// Adds to the sums of a window's keys and values what the heads of one key head attend to.
/// @param first  the window's first token
/// @param scores  attention weights [heads of the key head, window, window]
void LayerForward::weighAttended(int64_t first, const float* scores) {
    constexpr int64_t kTokens = 64;
    const int64_t L = m_window, rows = L * (m_config.heads / m_config.kvHeads);
    m_pool.parallelFor(static_cast<int>((L + kTokens - 1) / kTokens), [&](int chunk, int) {
        const int64_t from = chunk * kTokens, to = std::min(L, from + kTokens);
        float* keys = m_keyWeights.data() + first;
        float* values = m_valueWeights.data() + first;
        for (int64_t row = 0; row < rows; ++row) {
            const float weight = m_weights[static_cast<size_t>(first + row % L)];
            const float* a = scores + row * L;
            for (int64_t s = from; s < std::min(to, row % L + 1); ++s) {
                const float attended = a[s] * weight, apart = attended * (1 - a[s]);
                values[s] += attended * attended;
                keys[s] += apart * apart;
            }
        }
    });
}

/// a[T, heads, d] = causal softmax(q k^T / sqrt d) v within each window.
/// @param weigh  whether m_keyWeights and m_valueWeights are wanted
void LayerForward::attend(int64_t tokens, bool weigh) {
    const int d = m_config.headSize, heads = m_config.heads, kvHeads = m_config.kvHeads;
    const int group = heads / kvHeads;
    const float scale = 1.0f / std::sqrt(static_cast<float>(d));
    const int64_t L = m_window;
    std::vector<float> scores(static_cast<size_t>(L * L * group));
    if (weigh) {
        m_keyWeights.assign(static_cast<size_t>(tokens), 0.0f);
        m_valueWeights.assign(static_cast<size_t>(tokens), 0.0f);
    }
    for (int64_t first = 0; first < tokens; first += L) {
        for (int kvHead = 0; kvHead < kvHeads; ++kvHead) {
            const float* keys = m_k.data() + (first * kvHeads + kvHead) * d;
            const float* values = m_v.data() + (first * kvHeads + kvHead) * d;
            for (int g = 0; g < group; ++g) {
                const float* queries = m_q.data() + (first * heads + kvHead * group + g) * d;
                m_product.timesTransposed(MatrixView(queries, L, d, static_cast<int64_t>(heads) * d),
                                          MatrixView(keys, L, d, static_cast<int64_t>(kvHeads) * d), scale, 0,
                                          scores.data() + g * L * L, L);
            }
            m_pool.parallelFor(static_cast<int>(L * group), [&](int index, int) {
                float* row = scores.data() + static_cast<int64_t>(index) * L;
                const int t = static_cast<int>(index % L);
                const int from = m_config.slidingWindow > 0 ? std::max(0, t - m_config.slidingWindow + 1) : 0;
                if (!m_slopes.empty()) {
                    const float slope =
                        m_slopes[static_cast<size_t>(kvHead * group + index / static_cast<int>(L))];
                    for (int s = from; s <= t; ++s) row[s] += inference::alibiBias(slope, s) * scale;
                }
                const float maximum = *std::max_element(row + from, row + t + 1);
                float sum = 0;
                for (int s = from; s <= t; ++s) sum += row[s] = std::exp(row[s] - maximum);
                const float inverse = 1 / sum;
                std::fill(row, row + from, 0.0f);
                for (int s = from; s <= t; ++s) row[s] *= inverse;
                std::fill(row + t + 1, row + L, 0.0f);
            });
            for (int g = 0; g < group; ++g) {
                float* out = m_a.data() + (first * heads + kvHead * group + g) * d;
                m_product.times(MatrixView(scores.data() + g * L * L, L, L),
                                MatrixView(values, L, d, static_cast<int64_t>(kvHeads) * d), 1, 0, out,
                                static_cast<int64_t>(heads) * d);
            }
            if (weigh) weighAttended(first, scores.data());
        }
        if (weigh) {
            toWeights(m_keyWeights.data() + first, L);
            toWeights(m_valueWeights.data() + first, L);
        }
    }
}

void LayerForward::head(const OutputNorm& norm, const DenseLinear& head, const float* x, int64_t tokens,
                        float* logits) {
    m_xn.resize(std::max(m_xn.size(), static_cast<size_t>(tokens * m_config.hidden)));
    normalize(x, norm, tokens, m_xn.data());
    apply(head, m_xn.data(), tokens, logits, false);
}

bool LayerForward::run(const LayerWeights& layer, int64_t windows, float* x, const InputVisitor& visitor,
                       InputWeights weights) {
    const bool weighted = weights == InputWeights::effect && visitor;
    const auto visit = [&](InputSite site, const std::vector<float>& x, int64_t tokens, int64_t size,
                           int64_t firstToken) {
        if (!visitor) return;
        SiteInputs inputs{site, MatrixView(x.data(), tokens, size), firstToken, {}};
        if (weighted) {
            inputs.weights = site == InputSite::key     ? m_keyWeights
                             : site == InputSite::value ? m_valueWeights
                                                        : m_weights;
        }
        visitor(inputs);
    };
    const int64_t hidden = m_config.hidden, ffn = m_config.ffn;
    const int64_t most = std::min(windows, windowsAtOnce(m_window)) * m_window;
    m_xn.resize(static_cast<size_t>(most * hidden));
    m_q.resize(static_cast<size_t>(most * m_config.queryWidth()));
    m_a.resize(m_q.size());
    m_k.resize(static_cast<size_t>(most * m_config.kvWidth()));
    m_v.resize(m_k.size());
    m_h.resize(static_cast<size_t>(most * ffn));
    if (m_config.gatedMlp) m_up.resize(m_h.size());
    bool finite = true;
    for (int64_t first = 0; first < windows * m_window; first += most) {
        const int64_t tokens = std::min(most, windows * m_window - first);
        float* residual = x + first * hidden;
        normalize(residual, layer.attentionNorm, tokens, m_xn.data());
        if (weighted) weigh(residual, tokens);
        visit(InputSite::attention, m_xn, tokens, hidden, first);
        apply(layer.at(LinearRole::query), m_xn.data(), tokens, m_q.data(), false);
        apply(layer.at(LinearRole::key), m_xn.data(), tokens, m_k.data(), false);
        apply(layer.at(LinearRole::value), m_xn.data(), tokens, m_v.data(), false);
        if (m_slopes.empty()) {
            rope(m_q.data(), m_config.heads, tokens);
            rope(m_k.data(), m_config.kvHeads, tokens);
        }
        attend(tokens, weighted);
        if (weighted) {
            visit(InputSite::key, m_xn, tokens, hidden, first);
            visit(InputSite::value, m_xn, tokens, hidden, first);
        }
        visit(InputSite::output, m_a, tokens, m_config.queryWidth(), first);
        // A parallel MLP reads what the residual stream was before the attention.
        const bool parallel = m_config.parallelResidual;
        if (parallel && layer.mlpNorm) normalize(residual, *layer.mlpNorm, tokens, m_xn.data());
        apply(layer.at(LinearRole::output), m_a.data(), tokens, residual, true);
        if (!parallel && layer.mlpNorm) normalize(residual, *layer.mlpNorm, tokens, m_xn.data());

        std::vector<float>& up = m_config.gatedMlp ? m_up : m_h;
        apply(layer.at(LinearRole::up), m_xn.data(), tokens, up.data(), false);
        if (m_config.gatedMlp) apply(layer.at(LinearRole::gate), m_xn.data(), tokens, m_h.data(), false);
        const bool silu = m_config.activation == Activation::silu;
        m_pool.parallelFor(static_cast<int>(tokens), [&](int t, int) {
            for (int64_t i = t * ffn; i < (t + 1) * ffn; ++i) {
                const auto index = static_cast<size_t>(i);
                const float h = m_h[index];
                const float active =
                    silu ? h / (1.0f + std::exp(-h)) : h * (1.0f + std::erf(h * 0.70710678f)) / 2.0f;
                m_h[index] = m_config.gatedMlp ? active * m_up[index] : active;
            }
        });
        if (!layer.activationScale.empty()) {
            for (int64_t i = 0; i < tokens * ffn; ++i)
                m_h[static_cast<size_t>(i)] /= layer.activationScale[static_cast<size_t>(i % ffn)];
        }
        apply(layer.at(LinearRole::down), m_h.data(), tokens, residual, true);
        if (weighted) weigh(residual, tokens);
        if (layer.mlpNorm) visit(InputSite::mlp, m_xn, tokens, hidden, first);
        visit(InputSite::down, m_h, tokens, ffn, first);
        for (int64_t i = 0; i < tokens * hidden && finite; ++i) finite = std::isfinite(residual[i]);
        if (!finite) return false;
    }
    return true;
}

}  // namespace edgechat::quant
