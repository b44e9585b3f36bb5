// Every instruction set's kernels against the same sums in double precision.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <numeric>

#include "inference/aligned_buffer.h"
#include "inference/cpu/kernels.h"
#include "inference/cpu/kv_cache.h"
#include "tests/data/memory_checkpoint.h"
#include "tests/data/random_values.h"

namespace edgechat::inference::cpu {
namespace {

using edgechat::testing::RandomValues;

class KernelTest : public ::testing::TestWithParam<const Kernels*> {
  protected:
    const Kernels& kernels = *GetParam();
};

INSTANTIATE_TEST_SUITE_P(Machine, KernelTest, ::testing::ValuesIn(usableKernels()),
                         [](const auto& info) { return std::string(info.param->name); });

struct Quantized {
    std::vector<float> dense;
    std::vector<int8_t> high, low;
    std::vector<float> scales;
    std::vector<int32_t> sums;
    Activations view;

    float value(int token, int k) const {
        const size_t i =
            static_cast<size_t>(token) * static_cast<size_t>(view.columns) + static_cast<size_t>(k);
        return scales[i / kGroup] * static_cast<float>(128 * high[i] + low[i]);
    }
};

Quantized quantized(const Kernels& kernels, int tokens, int columns) {
    Quantized q;
    const size_t count = static_cast<size_t>(tokens) * static_cast<size_t>(columns);
    q.dense = RandomValues(3).vector(count, 2.5f);
    q.high.resize(count);
    q.low.resize(count);
    q.scales.resize(count / kGroup + 1);
    q.sums.resize(count / kGroup + 1);
    q.view = {q.dense.data(), q.high.data(), q.low.data(), q.scales.data(), q.sums.data(), columns, tokens};
    for (int t = 0; t < tokens && columns % kGroup == 0; ++t) {
        const size_t offset = static_cast<size_t>(t) * static_cast<size_t>(columns);
        kernels.quantize(q.dense.data() + offset, columns,
                         {q.high.data() + offset, q.low.data() + offset, q.scales.data() + offset / kGroup,
                          q.sums.data() + offset / kGroup});
    }
    return q;
}

TEST_P(KernelTest, quantizesToTheNearestStepAndCountsTheSums) {
    const Quantized q = quantized(kernels, 2, 96);
    for (int t = 0; t < 2; ++t) {
        for (int group = 0; group < 3; ++group) {
            float largest = 0;
            int32_t sum = 0;
            for (int k = group * kGroup; k < (group + 1) * kGroup; ++k) {
                const size_t i = static_cast<size_t>(t * 96 + k);
                largest = std::max(largest, std::fabs(q.dense[i]));
                sum += 128 * q.high[i] + q.low[i];
            }
            EXPECT_EQ(q.sums[static_cast<size_t>(t * 3 + group)], sum);
            for (int k = group * kGroup; k < (group + 1) * kGroup; ++k) {
                EXPECT_NEAR(q.value(t, k), q.dense[static_cast<size_t>(t * 96 + k)],
                            largest / 16256 * 0.501f);
            }
        }
    }
}

TEST_P(KernelTest, quantizesZerosToZeros) {
    std::vector<float> zeros(kGroup);
    std::vector<int8_t> high(kGroup, 1), low(kGroup, 1);
    float scale = 1;
    int32_t sum = 1;
    kernels.quantize(zeros.data(), kGroup, {high.data(), low.data(), &scale, &sum});
    EXPECT_EQ(scale, 0);
    EXPECT_EQ(sum, 0);
    EXPECT_EQ(high, std::vector<int8_t>(kGroup, 0));
    EXPECT_EQ(low, std::vector<int8_t>(kGroup, 0));
}

TEST_P(KernelTest, multipliesEveryWeightTypeForAnyNumberOfTokens) {
    const int rows = 21;  // the last tile is not full
    struct Case {
        TensorType type;
        int columns = 96, groupSize = 0;
    };
    for (const auto& [type, columns, groupSize] :
         {Case{TensorType::q4_0}, Case{TensorType::q4_1}, Case{TensorType::q8_0}, Case{TensorType::f16},
          Case{TensorType::bf16}, Case{TensorType::f32}, Case{TensorType::int4, 96, 32},
          Case{TensorType::int4, 192, 64}, Case{TensorType::int4, 256, 128}, Case{TensorType::int4, 96, 96},
          Case{TensorType::int4, 60, 20}, Case{TensorType::f16, 50}}) {
        const TensorInfo tensor{"w", type, rows, columns, groupSize, 0, {}};
        const std::vector<float> weights = RandomValues(9).vector(static_cast<size_t>(rows * columns));
        const std::string stored = type == TensorType::int4
                                       ? edgechat::testing::encodeInt4(weights, groupSize)
                                       : edgechat::testing::encodeTensor(type, weights);
        PackedMatrix matrix = packedShape(tensor, kernels.tileRows);
        const AlignedBuffer memory(matrix.bytes(), AlignedBuffer::Pages::small);
        matrix.data = memory.data();
        for (int tile = 0; tile < matrix.tiles(); ++tile) {
            const int row = tile * matrix.tileRows;
            ASSERT_TRUE(packTile(matrix, tensor,
                                 reinterpret_cast<const std::byte*>(stored.data()) +
                                     tensor.rowBytes() * static_cast<size_t>(row),
                                 std::min(matrix.tileRows, rows - row),
                                 memory.data() + matrix.tileBytes * static_cast<size_t>(tile)));
        }
        for (const int tokens : {1, 2, 3, 5, 16, 31}) {
            const Quantized q = quantized(kernels, tokens, columns);
            const int stride = rows + 3;
            for (const bool accumulate : {false, true}) {
                std::vector<float> out(static_cast<size_t>(tokens * stride), 0.5f);
                for (int tile = 0; tile < matrix.tiles(); ++tile) {
                    kernels.multiplyTile(matrix, tile, q.view, out.data() + tile * matrix.tileRows, stride,
                                         accumulate);
                }
                std::vector<float> row(static_cast<size_t>(columns));
                for (int r = 0; r < stride; ++r) {
                    if (r < rows) unpackRow(matrix, r, row.data());
                    for (int t = 0; t < tokens; ++t) {
                        double expected = 0.5;  // columns past the rows stay as they were
                        if (r < rows) {
                            expected = accumulate ? 0.5 : 0;
                            for (int k = 0; k < columns; ++k) {
                                const double a = matrix.dense()
                                                     ? q.dense[static_cast<size_t>(t * columns + k)]
                                                     : q.value(t, k);
                                expected += a * row[static_cast<size_t>(k)];
                            }
                        }
                        ASSERT_NEAR(out[static_cast<size_t>(t * stride + r)], expected, 2e-4)
                            << tensorTypeName(type) << " row " << r << " token " << t << " of " << tokens;
                    }
                }
            }
        }
    }
}

TEST_P(KernelTest, survivesTheLargestWeightsAndActivations) {
    // All nibbles 15, all bytes -128, all activations +-127: no intermediate sum may wrap.
    for (const TensorType type : {TensorType::q4_0, TensorType::q8_0}) {
        const int columns = 64;
        std::string block(type == TensorType::q8_0 ? 34 : 18, type == TensorType::q8_0 ? '\x80' : '\xff');
        block[0] = 0x00, block[1] = 0x3c;  // scale 1.0
        const std::string row = block + block;
        const TensorInfo tensor{"w", type, 1, columns, 0, 0, {}};
        PackedMatrix matrix = packedShape(tensor, kernels.tileRows);
        const AlignedBuffer memory(matrix.bytes(), AlignedBuffer::Pages::small);
        matrix.data = memory.data();
        ASSERT_TRUE(
            packTile(matrix, tensor, reinterpret_cast<const std::byte*>(row.data()), 1, memory.data()));
        for (const float sign : {1.0f, -1.0f}) {
            Quantized q = quantized(kernels, 1, columns);
            std::fill(q.dense.begin(), q.dense.end(), sign * 127.0f);
            kernels.quantize(q.dense.data(), columns,
                             {q.high.data(), q.low.data(), q.scales.data(), q.sums.data()});
            float out = 0;
            kernels.multiplyTile(matrix, 0, q.view, &out, 1, false);
            const float weight = type == TensorType::q8_0 ? -128.0f : 7.0f;
            EXPECT_FLOAT_EQ(out, weight * sign * 127 * columns) << tensorTypeName(type);
        }
    }
}

TEST_P(KernelTest, normalizesByTheRootOfTheMeanSquare) {
    const std::vector<float> x = RandomValues(1).vector(100, 3.0f), weight = RandomValues(2).vector(100);
    std::vector<float> out(100);
    kernels.rmsNorm(x.data(), weight.data(), 100, 1e-5f, out.data());
    double squares = 0;
    for (const float value : x) squares += double{value} * value;
    for (size_t i = 0; i < 100; ++i) {
        EXPECT_NEAR(out[i], x[i] / std::sqrt(squares / 100 + 1e-5) * weight[i], 1e-5);
    }
}

TEST_P(KernelTest, normalizesByMeanAndDeviation) {
    std::vector<float> x = RandomValues(1).vector(100, 3.0f);
    for (float& value : x) value += 10;  // a mean far from zero must not cost digits
    const std::vector<float> weight = RandomValues(2).vector(100), bias = RandomValues(3).vector(100);
    double mean = 0, variance = 0;
    for (const float value : x) mean += value / 100.0;
    for (const float value : x) variance += (value - mean) * (value - mean) / 100;
    for (const float* added : {bias.data(), static_cast<const float*>(nullptr)}) {
        std::vector<float> out(100);
        kernels.layerNorm(x.data(), weight.data(), added, 100, 1e-5f, out.data());
        for (size_t i = 0; i < 100; ++i) {
            const double offset = added != nullptr ? added[i] : 0;
            EXPECT_NEAR(out[i], (x[i] - mean) / std::sqrt(variance + 1e-5) * weight[i] + offset, 1e-5);
        }
    }
}

TEST_P(KernelTest, turnsTheHalvesOfAHead) {
    for (const int headSize : {2, 8, 20, 64, 100, 256}) {
        const int heads = 3;
        const size_t half = static_cast<size_t>(headSize) / 2;
        const std::vector<float> before = RandomValues(4).vector(static_cast<size_t>(heads * headSize));
        std::vector<float> x = before, cosines, sines;
        for (size_t i = 0; i < half; ++i) {
            cosines.push_back(std::cos(0.3f * static_cast<float>(i + 1)));
            sines.push_back(std::sin(0.3f * static_cast<float>(i + 1)));
        }
        kernels.ropeHalves(x.data(), heads, headSize, cosines.data(), sines.data());
        for (size_t head = 0; head < x.size(); head += 2 * half) {
            for (size_t i = 0; i < half; ++i) {
                const float a = before[head + i], b = before[head + half + i];
                EXPECT_NEAR(x[head + i], a * cosines[i] - b * sines[i], 1e-6);
                EXPECT_NEAR(x[head + half + i], a * sines[i] + b * cosines[i], 1e-6);
            }
        }
    }
}

TEST_P(KernelTest, turnsNeighbouringPairs) {
    for (const int headSize : {8, 20, 64}) {
        const int heads = 3;
        const std::vector<float> before = RandomValues(4).vector(static_cast<size_t>(heads * headSize));
        std::vector<float> x = before, cosines, sines;
        for (int i = 0; i < headSize / 2; ++i) {
            cosines.push_back(std::cos(0.3f * static_cast<float>(i + 1)));
            sines.push_back(std::sin(0.3f * static_cast<float>(i + 1)));
        }
        kernels.ropeAdjacent(x.data(), heads, headSize, cosines.data(), sines.data());
        for (size_t i = 0; i < x.size(); i += 2) {
            const size_t pair = i % static_cast<size_t>(headSize) / 2;
            EXPECT_NEAR(x[i], before[i] * cosines[pair] - before[i + 1] * sines[pair], 1e-6);
            EXPECT_NEAR(x[i + 1], before[i] * sines[pair] + before[i + 1] * cosines[pair], 1e-6);
        }
    }
}

TEST_P(KernelTest, computesSiluTimesUp) {
    std::vector<float> gate = {-200, -90, -20,   -1,    -1e-3f, 0,  1e-3f, 1,  5, 20,
                               90,   200, 0.25f, -0.5f, 3,      -3, 7,     -7, 11};
    const std::vector<float> before = gate, up = RandomValues(5).vector(gate.size());
    kernels.siluMultiply(gate.data(), up.data(), static_cast<int>(gate.size()));
    for (size_t i = 0; i < gate.size(); ++i) {
        const double expected = before[i] / (1 + std::exp(-double{before[i]})) * up[i];
        EXPECT_NEAR(gate[i], expected, 1e-6 * std::max(1.0, std::fabs(expected))) << before[i];
    }
}

TEST_P(KernelTest, computesTheExactGelu) {
    std::vector<float> gate = {-200, -14, -6,   -4, -2.7f, -1, -1e-3f, 0,    1e-3f,
                               0.5f, 1,   2.7f, 4,  6,     14, 200,    -0.1f};
    const std::vector<float> before = gate, up = RandomValues(5).vector(gate.size());
    kernels.geluMultiply(gate.data(), up.data(), static_cast<int>(gate.size()));
    std::vector<float> alone = before;
    kernels.geluMultiply(alone.data(), nullptr, static_cast<int>(alone.size()));
    for (size_t i = 0; i < gate.size(); ++i) {
        // The tanh form is off by up to 4.7e-4.
        const double expected = before[i] * 0.5 * std::erfc(-before[i] / std::sqrt(2.0));
        const double tolerance = 4e-7 * std::max(1.0, std::fabs(expected));
        EXPECT_NEAR(gate[i], expected * up[i], tolerance) << before[i];
        EXPECT_NEAR(alone[i], expected, tolerance) << before[i];
    }
    // transformers 4.51.3, ACT2FN["gelu"] of -1 and 2.7
    EXPECT_NEAR(alone[5], -0.15865525603294373, 4e-7);
    EXPECT_NEAR(alone[11], 2.6906392574310303, 1e-6);
}

/// What attend() is tested with: random keys and values in a cache, random queries.
struct AttentionCase {
    KvKind kind = KvKind::fp16;
    int headSize = 64, group = 1;
    int window = 0;
    bool biases = false;
    bool ring = false;  // the cache forgets what the window has left behind
    int positions = 2 * kAttentionSegment + 70;
};

class Attention {
  public:
    static constexpr int kTokens = 7;

