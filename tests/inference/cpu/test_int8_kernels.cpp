// W8A8: the kernels of every instruction set against plain loops over whole numbers, bit for bit.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "inference/aligned_buffer.h"
#include "inference/cpu/kernels.h"
#include "inference/cpu/matmul_kernels.h"
#include "inference/cpu/simd_portable.h"
#include "tests/data/gguf_writer.h"
#include "tests/data/random_values.h"

namespace edgechat::inference::cpu {
namespace {

using edgechat::testing::RandomValues;

size_t at(int row, int columns, int k = 0) {
    return static_cast<size_t>(row) * static_cast<size_t>(columns) + static_cast<size_t>(k);
}

/// Codes and scales as the checkpoint stores them, and the packed matrix.
struct Weights8 {
    Weights8(std::vector<int8_t> rowCodes, std::vector<float> rowScales, int columns, int tileRows)
        : codes(std::move(rowCodes)), scales(std::move(rowScales)) {
        const int rows = static_cast<int>(scales.size());
        for (int row = 0; row < rows; ++row) {
            stored += edgechat::testing::littleEndian(std::bit_cast<uint32_t>(scales[at(0, 0, row)]));
            stored.append(reinterpret_cast<const char*>(codes.data()) + at(row, columns),
                          static_cast<size_t>(columns));
        }
        tensor = {"w", TensorType::int8, rows, columns, columns, stored.size(), {}};
        matrix = packedShape(tensor, tileRows);
        memory = AlignedBuffer(matrix.bytes(), AlignedBuffer::Pages::small);
        std::memset(memory.data(), 0x55, memory.bytes());  // packing must write the padding too
        matrix.data = memory.data();
        for (int tile = 0; tile < matrix.tiles(); ++tile) {
            const int row = tile * tileRows;
            finite &= packTile(
                matrix, tensor,
                reinterpret_cast<const std::byte*>(stored.data()) + tensor.rowBytes() * at(0, 0, row),
                std::min(tileRows, rows - row), memory.data() + matrix.tileBytes * at(0, 0, tile));
        }
    }

    std::vector<int8_t> codes;  // [rows][columns]
    std::vector<float> scales;  // [rows]
    std::string stored;
    TensorInfo tensor;
    AlignedBuffer memory;
    PackedMatrix matrix;
    bool finite = true;
};

Weights8 randomWeights(int rows, int columns, int tileRows) {
    RandomValues random(9);
    std::vector<int8_t> codes;
    std::vector<float> scales;
    for (int i = 0; i < rows * columns; ++i)
        codes.push_back(static_cast<int8_t>(std::floor(random.next() * 128)));
    for (int i = 0; i < rows; ++i) scales.push_back(0.01f + 0.009f * random.next());
    return {codes, scales, columns, tileRows};
}

/// Tokens as quantizeToken() leaves them.
struct Tokens8 {
    Tokens8(const Kernels& kernels, std::vector<float> values, int columns) : dense(std::move(values)) {
        const int tokens = static_cast<int>(dense.size()) / columns;
        const auto padded = static_cast<int>(paddedColumns(columns));
        codes.assign(at(tokens, padded), 55);
        scales.resize(static_cast<size_t>(tokens));
        sums.resize(scales.size());
        for (int t = 0; t < tokens; ++t) {
            kernels.quantizeToken(
                dense.data() + at(t, columns), columns,
                {codes.data() + at(t, padded), scales.data() + at(0, 0, t), sums.data() + at(0, 0, t)});
        }
        view.columns = columns, view.tokens = tokens;
        view.codes = codes.data(), view.tokenScales = scales.data(), view.tokenSums = sums.data();
    }

