#include <gtest/gtest.h>

#include <cstring>

#include "inference/cpu/packed_matrix.h"
#include "tests/data/gguf_writer.h"
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

Packed pack(TensorType type, int rows, int columns, int tileRows, const std::string& stored) {
    Packed packed;
    packed.tensor = {"w", type, rows, columns, 0, stored.size(), {}};
    packed.stored = stored;
    packed.matrix = packedShape(packed.tensor, tileRows);
    packed.memory.resize(packed.matrix.bytes());
    packed.matrix.data = packed.memory.data();
    const auto* source = reinterpret_cast<const std::byte*>(packed.stored.data());
    for (int tile = 0; tile < packed.matrix.tiles(); ++tile) {
        const int row = tile * tileRows;
        packed.finite &= packTile(packed.matrix, source + packed.tensor.rowBytes() * static_cast<size_t>(row),
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

TEST(PackedMatrix, keepsEveryWeightExactly) {
    for (const TensorType type : {TensorType::q4_0, TensorType::q4_1, TensorType::q8_0, TensorType::f16,
                                  TensorType::bf16, TensorType::f32}) {
        for (const int tileRows : {8, 16}) {
            const int rows = 19, columns = 96;  // the last tile is not full
            const Packed packed = pack(type, rows, columns, tileRows, randomStored(type, rows, columns));
            ASSERT_TRUE(packed.finite);
            std::vector<float> expected(columns), found(columns);
            for (int row = 0; row < rows; ++row) {
                dequantizeRow(type,
                              packed.stored.data() + packed.tensor.rowBytes() * static_cast<size_t>(row),
                              columns, expected.data());
                unpackRow(packed.matrix, row, found.data());
                for (int k = 0; k < columns; ++k) {
                    ASSERT_FLOAT_EQ(found[static_cast<size_t>(k)], expected[static_cast<size_t>(k)])
                        << tensorTypeName(type) << " row " << row << " column " << k;
                }
            }
        }
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
