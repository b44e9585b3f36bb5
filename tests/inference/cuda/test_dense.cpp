// Weights written out by rows, and products of int8 by int8, against plain loops in double. The epilogues of
// dense products are in test_matmul.cpp with those of the others.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "inference/cuda/dense.h"
#include "inference/cuda/dense_products.h"
#include "tests/inference/cuda/harness/host_cublas.h"
#include "tests/inference/cuda/packed_weights.h"

namespace edgechat::inference::cuda {
namespace {

using testing::ExpectedProducts;
using testing::HalfInputs;
using testing::halfOf;
using testing::makePackedWeights;
using testing::needed;
using testing::PackedWeights;
using testing::sharedRuntime;
using testing::SharedVector;

constexpr double kHalfRounding = 0x1p-11, kSmallestHalf = 0x1p-24;

TEST(Dense, writesTheWeightsOfSomeTiles) {
    const uint16_t untouched = 0x5a5a;
    for (const WeightKind kind :
         {WeightKind::int4Zero, WeightKind::int4Offset, WeightKind::int8, WeightKind::fp16})
        for (const int group : {32, 64, 128, 0})
            for (const int columns : {64, 100, 576, 1000}) {
                if (kind == WeightKind::fp16 && group != 64) continue;
                SCOPED_TRACE("kind " + std::to_string(static_cast<int>(kind)) + ", group " +
                             std::to_string(group) + ", " + std::to_string(columns) + " inputs");
                PackedWeights w = makePackedWeights(kind, 80, columns, group, 0.75f, 5);
                const int first = 1, tiles = 3, padded = paddedInputs(columns);
                SharedVector<uint16_t> out(static_cast<size_t>(16 * tiles * padded) + 8, untouched);
                launchWriteRows(sharedRuntime(), w.packed, first, tiles, out.data());
                ASSERT_TRUE(sharedRuntime().synchronize());
                for (int row = 0; row < 16 * tiles; ++row)
                    for (int k = 0; k < padded; ++k) {
                        const double found = halfOf(out[static_cast<size_t>(row * padded + k)]);
                        // Behind the last input anything finite does: inputs are zeros there.
                        if (k >= columns) {
                            ASSERT_TRUE(std::isfinite(found)) << "row " << row << ", input " << k;
                            continue;
                        }
                        const double expected = w.at(w.value, 16 * first + row, k);
                        const double size = w.at(w.size, 16 * first + row, k);
                        ASSERT_NEAR(found, expected,
                                    kHalfRounding * std::fabs(expected) + kSmallestHalf + 1e-6 * size)
                            << "row " << row << ", input " << k;
                    }
                for (size_t i = out.size() - 8; i < out.size(); ++i) ASSERT_EQ(out[i], untouched);
            }
}

/// What W8A8 makes of inputs: the largest of a token becomes 127.
struct RoundedInputs {
    std::vector<double> value;  ///< [T][columns], codes times the token's scale
    std::vector<double> scale;

