// The packed words against AutoAWQ's rule.
#include "quant/output/output_tensors.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>

namespace edgechat::quant {
namespace {

TEST(PackAwq, putsEightOutputsIntoTheWordOfAutoAwq) {
    const uint8_t columns[8] = {0, 1, 2, 3, 4, 5, 6, 7};
    std::vector<const uint8_t*> rows;
    for (const uint8_t& column : columns) rows.push_back(&column);
    EXPECT_EQ(packAwq(rows, 1), std::vector<uint32_t>{0x75316420});
}

// AutoAWQ's unpack_awq and reverse_awq_order: the nibbles from low to high, then columns 0 4 1 5 2 6 3 7 of
// them.
TEST(PackAwq, isUndoneByAutoAwqsUnpacking) {
    constexpr int kOrder[8] = {0, 4, 1, 5, 2, 6, 3, 7};
    constexpr size_t kRows = 152, kColumns = 40;  // more than one tile of words, and no whole number of them
    std::vector<uint8_t> codes;
    for (size_t i = 0; i < kRows * kColumns; ++i) codes.push_back(static_cast<uint8_t>(i * 7 / 3 % 16));
    std::vector<const uint8_t*> rows;
    for (size_t n = 0; n < kRows; ++n) rows.push_back(codes.data() + n * kColumns);
    const std::vector<uint32_t> words = packAwq(rows, kColumns);
    ASSERT_EQ(words.size(), kColumns * kRows / 8);
    for (size_t k = 0; k < kColumns; ++k) {
        for (size_t n = 0; n < kRows; ++n) {
            const uint32_t word = words[k * (kRows / 8) + n / 8];
            EXPECT_EQ(word >> (4 * kOrder[n % 8]) & 15, codes[n * kColumns + k]) << n << ", " << k;
        }
    }
}

TEST(HalfBytes, roundsToTheNearestEven) {
    const float values[] = {1.0f, -2.0f, 65504.0f, 1.0f + 0x1p-11f, 1.0f + 3 * 0x1p-11f, 0x1p-24f};
    const Result<std::vector<std::byte>> bytes = halfBytes(values, 6, "x");
    ASSERT_TRUE(bytes);
    uint16_t halves[6];
    ASSERT_EQ(bytes->size(), sizeof halves);
    std::memcpy(halves, bytes->data(), sizeof halves);
    const uint16_t expected[6] = {0x3c00, 0xc000, 0x7bff, 0x3c00, 0x3c02, 0x0001};
    for (int i = 0; i < 6; ++i) EXPECT_EQ(halves[i], expected[i]) << i;
}

TEST(HalfBytes, refusesWhatWouldBeInfinite) {
    for (const float value : {65505.0f, -1e30f, std::numeric_limits<float>::infinity(), NAN}) {
        const Result<std::vector<std::byte>> bytes = halfBytes(&value, 1, "model.norm.weight", 70);
        ASSERT_FALSE(bytes);
        EXPECT_EQ(bytes.error().code, ErrorCode::badInput);
        EXPECT_EQ(bytes.error().field, "tensor model.norm.weight");
        EXPECT_NE(bytes.error().found.find("as element 70"), std::string::npos);
    }
}

}  // namespace
}  // namespace edgechat::quant