    Attention(const Kernels& kernels, const AttentionCase& attention)
        : m_case(attention), m_rows(kTokens * attention.group) {
        ModelConfig config;
        config.layers = 1, config.kvHeads = 2, config.heads = 2 * attention.group;
        config.headSize = attention.headSize, config.slidingWindow = attention.ring ? attention.window : 0;
        const KvCache cache(config, attention.positions, attention.kind);
        m_capacity = cache.capacity();
        RandomValues random(11);
        const auto size = static_cast<size_t>(attention.headSize);
        for (int p = 0; p < attention.positions; ++p) {
            m_keys.push_back(random.vector(size));
            m_values.push_back(random.vector(size));
            kernels.storeKv(m_keys.back().data(), m_values.back().data(), attention.headSize,
                            cache.slot(0, 1, p));
        }
        m_width = config.heads * attention.headSize;
        m_queries = random.vector(static_cast<size_t>(kTokens * m_width), 0.4f);
        m_biasStride = (attention.positions + 63) / 64 * 64;
        m_biases = random.vector(static_cast<size_t>(attention.group * m_biasStride), 2.0f);
        const int padded = paddedHead(attention.headSize);
        std::vector<float> maxima(static_cast<size_t>(m_rows), kNoMaximum), sums(static_cast<size_t>(m_rows)),
            outputs(static_cast<size_t>(m_rows * padded)),
            scratch(static_cast<size_t>(attentionScratchFloats(attention.headSize, m_rows)));
        AttentionTask task;
        task.kv = cache.view(0);
        task.kvHead = 1, task.headSize = attention.headSize, task.group = attention.group;
        task.queries = m_queries.data() + attention.group * attention.headSize, task.queryStride = m_width;
        task.tokens = kTokens, task.firstPosition = attention.positions - kTokens;
        task.window = attention.window;
        task.segments = (attention.positions + kAttentionSegment - 1) / kAttentionSegment;
        if (attention.biases) task.biases = m_biases.data(), task.biasStride = m_biasStride;
        task.scratch = scratch.data();
        task.state = {maxima.data(), sums.data(), outputs.data()};
        kernels.attend(task);
        for (int row = 0; row < m_rows; ++row) {
            for (int d = 0; d < attention.headSize; ++d) {
                found.push_back(outputs[static_cast<size_t>(row * padded + d)] /
                                sums[static_cast<size_t>(row)]);
            }
        }
    }