    RoundedInputs(const HalfInputs& x, int tokens, int columns) {
        for (int t = 0; t < tokens; ++t) {
            double largest = 0;
            const auto at = [&](int k) { return halfOf(x.bits[static_cast<size_t>(t * x.stride + k)]); };
            for (int k = 0; k < columns; ++k) largest = std::max(largest, std::fabs(at(k)));
            scale.push_back(largest / 127);
            for (int k = 0; k < columns; ++k)
                value.push_back(largest > 0 ? std::nearbyint(at(k) * 127 / largest) * largest / 127 : 0);
        }
    }
};

TEST(Dense, roundsInputsByToken) {
    for (const int columns : {64, 100, 576, 1000}) {
        const int tokens = 11, padded = paddedInputs(columns);
        PackedWeights w = makePackedWeights(WeightKind::int8, 16, columns, 0, 1.0f, 1);
        HalfInputs x(tokens, columns, 2);
        for (int k = 0; k < padded; ++k) x.bits[static_cast<size_t>(3 * x.stride + k)] = 0;
        const RoundedInputs expected(x, tokens, columns);
        SharedVector<int8_t> codes(static_cast<size_t>(tokens * padded) + 8, 99);
        SharedVector<float> scales(static_cast<size_t>(tokens) + 1, -1.0f);
        launchRoundInputs(sharedRuntime(), {w.packed, x.bits.data(), x.stride}, tokens, codes.data(),
                          scales.data());
        ASSERT_TRUE(sharedRuntime().synchronize());
        for (int t = 0; t < tokens; ++t) {
            ASSERT_NEAR(scales[static_cast<size_t>(t)], expected.scale[static_cast<size_t>(t)], 1e-8) << t;
            for (int k = 0; k < padded; ++k) {
                const double found =
                    codes[static_cast<size_t>(t * padded + k)] * expected.scale[static_cast<size_t>(t)];
                const double value = k < columns ? expected.value[static_cast<size_t>(t * columns + k)] : 0.0;
                ASSERT_NEAR(found, value, 1e-9) << "token " << t << ", input " << k;
            }
        }
        EXPECT_EQ(scales.back(), -1.0f);
        for (size_t i = codes.size() - 8; i < codes.size(); ++i) ASSERT_EQ(codes[i], 99);
    }
}

/// y += weights times rounded inputs.
void addRounded(ExpectedProducts& y, PackedWeights& w, const HalfInputs& x, int tokens) {
    const RoundedInputs rounded(x, tokens, w.columns);
    y.rows = w.rows;
    y.value.resize(static_cast<size_t>(tokens * w.rows));
    y.size.resize(y.value.size());
    for (int t = 0; t < tokens; ++t)
        for (int row = 0; row < w.rows; ++row)
            for (int k = 0; k < w.columns; ++k) {
                const double product =
                    w.at(w.value, row, k) * rounded.value[static_cast<size_t>(t * w.columns + k)];
                y.value[static_cast<size_t>(t * w.rows + row)] += product;
                y.size[static_cast<size_t>(t * w.rows + row)] += std::fabs(product);
            }
}

TEST(Dense, multipliesInt8ByInt8WhereAScaleIsARows) {
    for (const int terms : {1, 2})
        for (const int tokens : {9, 70}) {
            SCOPED_TRACE(std::to_string(terms) + " terms, " + std::to_string(tokens) + " tokens");
            const int rows = 80;
            PackedWeights w = makePackedWeights(WeightKind::int8, rows, 1000, 0, 0x1p-6f, 1);
            PackedWeights other = makePackedWeights(WeightKind::int8, rows, 100, 0, 0x1p-4f, 2);
            const HalfInputs x(tokens, 1000, 3), further(tokens, 100, 4);
            ExpectedProducts y;
            addRounded(y, w, x, tokens);
            if (terms == 2) addRounded(y, other, further, tokens);
            SharedVector<float> out(static_cast<size_t>(tokens * rows), -1e9f);
            MatmulArguments arguments;
            arguments.terms[0] = {w.packed, x.bits.data(), x.stride};
            arguments.terms[1] = {other.packed, further.bits.data(), further.stride};
            arguments.termCount = terms;
            arguments.segments[0].tiles = rows / 16;
            EpilogueArguments& epilogue = arguments.segments[0].epilogue;
            epilogue.rows = epilogue.outStride = rows;
            epilogue.out = out.data();
            arguments.tokens = tokens;
            // Two tiles at a time, of five.
            const auto products =
                needed(DenseProducts::open(sharedRuntime(), {2 * 16 * 1024, 64 << 10}, tokens, 1024));
            const Result<bool> done = products->multiply(arguments);
            ASSERT_TRUE(done && *done);
            ASSERT_TRUE(sharedRuntime().synchronize());
            for (size_t i = 0; i < out.size(); ++i)
                ASSERT_NEAR(out[i], y.value[i], 1e-6 * y.size[i])
                    << "token " << i / static_cast<size_t>(rows) << ", row " << i % static_cast<size_t>(rows);
        }
}

TEST(Dense, aRefusalBeforeAnythingIsStoredIsNoFailure) {
    PackedWeights w = makePackedWeights(WeightKind::int4Zero, 48, 100, 64, 1.0f, 7);
    const HalfInputs x(9, 100, 8);
    SharedVector<float> out(9 * 48, 1.5f);
    MatmulArguments arguments;
    arguments.terms[0] = {w.packed, x.bits.data(), x.stride};
    arguments.segments[0].tiles = 3;
    arguments.segments[0].epilogue.rows = arguments.segments[0].epilogue.outStride = 48;
    arguments.segments[0].epilogue.out = out.data();
    arguments.tokens = 9;
    // A tile at a time.
    const auto products = needed(DenseProducts::open(sharedRuntime(), {16 * 128 * 2, 64 << 10}, 9, 128));
    if (!testing::allowCublasProducts(0)) GTEST_SKIP() << "NVIDIA's cuBLAS refuses nothing of this";
    const Result<bool> refused = products->multiply(arguments);
    testing::allowCublasProducts(2);
    const Result<bool> failed = products->multiply(arguments);
    testing::allowCublasProducts(-1);
    ASSERT_TRUE(refused);
    EXPECT_FALSE(*refused);
    EXPECT_FALSE(failed) << "two tiles of three are stored";
}

TEST(Dense, isUsedFromTheLengthOnFromWhichItIsFaster) {
    // Own kernels: 1 second a token. cuBLAS: 40 seconds and a quarter of a second a token.
    const auto seconds = [](int tokens, bool dense) { return dense ? 40 + 0.25 * tokens : tokens; };
    EXPECT_EQ(denseFrom(256, seconds), 64);
    EXPECT_EQ(denseFrom(32, seconds), 0) << "never reached";
    EXPECT_EQ(denseFrom(256, [](int tokens, bool dense) { return tokens * (dense ? 0.5 : 1.0); }), 32);
    EXPECT_EQ(denseFrom(256, [](int tokens, bool dense) { return tokens * (dense ? 0.98 : 1.0); }), 0)
        << "as fast but for chance";
    EXPECT_EQ(denseFrom(256, [](int, bool) { return 0.0; }), 0) << "not measured";
    EXPECT_EQ(denseFrom(256, [](int, bool dense) { return dense ? 0.0 : 1.0; }), 0) << "cuBLAS failed";
}

TEST(Dense, roomIsForAWholeMatrixOrAtLeastATile) {
    PackedMatrix matrix;
    matrix.kind = WeightKind::int4Zero;
    matrix.rows = 4096, matrix.columns = 4096, matrix.group = 128;
    DenseProducts::Room room;
    room.cover(matrix, 256, uint64_t{256} << 20);
    EXPECT_EQ(room.weights, 2u * 4096 * 4096);
    EXPECT_EQ(room.results, 4u * 4096 * 256);
    matrix.kind = WeightKind::int8, matrix.group = 4096;  // codes, and two terms' results
    room = {};
    room.cover(matrix, 256, uint64_t{256} << 20);
    EXPECT_EQ(room.weights, 1u * 4096 * 4096);
    EXPECT_EQ(room.results, 2u * 4 * 4096 * 256);
    room = {};
    room.cover(matrix, 256, 1);
    EXPECT_EQ(room.weights, 16u * 4096 * 2);
    EXPECT_GE(room.results, 2u * 16 * 4 * 256);
}

}  // namespace
}  // namespace edgechat::inference::cuda