    std::vector<float> dense;   // [tokens][columns]
    std::vector<int8_t> codes;  // [tokens][paddedColumns(columns)]
    std::vector<float> scales;
    std::vector<int32_t> sums;
    Activations view;
};

/// y = sum(code * code) * sx * sw with a sum in 64 bits and the codes of the definition.
float product(const Weights8& weights, const Tokens8& tokens, int row, int token) {
    const int columns = tokens.view.columns;
    const float* x = tokens.dense.data() + at(token, columns);
    float largest = 0;
    for (int k = 0; k < columns; ++k) largest = std::max(largest, std::fabs(x[k]));
    const float inverse = largest > 0 ? 127.0f / largest : 0.0f;
    int64_t sum = 0;
    for (int k = 0; k < columns; ++k)
        sum += static_cast<int64_t>(std::nearbyint(x[k] * inverse)) * weights.codes[at(row, columns, k)];
    EXPECT_LT(std::abs(sum), int64_t{1} << 31);
    return static_cast<float>(sum) * (largest / 127.0f) * weights.scales[at(0, 0, row)];
}

using MultiplyTile = void (*)(const PackedMatrix& matrix, int tile, const Activations& in, float* out,
                              int outStride, bool accumulate);

void expectProducts(MultiplyTile multiply, const Weights8& weights, const Tokens8& tokens) {
    ASSERT_TRUE(weights.finite);
    const PackedMatrix& matrix = weights.matrix;
    ASSERT_EQ(matrix.kind, PackedKind::q8Row);
    const int stride = matrix.rows + 3;  // columns past the rows stay as they were
    for (const bool accumulate : {false, true}) {
        std::vector<float> out(at(tokens.view.tokens, stride), 0.5f);
        for (int tile = 0; tile < matrix.tiles(); ++tile)
            multiply(matrix, tile, tokens.view, out.data() + tile * matrix.tileRows, stride, accumulate);
        for (int t = 0; t < tokens.view.tokens; ++t) {
            for (int row = 0; row < stride; ++row) {
                float expected = 0.5f;
                if (row < matrix.rows) {
                    const float y = product(weights, tokens, row, t);
                    expected = accumulate ? 0.5f + y : y;
                }
                ASSERT_EQ(out[at(t, stride, row)], expected)
                    << "row " << row << " token " << t << " of " << tokens.view.tokens << ", "
                    << matrix.columns << " inputs";
            }
        }
    }
}

class Int8KernelTest : public ::testing::TestWithParam<const Kernels*> {
  protected:
    const Kernels& kernels = *GetParam();
};

INSTANTIATE_TEST_SUITE_P(Machine, Int8KernelTest, ::testing::ValuesIn(usableKernels()),
                         [](const auto& info) { return std::string(info.param->name); });

TEST_P(Int8KernelTest, quantizesATokenToTheNearestStepAndHalvesToEven) {
    // The largest value is 127, so that a step is 1.
    std::vector<float> values = {0.5f, 1.5f, 2.5f, -0.5f, -1.5f, -126.5f, 126.5f, 0.49f, -127, 3.75f, 127, 0};
    const std::vector<int8_t> expected = {0, 2, 2, 0, -2, -126, 126, 0, -127, 4, 127, 0};
    for (const size_t zerosBefore : {size_t{0}, size_t{5}, size_t{20}, size_t{64}}) {
        std::vector<float> row(zerosBefore);
        row.insert(row.end(), values.begin(), values.end());
        const Tokens8 token(kernels, row, static_cast<int>(row.size()));
        std::vector<int8_t> codes(zerosBefore);
        codes.insert(codes.end(), expected.begin(), expected.end());
        codes.resize((codes.size() + 31) / 32 * 32);  // the padding is zeros
        EXPECT_EQ(token.codes, codes);
        EXPECT_EQ(token.scales[0], 1.0f);
        EXPECT_EQ(token.sums[0], 2 + 2 - 2 - 126 + 126 - 127 + 4 + 127);
    }
}

TEST_P(Int8KernelTest, givesEachTokenAScaleOfItsWholeRow) {
    const int columns = 100;
    std::vector<float> values = RandomValues(3).vector(2 * columns);
    values[99] = -8;      // in the rest behind whole vectors
    values[100 + 3] = 2;  // in the first vector
    const Tokens8 tokens(kernels, values, columns);
    EXPECT_EQ(tokens.scales, (std::vector<float>{8.0f / 127, 2.0f / 127}));
    for (int t = 0; t < 2; ++t) {
        int32_t sum = 0;
        for (int k = 0; k < columns; ++k) {
            const int code = tokens.codes[at(t, 128, k)];
            const float inverse = 127.0f / (t == 0 ? 8.0f : 2.0f);
            ASSERT_EQ(code, static_cast<int>(std::nearbyint(values[at(t, columns, k)] * inverse))) << k;
            sum += code;
        }
        EXPECT_EQ(tokens.sums[at(0, 0, t)], sum);
    }
}

TEST_P(Int8KernelTest, quantizesZerosAndWhatIsNextToThemToZeros) {
    for (const float value : {0.0f, -0.0f, std::numeric_limits<float>::denorm_min(), 1e-38f}) {
        const Tokens8 token(kernels, std::vector<float>(70, value), 70);
        EXPECT_EQ(token.scales[0], 0.0f);
        EXPECT_EQ(token.sums[0], 0);
        EXPECT_EQ(token.codes, std::vector<int8_t>(96, 0));
    }
}

TEST_P(Int8KernelTest, multipliesLikeWholeNumbers) {
    for (const int columns : {32, 96, 257, 31, 4, 1}) {
        const Weights8 weights = randomWeights(21, columns, kernels.tileRows);  // the last tile is not full
        for (const int count : {1, 2, 3, 5, 16, 31}) {
            const Tokens8 tokens(kernels, RandomValues(3).vector(at(count, columns), 2.5f), columns);
            expectProducts(kernels.multiplyTile, weights, tokens);
        }
    }
}

TEST_P(Int8KernelTest, survivesTheLargestSumsOfTheLongestRows) {
    const auto columns = static_cast<int>(kMaxInt8Columns);
    for (const int8_t code : {int8_t{-128}, int8_t{127}}) {
        const Weights8 weights(std::vector<int8_t>(at(2, columns), code), {1.0f, 0.5f}, columns,
                               kernels.tileRows);
        for (const float value : {3.0f, -3.0f})
            expectProducts(kernels.multiplyTile, weights,
                           Tokens8(kernels, std::vector<float>(at(1, columns), value), columns));
    }
}

/// Takes weights as unsigned numbers, as the products of AVX-512 VNNI and AVX-VNNI do: the sums of the tokens
/// have to make up for it, on machines without these instructions too.
struct Unsigned : Portable {
    static constexpr int kZeroOfQ8 = 128;
    static void unpack8(const std::byte* p, Weights& w) {
        Portable::unpack8(p, w);
        for (auto& row : w.row) {
            for (int16_t& weight : row) weight = static_cast<int16_t>(weight + 128);
        }
    }
    static I dot8(const Weights& w, const int8_t* a, I total) {  // wraps at 2^32 as vpdpbusd does
        for (int row = 0; row < 8; ++row) {
            auto sum = static_cast<uint32_t>(total.lane[row]);
            for (int k = 0; k < kGroup; ++k) sum += static_cast<uint32_t>(w.row[row][k] * a[k]);
            total.lane[row] = static_cast<int32_t>(sum);
        }
        return total;
    }
};

TEST(Int8Kernels, makeUpForUnsignedWeights) {
    const MultiplyTile multiply = [](const PackedMatrix& matrix, int tile, const Activations& in, float* out,
                                     int outStride, bool accumulate) {
        multiplyTokens<Unsigned, PackedKind::q8Row, 4>(matrix, tile, in, 0, out, outStride, accumulate);
    };
    for (const int columns : {96, 257}) {
        const Tokens8 tokens(*portableKernels(), RandomValues(3).vector(at(7, columns), 2.5f), columns);
        expectProducts(multiply, randomWeights(21, columns, 8), tokens);
    }
    const auto columns = static_cast<int>(kMaxInt8Columns);
    const Weights8 weights(std::vector<int8_t>(at(1, columns), -128), {1.0f}, columns, 8);
    expectProducts(multiply, weights,
                   Tokens8(*portableKernels(), std::vector<float>(at(1, columns), 3.0f), columns));
}

TEST(Int8Packing, keepsEveryWeightExactly) {
    for (const int tileRows : {8, 16}) {
        for (const int columns : {96, 41}) {
            const Weights8 weights = randomWeights(19, columns, tileRows);
            ASSERT_TRUE(weights.finite);
            EXPECT_EQ(weights.matrix.bytes(),
                      at((19 + tileRows - 1) / tileRows * tileRows, columns == 96 ? 100 : 68))
                << "a scale of 4 bytes, and codes in whole steps of 32";
            // Behind the scales, of each step of four inputs and row: four codes.
            const std::byte* quants = weights.memory.data() + 4 * tileRows;
            for (int k = columns; k < paddedColumns(columns); ++k)
                EXPECT_EQ(quants[at(k / 4, 4 * tileRows, k % 4)], std::byte{0}) << "padding of the first row";
            std::vector<float> found(static_cast<size_t>(columns));
            for (int row = 0; row < 19; ++row) {
                unpackRow(weights.matrix, row, found.data());
                for (int k = 0; k < columns; ++k) {
                    ASSERT_EQ(found[at(0, 0, k)],
                              weights.scales[at(0, 0, row)] * weights.codes[at(row, columns, k)]);
                }
            }
        }
    }
}

TEST(Int8Packing, refusesAScaleThatIsNotFinite) {
    for (const float scale :
         {std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN()}) {
        EXPECT_FALSE(Weights8(std::vector<int8_t>(3 * 8), {1, scale, 1}, 8, 8).finite);
    }
}

}  // namespace
}  // namespace edgechat::inference::cpu
