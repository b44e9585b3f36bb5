// Packed tiles against the layout that packed_matrix.h states, read back element by element.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>

#include "inference/cuda/pack.h"
#include "inference/cuda/weights.h"
#include "inference/model/tensor.h"
#include "tests/data/memory_checkpoint.h"

namespace edgechat::inference::cuda {
namespace {

using edgechat::testing::encodeInt4;
using edgechat::testing::encodeInt8;
using edgechat::testing::encodeTensor;
using edgechat::testing::RandomValues;

float half(const std::byte* bytes) {
    uint16_t bits;
    std::memcpy(&bits, bytes, 2);
    return halfToFloat(bits);
}

/// The weight of a row and input of a packed tile, by the words of packed_matrix.h.
float weightAt(const PackedMatrix& m, int row, int k) {
    const int tile = row / 16, g = row % 8, lower = row % 16 / 8, chunk = k / 64;
    // k = 32 (s / 2) + 8 j + 4 (s % 2) + 2 upper + low
    const int inside = k % 64, j = inside % 32 / 8, s = inside / 32 * 2 + inside % 8 / 4;
    const int upper = inside % 4 / 2, low = inside % 2, lane = 4 * g + j;
    const std::byte* data = m.quants + (static_cast<size_t>(tile) * m.chunks() + chunk) * chunkBytes(m.kind);
    const int reg = 2 * upper + lower;  // a0 to a3
    if (m.kind == WeightKind::fp16) return half(data + 512 * s + 16 * lane + 4 * reg + 2 * low);
    const size_t at = (static_cast<size_t>(tile) * m.groups() + k / m.group) * 8 + g;
    const float scale = half(reinterpret_cast<const std::byte*>(m.scales + at) + 2 * lower) * m.factor;
    if (m.kind == WeightKind::int8) {
        const std::byte code = data[512 * (s / 2) + 16 * lane + 8 * (s % 2) + 2 * reg + low];
        return scale * static_cast<float>(static_cast<int>(code) - 128);
    }
    uint32_t word;
    std::memcpy(&word, data + 16 * lane + 4 * s, 4);
    const auto code = static_cast<float>(word >> (4 * reg + 16 * low) & 15);
    if (m.kind == WeightKind::int4Offset) return scale * code + half(m.zeros + 4 * at + 2 * lower);
    const int zeros = static_cast<int>(m.zeros[at]);
    return scale * (code - static_cast<float>(lower == 1 ? zeros >> 4 : zeros & 15));
}

struct Form {
    const char* name;
    TensorType type;
    int columns, groupSize;
    MatrixRole role = MatrixRole::layer;
    float tolerance = 0;  // relative to the largest weight
};

class PackTest : public ::testing::TestWithParam<Form> {};

INSTANTIATE_TEST_SUITE_P(
    Forms, PackTest,
    ::testing::Values(Form{"q4_0", TensorType::q4_0, 96, 0}, Form{"q4_1", TensorType::q4_1, 160, 0},
                      Form{"q8_0", TensorType::q8_0, 96, 0},
                      Form{"q4_k", TensorType::q4_k, 256, 0, MatrixRole::layer, 2e-3f},
                      Form{"q6_k", TensorType::q6_k, 256, 0, MatrixRole::layer, 5e-3f},
                      Form{"int4g32", TensorType::int4, 96, 32}, Form{"int4g64", TensorType::int4, 192, 64},
                      Form{"int4g96", TensorType::int4, 192, 96},
                      Form{"int4g128", TensorType::int4, 384, 128},
                      Form{"int4row", TensorType::int4, 320, 320},
                      Form{"int4g20", TensorType::int4, 100, 20, MatrixRole::layer, 5e-4f},
                      Form{"int8", TensorType::int8, 100, 100, MatrixRole::layer, 5e-4f},
                      Form{"f16", TensorType::f16, 100, 0},
                      Form{"bf16", TensorType::bf16, 64, 0, MatrixRole::layer, 1e-3f},
                      Form{"f32", TensorType::f32, 90, 0, MatrixRole::layer, 5e-4f},
                      Form{"vocabulary", TensorType::f16, 100, 0, MatrixRole::quantizedVocabulary, 4.1e-3f}),
    [](const auto& info) { return info.param.name; });

TEST_P(PackTest, everyWeightIsWhereItsKernelsLookForIt) {
    const Form& given = GetParam();
    constexpr int kRows = 24;
    TensorInfo tensor;
    tensor.name = "t";
    tensor.type = given.type, tensor.rows = kRows, tensor.columns = given.columns;
    tensor.groupSize = given.groupSize;
    RandomValues random(7);
    std::vector<float> values = random.vector(static_cast<size_t>(kRows * given.columns), 0.5f);
    const std::string stored = given.type == TensorType::int4   ? encodeInt4(values, given.groupSize)
                               : given.type == TensorType::int8 ? encodeInt8(values, given.columns)
                                                                : encodeTensor(given.type, values);
    const PackedForm form = PackedForm::of(tensor, given.role);
    const std::vector<RowReference> rows = plainRows(0, kRows);
    ASSERT_EQ(rows.size(), 32U);
    const PackedLayout layout(form, 32);
    std::vector<std::byte> packed(layout.bytes, std::byte{0xff});
    for (int tile = 0; tile < 2; ++tile) {
        std::vector<UnpackedRow> unpacked(16, UnpackedRow(form));
        const UnpackedRow* pointers[16];
        for (int r = 0; r < 16; ++r) {
            pointers[r] = &unpacked[static_cast<size_t>(r)];
            const RowReference& row = rows[static_cast<size_t>(16 * tile + r)];
            if (row.tensor < 0) continue;
            ASSERT_TRUE(unpackRow(form, tensor,
                                  reinterpret_cast<const std::byte*>(stored.data()) +
                                      tensor.rowBytes() * static_cast<uint64_t>(row.row),
                                  unpacked[static_cast<size_t>(r)]));
        }
        const auto t = static_cast<uint64_t>(tile);
        packTile(form, pointers, packed.data() + t * layout.tileQuants,
                 packed.data() + layout.scales + t * layout.tileScales,
                 packed.data() + layout.zeros + t * layout.tileZeros);
    }
    const PackedMatrix matrix = layout.at(packed.data());
    std::vector<float> expected(static_cast<size_t>(given.columns));
    for (int row = 0; row < 32; ++row) {
        float largest = 1;
        if (row < kRows) {
            dequantizeRow(tensor, stored.data() + tensor.rowBytes() * static_cast<uint64_t>(row),
                          expected.data());
            largest = 0;
            for (const float value : expected) largest = std::max(largest, std::fabs(value));
        } else {
            std::fill(expected.begin(), expected.end(), 0.0f);
        }
        for (int k = 0; k < given.columns; ++k) {
            ASSERT_NEAR(weightAt(matrix, row, k), expected[static_cast<size_t>(k)],
                        given.tolerance * largest + 1e-6f * largest)
                << "row " << row << ", input " << k;
        }
    }
}

TEST(PackRows, headsOfPairsPutTheTwoOfAPairEightRowsApart) {
    const std::vector<RowReference> halves = headRows(0, 2, 20, true, false);
    ASSERT_EQ(halves.size(), 64U);  // two tiles a head
    EXPECT_EQ(halves[3].row, 3);
    EXPECT_EQ(halves[11].row, 13);
    EXPECT_EQ(halves[17].row, 9);
    EXPECT_EQ(halves[25].row, 19);
    EXPECT_EQ(halves[18].tensor, -1);  // pair 10 of 10
    EXPECT_EQ(halves[26].tensor, -1);
    EXPECT_EQ(halves[32 + 3].row, 23);
    const std::vector<RowReference> neighbours = headRows(0, 1, 20, true, true);
    EXPECT_EQ(neighbours[3].row, 6);
    EXPECT_EQ(neighbours[11].row, 7);
    const std::vector<RowReference> plain = headRows(0, 2, 20, false, false);
    EXPECT_EQ(plain[19].row, 19);
    EXPECT_EQ(plain[20].tensor, -1);
    EXPECT_EQ(plain[32].row, 20);
}

TEST(PackRows, gateAndUpStandSideBySide) {
    const std::vector<RowReference> rows = pairedRows(0, 1, 12);
    ASSERT_EQ(rows.size(), 32U);
    EXPECT_EQ(rows[5].tensor, 0);
    EXPECT_EQ(rows[13].tensor, 1);
    EXPECT_EQ(rows[13].row, 5);
    EXPECT_EQ(rows[19].row, 11);
    EXPECT_EQ(rows[20].tensor, -1);
    EXPECT_EQ(rows[28].tensor, -1);
}

TEST(PackRows, aScaleThatIsNotFiniteIsSeen) {
    TensorInfo tensor;
    tensor.type = TensorType::int4, tensor.rows = 1, tensor.columns = 64, tensor.groupSize = 64;
    std::string stored = encodeInt4(std::vector<float>(64, 0.25f), 64);
    const PackedForm form = PackedForm::of(tensor, MatrixRole::layer);
    UnpackedRow row(form);
    EXPECT_TRUE(unpackRow(form, tensor, reinterpret_cast<const std::byte*>(stored.data()), row));
    const float infinite = INFINITY;
    std::memcpy(stored.data(), &infinite, 4);
    EXPECT_FALSE(unpackRow(form, tensor, reinterpret_cast<const std::byte*>(stored.data()), row));
}

}  // namespace
}  // namespace edgechat::inference::cuda
