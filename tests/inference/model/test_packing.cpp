// What becomes of tensors that have no kernels of their own.
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstring>
#include <limits>

#include "inference/model/packing.h"
#include "tests/data/gguf_writer.h"
#include "tests/data/random_values.h"

namespace edgechat::inference {
namespace {

TensorInfo shape(TensorType type, int64_t columns, int groupSize = 0, int64_t rows = 4) {
    TensorInfo tensor;
    tensor.type = type, tensor.rows = rows, tensor.columns = columns, tensor.groupSize = groupSize;
    return tensor;
}

TEST(Packing, keepsWhatTheKernelsMultiply) {
    for (const TensorType type : {TensorType::f32, TensorType::f16, TensorType::bf16, TensorType::q4_0,
                                  TensorType::q4_1, TensorType::q8_0}) {
        EXPECT_EQ(keptType(shape(type, 96)), type);
        EXPECT_EQ(keptRowBytes(shape(type, 96)), shape(type, 96).rowBytes());
        EXPECT_EQ(keptTypeLoss(shape(type, 96)), "");
    }
    for (const int group : {32, 64, 128, 4096}) {
        EXPECT_EQ(keptType(shape(TensorType::int4, 4096, group)), TensorType::int4);
        EXPECT_EQ(keptTypeLoss(shape(TensorType::int4, 4096, group)), "");
    }
    EXPECT_EQ(keptType(shape(TensorType::f16, 100)), TensorType::f16) << "floats have no groups";
}

TEST(Packing, int4TakesFourBitsAScaleOf16AndAZeroPointOf8) {
    // 128 codes of 4 bits and 3 bytes: 4.1875 bits a weight.
    EXPECT_EQ(keptRowBytes(shape(TensorType::int4, 4096, 128)), 4096u / 128 * (64 + 3));
    EXPECT_EQ(keptRowBytes(shape(TensorType::int4, 4544, 4544)), 2272u + 3);
}

TEST(Packing, groupsThatAreNoMultipleOf32AreKeptAsFloats) {
    const TensorInfo tensor = shape(TensorType::int4, 100, 20);
    EXPECT_EQ(keptType(tensor), TensorType::f32);
    EXPECT_EQ(keptRowBytes(tensor), 400u);
    EXPECT_EQ(keptTypeLoss(tensor), "INT4 -> F32, nothing lost");
    EXPECT_EQ(keptType(shape(TensorType::int4, 96, 48)), TensorType::f32);
    EXPECT_EQ(keptBytes(shape(TensorType::int4, 100, 20, 17)), 32u * 400) << "whole tiles of 16 rows";
    EXPECT_EQ(keptBytes(shape(TensorType::f16, 100, 0, 1)), 448u) << "vectors in fp32, aligned to 64 bytes";
}

TEST(Packing, int8IsARowInWholeStepsOf32AndAScale) {
    EXPECT_EQ(keptType(shape(TensorType::int8, 4096, 4096)), TensorType::int8);
    EXPECT_EQ(keptTypeLoss(shape(TensorType::int8, 4096, 4096)), "");
    EXPECT_EQ(keptRowBytes(shape(TensorType::int8, 4096, 4096)), 4096u + 4);
    EXPECT_EQ(keptType(shape(TensorType::int8, 100, 100)), TensorType::int8);
    EXPECT_EQ(keptRowBytes(shape(TensorType::int8, 100, 100)), 128u + 4);
    EXPECT_EQ(keptBytes(shape(TensorType::int8, 64, 64, 17)), 32u * 68);
    const int longest = static_cast<int>(kMaxInt8Columns);
    EXPECT_EQ(keptType(shape(TensorType::int8, longest, longest)), TensorType::int8);
    EXPECT_EQ(keptType(shape(TensorType::int8, longest + 1, longest + 1)), TensorType::f32);
    EXPECT_EQ(keptTypeLoss(shape(TensorType::int8, longest + 1, longest + 1)), "INT8 -> F32, nothing lost");
}

TEST(Packing, typesWithoutKernelsBecomeTheNextOneThatHas) {
    EXPECT_EQ(keptType(shape(TensorType::q4_k, 512)), TensorType::q4_1);
    EXPECT_EQ(keptRowBytes(shape(TensorType::q4_k, 512)), 512u / 32 * 20) << "5 bits a weight";
    EXPECT_EQ(keptTypeLoss(shape(TensorType::q4_k, 512)),
              "Q4_K -> INT4 g32, about 0.1 % of a block's largest value");
    for (const TensorType type : {TensorType::q5_0, TensorType::q5_1, TensorType::q2_k, TensorType::q3_k,
                                  TensorType::q5_k, TensorType::q6_k}) {
        EXPECT_EQ(keptType(shape(type, 512)), TensorType::q8_0);
    }
}

TEST(Packing, transcodesEveryBlockOfARow) {
    // Two super-blocks; each is d = 1, dmin = 0 with all scales 1 and codes that count from a first one.
    std::vector<std::byte> stored(2 * 144);
    for (size_t block = 0; block < 2; ++block) {
        std::byte* at = stored.data() + 144 * block;
        at[1] = std::byte{0x3c};
        for (int i = 4; i < 8; ++i) at[i] = std::byte{1};
        for (int i = 12; i < 16; ++i) at[i] = std::byte{1};
        for (int i = 0; i < 128; ++i) at[16 + i] = std::byte(static_cast<uint8_t>(17 * (3 + 5 * block)));
    }
    std::vector<std::byte> out(16 * 20);
    transcodeRow(shape(TensorType::q4_k, 512), stored.data(), out.data());
    std::vector<float> found(512);
    dequantizeRow(TensorType::q4_1, out.data(), 512, found.data());
    for (size_t i = 0; i < 512; ++i) EXPECT_EQ(found[i], i < 256 ? 3.0f : 8.0f) << i;
}

TEST(Packing, q8LosesAtMostHalfAStepOfTheLargestValue) {
    for (const float spread : {1.0f, 3e-3f, 2e-5f, 1e-7f, 500.0f}) {
        const std::vector<float> values = edgechat::testing::RandomValues(3).vector(32 * 50, spread);
        std::vector<std::byte> blocks(34 * 50);
        quantizeToQ8_0(values.data(), static_cast<int64_t>(values.size()), blocks.data());
        std::vector<float> found(values.size());
        dequantizeRow(TensorType::q8_0, blocks.data(), static_cast<int64_t>(values.size()), found.data());
        for (size_t first = 0; first < values.size(); first += 32) {
            float largest = 0;
            for (size_t i = first; i < first + 32; ++i) largest = std::max(largest, std::fabs(values[i]));
            // The scale is a multiple of 2^-24 at least, and rounded to 11 bits.
            const float most = largest / 254 * 1.001f + 0x1p-25f;
            for (size_t i = first; i < first + 32; ++i) EXPECT_LE(std::fabs(found[i] - values[i]), most);
        }
    }
}

TEST(Packing, q8KeepsNoScaleForValuesThatAreNotFinite) {
    for (const float bad :
         {std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN(), 1e30f}) {
        std::vector<float> values(32, 1.0f);
        values[5] = bad;
        std::array<std::byte, 34> block{};
        quantizeToQ8_0(values.data(), 32, block.data());
        uint16_t scale;
        std::memcpy(&scale, block.data(), 2);
        EXPECT_EQ(scale & 0x7c00, 0x7c00) << bad;
    }
}

TEST(Packing, q4kKeepsItsCodesWithScalesOfFp16) {
    // A block of random bytes with d = 0.0123 and dmin = 0.0456, and values of gguf-py 0.17's dequantize().
    const std::array<uint8_t, 144> bytes = {
        76,  34,  214, 41,  238, 171, 20,  206, 245, 153, 204, 5,   37,  53,  213, 206, 192, 173,
        6,   120, 63,  96,  236, 131, 118, 4,   87,  161, 124, 71,  42,  73,  237, 16,  194, 250,
        10,  103, 206, 13,  143, 2,   38,  71,  133, 118, 36,  98,  196, 35,  57,  146, 50,  179,
        145, 104, 206, 53,  141, 33,  181, 39,  151, 11,  180, 138, 66,  0,   165, 98,  123, 12,
        144, 184, 24,  38,  129, 1,   202, 255, 85,  54,  228, 48,  127, 169, 1,   167, 109, 247,
        16,  192, 78,  220, 8,   60,  189, 181, 64,  72,  8,   185, 88,  111, 191, 138, 99,  67,
        48,  68,  100, 249, 67,  40,  127, 45,  33,  51,  206, 229, 217, 85,  53,  204, 120, 134,
        31,  216, 14,  127, 160, 29,  208, 161, 116, 100, 83,  151, 198, 160, 173, 193, 54,  126};
    std::array<std::byte, 160> blocks{};
    q4kToQ4_1(reinterpret_cast<const std::byte*>(bytes.data()), blocks.data());
    std::array<float, 256> found{};
    dequantizeRow(TensorType::q4_1, blocks.data(), 256, found.data());
    for (const auto& [i, value] : std::vector<std::pair<size_t, float>>{{0, -2.41644287109375f},
                                                                        {1, 4.9381103515625f},
                                                                        {31, -1.28497314453125f},
                                                                        {32, 5.20623779296875f},
                                                                        {63, 2.033203125f},
                                                                        {64, 0.436767578125f},
                                                                        {100, 0.28857421875f},
                                                                        {128, 0.979461669921875f},
                                                                        {160, 0.679473876953125f},
                                                                        {161, -0.230621337890625f},
                                                                        {192, -2.596710205078125f},
                                                                        {223, -1.9202880859375f},
                                                                        {224, 2.5029296875f},
                                                                        {255, 4.79046630859375f}}) {
        EXPECT_NEAR(found[i], value, 4e-3f) << i;
    }
    double sum = 0;
    for (const float value : found) sum += value;
    EXPECT_NEAR(sum, 381.6686096191406, 0.3);
}

}  // namespace
}  // namespace edgechat::inference
