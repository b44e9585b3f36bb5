#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <vector>

#include "inference/model/tensor.h"

namespace edgechat::inference {
namespace {

// The value of a finite half by the definition of IEEE 754 binary16.
double halfByDefinition(uint16_t bits) {
    const int exponent = (bits >> 10) & 31, fraction = bits & 1023;
    const double magnitude =
        exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024 + fraction, exponent - 25);
    return bits & 0x8000 ? -magnitude : magnitude;
}

TEST(Half, everyFiniteValueIsExact) {
    for (uint32_t bits = 0; bits < 0x10000; ++bits) {
        const auto half = static_cast<uint16_t>(bits);
        if (((half >> 10) & 31) == 31) continue;
        ASSERT_EQ(static_cast<double>(halfToFloat(half)), halfByDefinition(half)) << bits;
        ASSERT_EQ(floatToHalf(halfToFloat(half)), half) << bits;
    }
}

TEST(Half, infinityAndNanSurvive) {
    EXPECT_EQ(halfToFloat(0x7c00), std::numeric_limits<float>::infinity());
    EXPECT_EQ(halfToFloat(0xfc00), -std::numeric_limits<float>::infinity());
    EXPECT_TRUE(std::isnan(halfToFloat(0x7e00)));
    EXPECT_TRUE(std::isnan(halfToFloat(0x7c01)));
    EXPECT_EQ(floatToHalf(std::numeric_limits<float>::infinity()), 0x7c00);
    EXPECT_EQ(floatToHalf(-std::numeric_limits<float>::infinity()), 0xfc00);
    EXPECT_TRUE(std::isnan(halfToFloat(floatToHalf(std::numeric_limits<float>::quiet_NaN()))));
    EXPECT_TRUE(std::isnan(halfToFloat(floatToHalf(std::bit_cast<float>(0x7f800001u)))));
}

TEST(Half, roundsHalfWayCasesToEven) {
    // Between every two neighbours: just below, at and just above the middle.
    for (uint32_t bits = 0; bits < 0x7bff; ++bits) {
        const auto lower = static_cast<uint16_t>(bits), upper = static_cast<uint16_t>(bits + 1);
        const float middle = (halfToFloat(lower) + halfToFloat(upper)) / 2;
        const uint16_t even = bits % 2 == 0 ? lower : upper;
        ASSERT_EQ(floatToHalf(middle), even) << bits;
        ASSERT_EQ(floatToHalf(-middle), even | 0x8000) << bits;
        ASSERT_EQ(floatToHalf(std::nextafter(middle, 0.0f)), lower) << bits;
        ASSERT_EQ(floatToHalf(std::nextafter(middle, 1e9f)), upper) << bits;
    }
}

TEST(Half, valuesAboveTheLargestBecomeInfinity) {
    EXPECT_EQ(floatToHalf(65504.0f), 0x7bff);
    EXPECT_EQ(floatToHalf(std::nextafter(65520.0f, 0.0f)), 0x7bff);
    EXPECT_EQ(floatToHalf(65520.0f), 0x7c00);
    EXPECT_EQ(floatToHalf(1e30f), 0x7c00);
    EXPECT_EQ(floatToHalf(0x1p-25f), 0);  // the middle between 0 and the smallest: to even
    EXPECT_EQ(floatToHalf(std::nextafter(0x1p-25f, 1.0f)), 1);
    EXPECT_EQ(floatToHalf(1e-30f), 0);
    EXPECT_EQ(floatToHalf(-0.0f), 0x8000);
}

std::vector<uint8_t> withHalves(std::initializer_list<uint16_t> halves) {
    std::vector<uint8_t> bytes;
    for (uint16_t half : halves) {
        bytes.push_back(static_cast<uint8_t>(half & 255));
        bytes.push_back(static_cast<uint8_t>(half >> 8));
    }
    return bytes;
}

// Low nibbles count up and high nibbles count down.
void appendNibbles(std::vector<uint8_t>& block) {
    for (int i = 0; i < 16; ++i) block.push_back(static_cast<uint8_t>(i | ((15 - i) << 4)));
}

TEST(Dequantize, q4_0TakesEightFromTheNibble) {
    std::vector<uint8_t> block = withHalves({0x3800});  // 0.5
    appendNibbles(block);
    std::vector<float> out(32);
    dequantizeRow(TensorType::q4_0, block.data(), 32, out.data());
    for (int i = 0; i < 16; ++i) {
        EXPECT_EQ(out[static_cast<size_t>(i)], 0.5f * static_cast<float>(i - 8));
        EXPECT_EQ(out[static_cast<size_t>(i + 16)], 0.5f * static_cast<float>(7 - i));
    }
}

TEST(Dequantize, q4_1AddsItsOffset) {
    std::vector<uint8_t> block = withHalves({0x3400, 0xbc00});  // 0.25, -1
    appendNibbles(block);
    std::vector<float> out(32);
    dequantizeRow(TensorType::q4_1, block.data(), 32, out.data());
    for (int i = 0; i < 16; ++i) {
        EXPECT_EQ(out[static_cast<size_t>(i)], 0.25f * static_cast<float>(i) - 1.0f);
        EXPECT_EQ(out[static_cast<size_t>(i + 16)], 0.25f * static_cast<float>(15 - i) - 1.0f);
    }
}

TEST(Dequantize, q8_0IsSignedAndBlocksFollowEachOther) {
    std::vector<uint8_t> row;
    for (uint16_t scale : {uint16_t{0x3c00}, uint16_t{0xc000}}) {  // 1, -2
        for (uint8_t byte : withHalves({scale})) row.push_back(byte);
        for (int i = 0; i < 32; ++i) row.push_back(static_cast<uint8_t>(static_cast<int8_t>(i * 8 - 128)));
    }
    std::vector<float> out(64);
    dequantizeRow(TensorType::q8_0, row.data(), 64, out.data());
    for (int i = 0; i < 32; ++i) {
        EXPECT_EQ(out[static_cast<size_t>(i)], static_cast<float>(i * 8 - 128));
        EXPECT_EQ(out[static_cast<size_t>(i + 32)], static_cast<float>(-2 * (i * 8 - 128)));
    }
}

TEST(Dequantize, int4TakesTheGroupsZeroFromTheCode) {
    // scale 0.5, zero 3; groups of five elements in three bytes, the low half first.
    const uint8_t group[] = {0, 0, 0, 0x3f, 0, 0, 0x40, 0x40, 0x10, 0xf8, 0x03};
    std::vector<float> out(5);
    dequantizeRow(TensorType::int4, group, 5, out.data(), 5);
    EXPECT_EQ(out, (std::vector<float>{-1.5f, -1.0f, 2.5f, 6.0f, 0.0f}));
}

TEST(Dequantize, int8IsARowOfSignedCodesBehindItsScale) {
    // scale 0.25; 0, 1, -1, 127, -128
    const uint8_t row[] = {0, 0, 0x80, 0x3e, 0x00, 0x01, 0xff, 0x7f, 0x80};
    std::vector<float> out(5);
    dequantizeRow(TensorType::int8, row, 5, out.data(), 5);
    EXPECT_EQ(out, (std::vector<float>{0.0f, 0.25f, -0.25f, 31.75f, -32.0f}));
    EXPECT_TRUE(finiteBlocks(TensorType::int8, row, 1, 5));
    const uint8_t infinite[] = {0, 0, 0, 0, 1, 0, 0, 0x80, 0x7f, 1};  // two rows of one column
    EXPECT_TRUE(finiteBlocks(TensorType::int8, infinite, 1, 1));
    EXPECT_FALSE(finiteBlocks(TensorType::int8, infinite, 2, 1));
}

TEST(Dequantize, floatsAreReadLittleEndian) {
    const uint8_t f32[] = {0x00, 0x00, 0xc0, 0x3f, 0x00, 0x00, 0x20, 0xc1};  // 1.5, -10
    const uint8_t f16[] = {0x00, 0x3e, 0x00, 0xc9};                          // 1.5, -10
    const uint8_t bf16[] = {0xc0, 0x3f, 0x20, 0xc1};                         // 1.5, -10
    float out[2];
    const std::pair<TensorType, const uint8_t*> kinds[] = {
        {TensorType::f32, f32}, {TensorType::f16, f16}, {TensorType::bf16, bf16}};
    for (const auto& [type, bytes] : kinds) {
        out[0] = out[1] = 0;
        dequantizeRow(type, bytes, 2, out);
        EXPECT_EQ(out[0], 1.5f) << tensorTypeName(type);
        EXPECT_EQ(out[1], -10.0f) << tensorTypeName(type);
    }
}

TEST(TensorInfo, rowBytesFollowTheBlock) {
    TensorInfo info;
    info.columns = 576;
    const std::pair<TensorType, uint64_t> expected[] = {{TensorType::f32, 2304},  {TensorType::f16, 1152},
                                                        {TensorType::bf16, 1152}, {TensorType::q4_0, 324},
                                                        {TensorType::q4_1, 360},  {TensorType::q8_0, 612}};
    for (const auto& [type, bytes] : expected) {
        info.type = type;
        EXPECT_EQ(info.rowBytes(), bytes) << tensorTypeName(type);
    }
    info.type = TensorType::int8, info.groupSize = 576;
    EXPECT_EQ(info.rowBytes(), 4u + 576);
}

}  // namespace
}  // namespace edgechat::inference
