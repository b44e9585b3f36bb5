// Every instruction set's kernels against the same sums in double precision.
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "inference/cpu/aligned_buffer.h"
#include "inference/cpu/kernels.h"
#include "inference/cpu/kv_cache.h"
#include "tests/data/gguf_writer.h"
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
    const int rows = 21, columns = 96;  // the last tile is not full
    for (const TensorType type : {TensorType::q4_0, TensorType::q4_1, TensorType::q8_0, TensorType::f16,
                                  TensorType::bf16, TensorType::f32}) {
        const TensorInfo tensor{"w", type, rows, columns, 0, 0, {}};
        const std::string stored =
            edgechat::testing::encodeTensor(type, RandomValues(9).vector(rows * columns));
        PackedMatrix matrix = packedShape(tensor, kernels.tileRows);
        const AlignedBuffer memory(matrix.bytes(), AlignedBuffer::Pages::small);
        matrix.data = memory.data();
        for (int tile = 0; tile < matrix.tiles(); ++tile) {
            const int row = tile * matrix.tileRows;
            ASSERT_TRUE(packTile(matrix,
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
                std::vector<float> row(columns);
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
        ASSERT_TRUE(packTile(matrix, reinterpret_cast<const std::byte*>(row.data()), 1, memory.data()));
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

TEST_P(KernelTest, attendsLikeSoftmaxInDoublePrecision) {
    for (const KvKind kind : {KvKind::fp16, KvKind::int8}) {
        for (const int headSize : {8, 64, 100}) {
            for (const int group : {1, 3, 5}) {
                ModelConfig config;
                config.layers = 1, config.kvHeads = 2, config.heads = 2 * group, config.headSize = headSize;
                const int positions = 2 * kAttentionSegment + 70, tokens = 7, first = positions - tokens;
                KvCache cache(config, positions, kind);
                RandomValues random(11);
                std::vector<std::vector<float>> keys, values;
                for (int p = 0; p < positions; ++p) {
                    keys.push_back(random.vector(static_cast<size_t>(headSize)));
                    values.push_back(random.vector(static_cast<size_t>(headSize)));
                    kernels.storeKv(keys.back().data(), values.back().data(), headSize, cache.slot(0, 1, p));
                }
                const int width = config.heads * headSize;
                const std::vector<float> queries = random.vector(static_cast<size_t>(tokens * width), 0.4f);
                const int rows = tokens * group, padded = paddedHead(headSize);
                std::vector<float> maxima(static_cast<size_t>(rows), kNoMaximum),
                    sums(static_cast<size_t>(rows)), outputs(static_cast<size_t>(rows * padded)),
                    scratch(static_cast<size_t>(attentionScratchFloats(headSize, rows)));
                AttentionTask task;
                task.kv = cache.view(0);
                task.kvHead = 1, task.headSize = headSize, task.group = group;
                task.queries = queries.data() + group * headSize, task.queryStride = width;
                task.tokens = tokens, task.firstPosition = first, task.segments = 3;
                task.scratch = scratch.data();
                task.state = {maxima.data(), sums.data(), outputs.data()};
                kernels.attend(task);
                const double tolerance = kind == KvKind::int8 ? 6e-3 : 6e-4;
                for (int row = 0; row < rows; ++row) {
                    const float* q = queries.data() + row / group * width + (group + row % group) * headSize;
                    double total = 0;
                    std::vector<double> expected(static_cast<size_t>(headSize));
                    for (int p = 0; p <= first + row / group; ++p) {
                        double score = 0;
                        for (int d = 0; d < headSize; ++d)
                            score += double{q[d]} * keys[static_cast<size_t>(p)][static_cast<size_t>(d)];
                        total += std::exp(score);
                        for (int d = 0; d < headSize; ++d) {
                            expected[static_cast<size_t>(d)] +=
                                std::exp(score) * values[static_cast<size_t>(p)][static_cast<size_t>(d)];
                        }
                    }
                    for (int d = 0; d < headSize; ++d) {
                        ASSERT_NEAR(
                            outputs[static_cast<size_t>(row * padded + d)] / sums[static_cast<size_t>(row)],
                            expected[static_cast<size_t>(d)] / total, tolerance)
                            << "head size " << headSize << " group " << group << " row " << row;
                    }
                }
            }
        }
    }
}

}  // namespace
}  // namespace edgechat::inference::cpu