    /// The same rows in double precision.
    std::vector<double> expected() const {
        const int group = m_case.group;
        const auto size = static_cast<size_t>(m_case.headSize);
        std::vector<double> all;
        for (int row = 0; row < m_rows; ++row) {
            const float* q =
                m_queries.data() + row / group * m_width + (group + row % group) * m_case.headSize;
            const int last = m_case.positions - kTokens + row / group;
            double total = 0;
            std::vector<double> sum(size);
            for (int p = m_case.window > 0 ? std::max(0, last - m_case.window + 1) : 0; p <= last; ++p) {
                double score =
                    m_case.biases ? m_biases[static_cast<size_t>(row % group * m_biasStride + p)] : 0;
                for (size_t d = 0; d < size; ++d) score += double{q[d]} * m_keys[static_cast<size_t>(p)][d];
                total += std::exp(score);
                for (size_t d = 0; d < size; ++d) {
                    sum[d] += std::exp(score) * m_values[static_cast<size_t>(p)][d];
                }
            }
            for (const double value : sum) all.push_back(value / total);
        }
        return all;
    }

    std::vector<float> found;  // [tokens * group][headSize]
    int capacity() const { return m_capacity; }

  private:
    AttentionCase m_case;
    int m_rows = 0, m_width = 0, m_biasStride = 0, m_capacity = 0;
    std::vector<std::vector<float>> m_keys, m_values;
    std::vector<float> m_queries, m_biases;
};

TEST_P(KernelTest, attendsLikeSoftmaxInDoublePrecision) {
    std::vector<AttentionCase> cases;
    for (const KvKind kind : {KvKind::fp16, KvKind::int8}) {
        for (const int headSize : {2, 8, 64, 100}) {
            for (const int group : {1, 3, 5}) cases.push_back({kind, headSize, group});
        }
        for (const int window : {1, 5, 64, 100, 300, 1000}) cases.push_back({kind, 20, 3, window});
        cases.push_back({kind, 20, 3, 0, true});
        cases.push_back({kind, 256, 2, 150, true});
    }
    for (const AttentionCase& attention : cases) {
        const Attention result(kernels, attention);
        const std::vector<double> expected = result.expected();
        ASSERT_EQ(result.found.size(), expected.size());
        for (size_t i = 0; i < expected.size(); ++i) {
            ASSERT_NEAR(result.found[i], expected[i], attention.kind == KvKind::int8 ? 8e-3 : 6e-4)
                << "head size " << attention.headSize << " group " << attention.group << " window "
                << attention.window << " element " << i;
        }
    }
}

TEST_P(KernelTest, attendsToARingAsToAWholeCache) {
    for (const KvKind kind : {KvKind::fp16, KvKind::int8}) {
        for (const int window : {1, 33, 64, 200}) {
            for (const int positions : {500, 1111}) {
                AttentionCase attention{kind, 20, 3, window, true, false, positions};
                const Attention whole(kernels, attention);
                attention.ring = true;
                const Attention ring(kernels, attention);
                ASSERT_LT(ring.capacity(), positions);
                ASSERT_GE(whole.capacity(), positions);
                EXPECT_EQ(std::memcmp(ring.found.data(), whole.found.data(), 4 * whole.found.size()), 0)
                    << "window " << window << " positions " << positions;
            }
        }
    }
}

}  // namespace
}  // namespace edgechat::inference::cpu
