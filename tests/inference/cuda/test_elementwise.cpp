#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "inference/cuda/elementwise.h"
#include "inference/cuda/host_half.h"
#include "tests/data/random_values.h"
#include "tests/inference/cuda/device_vector.h"

namespace edgechat::testing {
namespace {

using inference::cuda::EmbedArguments;
using inference::cuda::NormArguments;
using inference::cuda::PackedMatrix;
using inference::cuda::WeightKind;
using inference::cuda::host::halfBits;
using inference::cuda::host::halfValue;

/// A random matrix as tiles, and what its weights are worth.
struct Embedding {
    PackedMatrix shape;
    std::vector<uint8_t> quants, zeros;
    std::vector<uint32_t> scales;
    std::vector<double> weights;  // [rows][columns]
};

int randomBelow(RandomValues& random, int limit) {
    return std::min(limit - 1, static_cast<int>((random.next() + 1) / 2 * static_cast<float>(limit)));
}

/// Walks over the tiles in the order in which they lie in memory, as packed_matrix.h describes them.
Embedding randomEmbedding(WeightKind kind, int rows, int columns, int group) {
    RandomValues random(static_cast<uint64_t>(rows + columns + group));
    Embedding made;
    PackedMatrix& shape = made.shape;
    shape.kind = kind;
    shape.rows = rows;
    shape.columns = columns;
    shape.group = group;
    shape.factor = kind == WeightKind::fp16 ? 1.0f : 0.75f;
    made.weights.assign(static_cast<size_t>(rows) * static_cast<size_t>(columns), 0);

    const bool scaled = kind != WeightKind::fp16;
    const auto halfPair = [&random](float spread) {
        const uint32_t low = halfBits(spread * random.next());
        return static_cast<uint32_t>(halfBits(spread * random.next())) << 16 | low;
    };
    const int groups = shape.groups(), chunks = shape.chunks();
    std::vector<uint32_t> offsets;
    if (scaled) {
        for (int i = 0; i < rows / 16 * groups * 8; ++i) {
            made.scales.push_back(halfPair(0.1f));
            if (kind == WeightKind::int4Offset) offsets.push_back(halfPair(1.0f));
            if (kind == WeightKind::int4Zero)
                made.zeros.push_back(static_cast<uint8_t>(randomBelow(random, 256)));
        }
    }
    const auto halfOf = [](uint32_t pair, int upper) {
        return static_cast<double>(halfValue(static_cast<uint16_t>(pair >> 16 * upper)));
    };
    // Notes what a code at register `part` (a0 to a3) and place `second` of a lane's step is worth.
    const auto note = [&](int tile, int chunk, int step, int lane, int part, int second, double code) {
        const int g = lane / 4, j = lane % 4, upper = part % 2;
        const int k = 64 * chunk + 32 * (step / 2) + 8 * j + 4 * (step % 2) + 2 * (part / 2) + second;
        if (k >= columns) return;
        const auto at = static_cast<size_t>((tile * groups + (scaled ? k / group : 0)) * 8 + g);
        double weight = code;
        if (scaled) weight *= halfOf(made.scales[at], upper);
        if (kind == WeightKind::int4Zero)
            weight -= halfOf(made.scales[at], upper) * (made.zeros[at] >> 4 * upper & 15);
        if (kind == WeightKind::int4Offset) weight += halfOf(offsets[at], upper);
        const int row = 16 * tile + g + 8 * upper;
        made.weights[static_cast<size_t>(row) * static_cast<size_t>(columns) + static_cast<size_t>(k)] =
            weight * shape.factor;
    };
    for (int tile = 0; tile < rows / 16; ++tile) {
        for (int chunk = 0; chunk < chunks; ++chunk) {
            if (kind == WeightKind::fp16) {
                for (int i = 0; i < 4 * 32 * 8; ++i) {  // [step][lane][part][second]
                    const uint16_t bits = halfBits(random.next());
                    made.quants.push_back(static_cast<uint8_t>(bits & 255));
                    made.quants.push_back(static_cast<uint8_t>(bits >> 8));
                    note(tile, chunk, i / 256, i / 8 % 32, i / 2 % 4, i % 2, halfValue(bits));
                }
            } else if (kind == WeightKind::int8) {
                for (int i = 0; i < 2 * 32 * 16; ++i) {  // [half][lane][step % 2][part][second]
                    const int code = randomBelow(random, 256);
                    made.quants.push_back(static_cast<uint8_t>(code));
                    note(tile, chunk, i / 512 * 2 + i / 8 % 2, i / 16 % 32, i / 2 % 4, i % 2, code - 128);
                }
            } else {
                for (int i = 0; i < 32 * 16; ++i) {  // [lane][step] of words: [second][part] of half bytes
                    const int code = randomBelow(random, 256);
                    made.quants.push_back(static_cast<uint8_t>(code));
                    const int lane = i / 16, step = i / 4 % 4, second = i % 4 / 2, part = i % 2 * 2;
                    note(tile, chunk, step, lane, part, second, code & 15);
                    note(tile, chunk, step, lane, part + 1, second, code >> 4);
                }
            }
        }
    }
    for (const uint32_t pair : offsets) {
        for (int byte = 0; byte < 4; ++byte) made.zeros.push_back(static_cast<uint8_t>(pair >> 8 * byte));
    }
    return made;
}

void expectRows(WeightKind kind, int rows, int columns, int group) {
    SCOPED_TRACE(std::to_string(columns) + " columns, groups of " + std::to_string(group));
    Embedding embedding = randomEmbedding(kind, rows, columns, group);
    const DeviceVector<uint8_t> quants(embedding.quants), zeros(embedding.zeros);
    const DeviceVector<uint32_t> scales(embedding.scales);
    const std::vector<int> ids = {rows - 1, 0, 7, 8, 15, 16, 7};
    const DeviceVector<int> tokens(ids), start(1, 0);
    const auto width = static_cast<size_t>(columns);
    const DeviceVector<float> x((ids.size() + 1) * width, -7.0f);

    EmbedArguments arguments;
    arguments.embedding = embedding.shape;
    arguments.embedding.quants = reinterpret_cast<const std::byte*>(quants.data());
    arguments.embedding.zeros = reinterpret_cast<const std::byte*>(zeros.data());
    arguments.embedding.scales = scales.data();
    arguments.tokens = tokens.data();
    arguments.start = start.data();
    arguments.tokenCount = static_cast<int>(ids.size());
    arguments.x = x.data();
    arguments.hidden = columns;
    launchEmbed(sharedRuntime(), arguments);

    const std::vector<float> found = x.download();
    for (size_t t = 0; t < ids.size(); ++t) {
        for (size_t k = 0; k < width; ++k) {
            const double expected = embedding.weights[static_cast<size_t>(ids[t]) * width + k];
            ASSERT_NEAR(found[t * width + k], expected, 1e-6 * (1 + std::abs(expected)))
                << "row " << ids[t] << ", input " << k;
        }
    }
    for (size_t i = ids.size() * width; i < found.size(); ++i) ASSERT_EQ(found[i], -7.0f);
}

TEST(Embed, readsRowsOfEveryKind) {
    for (const int columns : {64, 130, 704}) {
        expectRows(WeightKind::fp16, 48, columns, 64);
        for (const int group : {32, 64, 128}) {
            expectRows(WeightKind::int8, 48, columns, group);
            expectRows(WeightKind::int4Zero, 48, columns, group);
            expectRows(WeightKind::int4Offset, 48, columns, group);
        }
    }
}

TEST(Embed, rotatesByThePositionOfEachToken) {
    const Embedding embedding = randomEmbedding(WeightKind::fp16, 16, 64, 64);
    const DeviceVector<uint8_t> quants(embedding.quants);
    for (const int pairs : {32, 50, 300}) {
        for (const int first : {0, 5, 100'000}) {
            std::vector<float> frequencies;
            for (int i = 0; i < pairs; ++i) {
                frequencies.push_back(static_cast<float>(std::pow(10000.0, -i / static_cast<double>(pairs))));
            }
            constexpr int kTokens = 3;
            const DeviceVector<int> tokens(std::vector<int>{1, 2, 3}), start(1, first);
            const DeviceVector<float> x(size_t{kTokens} * 64), inverse(frequencies);
            const DeviceVector<float> rotations(static_cast<size_t>(kTokens * pairs * 2 + 2), -7.0f);
            EmbedArguments arguments;
            arguments.embedding = embedding.shape;
            arguments.embedding.quants = reinterpret_cast<const std::byte*>(quants.data());
            arguments.tokens = tokens.data();
            arguments.start = start.data();
            arguments.tokenCount = kTokens;
            arguments.x = x.data();
            arguments.hidden = 64;
            arguments.inverseFrequencies = inverse.data();
            arguments.pairs = pairs;
            arguments.magnitude = 1.25f;
            arguments.rotations = rotations.data();
            launchEmbed(sharedRuntime(), arguments);

            const std::vector<float> found = rotations.download();
            for (int t = 0; t < kTokens; ++t) {
                for (int i = 0; i < pairs; ++i) {
                    // The angle is rounded to fp32, as everywhere that RoPE is computed.
                    const double angle = static_cast<float>(first + t) * frequencies[static_cast<size_t>(i)];
                    const auto at = static_cast<size_t>(2 * (t * pairs + i));
                    ASSERT_NEAR(found[at], 1.25 * std::cos(angle), 5e-7) << "token " << t << ", pair " << i;
                    ASSERT_NEAR(found[at + 1], 1.25 * std::sin(angle), 5e-7) << "token " << t;
                }
            }
            EXPECT_EQ(found[found.size() - 2], -7.0f);
        }
    }
}

/// @param centre  what is added to every x
/// @param error   on top of the rounding to fp16
void expectNorm(bool layerNorm, bool biased, int hidden, int outStride, float centre, double error) {
    SCOPED_TRACE(std::to_string(hidden) + (layerNorm ? " elements, LayerNorm" : " elements, RMSNorm"));
    constexpr int kTokens = 3;
    constexpr float kEps = 1e-5f;
    constexpr uint16_t kUntouched = 0x1234;
    const auto width = static_cast<size_t>(hidden), stride = static_cast<size_t>(outStride);
    RandomValues random(static_cast<uint64_t>(hidden));
    std::vector<float> values = random.vector(kTokens * width, 3.0f);
    for (float& value : values) value += centre;
    for (size_t k = 0; k < width; ++k) values[width + k] *= 1e-3f;  // eps counts in this one
    const std::vector<float> weights = random.vector(width), biases = random.vector(width);
    const DeviceVector<float> x(values), weight(weights), bias(biases);
    const DeviceVector<uint16_t> out((kTokens + 1) * stride, kUntouched);

    NormArguments arguments;
    arguments.x = x.data();
    arguments.tokens = kTokens;
    arguments.hidden = hidden;
    arguments.layerNorm = layerNorm;
    arguments.eps = kEps;
    arguments.weight = weight.data();
    arguments.bias = biased ? bias.data() : nullptr;
    arguments.out = out.data();
    arguments.outStride = outStride;
    launchNorm(sharedRuntime(), arguments);

    const std::vector<uint16_t> found = out.download();
    for (size_t t = 0; t < kTokens; ++t) {
        const float* row = values.data() + t * width;
        double mean = 0, squares = 0;
        for (size_t k = 0; k < width; ++k) mean += row[k] / static_cast<double>(hidden);
        if (!layerNorm) mean = 0;
        for (size_t k = 0; k < width; ++k) squares += (row[k] - mean) * (row[k] - mean);
        const double inverse = 1 / std::sqrt(squares / hidden + static_cast<double>(kEps));
        for (size_t k = 0; k < width; ++k) {
            const double expected = (row[k] - mean) * inverse * weights[k] + (biased ? biases[k] : 0);
            ASSERT_NEAR(halfValue(found[t * stride + k]), expected, std::abs(expected) * 0x1p-11 + error)
                << "token " << t << ", element " << k;
        }
        for (size_t k = width; k < stride; ++k) ASSERT_EQ(found[t * stride + k], kUntouched) << k;
    }
    for (size_t k = 0; k < stride; ++k) ASSERT_EQ(found[kTokens * stride + k], kUntouched) << k;
}

TEST(Norm, isTheRootMeanSquare) {
    for (const int hidden : {2, 64, 66, 576, 2048, 4544, 8192, 18432}) {
        expectNorm(false, false, hidden, (hidden + 63) / 64 * 64, 0, 2e-6);
    }
}

TEST(Norm, isLayerNormWithABias) {
    for (const int hidden : {2, 66, 576, 4544, 8192, 18432}) {
        expectNorm(true, true, hidden, (hidden + 63) / 64 * 64, 0.5f, 3e-6);
        expectNorm(true, false, hidden, hidden + 2, 0.5f, 3e-6);
    }
}

TEST(Norm, holdsWhereTheMeanIsLarge) {
    // E[x^2] - E[x]^2 in fp32 would be wrong by a tenth here.
    expectNorm(true, true, 4096, 4096, 1000.0f, 1e-3);
}

}  // namespace
}  // namespace edgechat::testing
