#include <gtest/gtest.h>

#include <cstring>
#include <limits>

#include "inference/cpu/packed_matrix.h"
#include "tests/data/memory_checkpoint.h"
#include "tests/data/random_values.h"

namespace edgechat::inference::cpu {
namespace {

struct Packed {
    TensorInfo tensor;
    std::string stored;
    std::vector<std::byte> memory;
    PackedMatrix matrix;
    bool finite = true;
};

Packed pack(TensorType type, int rows, int columns, int tileRows, const std::string& stored,
            int groupSize = 0) {
    Packed packed;
    packed.tensor = {"w", type, rows, columns, groupSize, stored.size(), {}};
    packed.stored = stored;
    packed.matrix = packedShape(packed.tensor, tileRows);
    packed.memory.resize(packed.matrix.bytes());
    packed.matrix.data = packed.memory.data();
    const auto* source = reinterpret_cast<const std::byte*>(packed.stored.data());
    for (int tile = 0; tile < packed.matrix.tiles(); ++tile) {
        const int row = tile * tileRows;
        packed.finite &= packTile(packed.matrix, packed.tensor,
                                  source + packed.tensor.rowBytes() * static_cast<size_t>(row),
                                  std::min(tileRows, rows - row),
                                  packed.memory.data() + packed.matrix.tileBytes * static_cast<size_t>(tile));
    }
    return packed;
}

std::string randomStored(TensorType type, int rows, int columns) {
    return edgechat::testing::encodeTensor(
        type,
        edgechat::testing::RandomValues(7).vector(static_cast<size_t>(rows) * static_cast<size_t>(columns)));
}

void expectRows(const Packed& packed) {
    ASSERT_TRUE(packed.finite);
    const TensorInfo& tensor = packed.tensor;
    std::vector<float> expected(static_cast<size_t>(tensor.columns)), found(expected.size());
    for (int row = 0; row < tensor.rows; ++row) {
        dequantizeRow(tensor, packed.stored.data() + tensor.rowBytes() * static_cast<size_t>(row),
                      expected.data());
        unpackRow(packed.matrix, row, found.data());
        for (size_t k = 0; k < expected.size(); ++k) {
            ASSERT_FLOAT_EQ(found[k], expected[k]) << tensorTypeName(tensor.type) << " g" << tensor.groupSize
                                                   << " row " << row << " column " << k;
        }
    }
}

TEST(PackedMatrix, keepsEveryWeightExactly) {
    for (const TensorType type : {TensorType::q4_0, TensorType::q4_1, TensorType::q8_0, TensorType::f16,
                                  TensorType::bf16, TensorType::f32}) {
        for (const int tileRows : {8, 16}) {
            const int rows = 19, columns = 96;  // the last tile is not full
            expectRows(pack(type, rows, columns, tileRows, randomStored(type, rows, columns)));
        }
    }
}

TEST(PackedMatrix, keepsEveryWeightOfInt4InGroupsOfAnySize) {
    for (const auto& [columns, groupSize] :
         {std::pair{256, 32}, {256, 64}, {256, 128}, {256, 256}, {96, 96}, {96, 48}, {100, 20}, {21, 7}}) {
        for (const int tileRows : {8, 16}) {
            const int rows = 19;
            const Packed packed =
                pack(TensorType::int4, rows, columns, tileRows,
                     edgechat::testing::encodeInt4(
                         edgechat::testing::RandomValues(7).vector(static_cast<size_t>(rows * columns)),
                         groupSize),
                     groupSize);
            EXPECT_EQ(packed.matrix.dense(), groupSize % 32 != 0);
            expectRows(packed);
        }
    }
}

TEST(PackedMatrix, refusesInt4ThatFp16CannotScale) {
    std::string stored = edgechat::testing::encodeInt4(edgechat::testing::RandomValues(7).vector(4 * 64), 32);
    for (const float scale : {1e6f, std::numeric_limits<float>::quiet_NaN()}) {
        std::memcpy(stored.data() + stored.size() / 2, &scale, 4);
        EXPECT_FALSE(pack(TensorType::int4, 4, 64, 8, stored, 32).finite) << scale;
    }
}

TEST(PackedMatrix, refusesAScaleThatIsNotFinite) {
    for (const TensorType type : {TensorType::q4_0, TensorType::q4_1, TensorType::q8_0}) {
        std::string stored = randomStored(type, 4, 64);
        const uint16_t infinity = 0x7c00, notANumber = 0x7e00;
        std::memcpy(stored.data() + stored.size() / 2, &infinity, 2);  // scale of the third row's first block
        EXPECT_FALSE(pack(type, 4, 64, 8, stored).finite) << tensorTypeName(type);
        std::memcpy(stored.data() + stored.size() / 2, &notANumber, 2);
        EXPECT_FALSE(pack(type, 4, 64, 8, stored).finite) << tensorTypeName(type);
    }
}

TEST(PackedMatrix, takesFiveBitsAWeightForQ4WithOffsetsAndFourAndAHalfWithout) {
    // 4 bits and one or two fp16 numbers per 32 weights.
    EXPECT_EQ(packedShape({"w", TensorType::q4_1, 64, 576, 0, 0, {}}, 16).bytes(), 64u * 576 * 5 / 8);
    EXPECT_EQ(packedShape({"w", TensorType::q4_0, 64, 576, 0, 0, {}}, 16).bytes(), 64u * 576 * 9 / 16);
    EXPECT_EQ(packedShape({"w", TensorType::q8_0, 64, 576, 0, 0, {}}, 16).bytes(), 64u * 576 * 17 / 16);
}

}  // namespace
}  // namespace edgechat::inference::cpu
