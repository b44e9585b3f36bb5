// Dequantization against the gguf Python package (tests/data/make_block_goldens.py), and the check for scales
// that are no numbers.
#include "inference/model/ggml_blocks.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <vector>

#include "inference/model/checkpoint.h"
#include "tests/data/block_encoder.h"
#include "tests/data/gguf_writer.h"
#include "tests/data/random_values.h"
#include "tests/data/test_files.h"

namespace edgechat::inference {
namespace {

constexpr TensorType kBlockTypes[] = {TensorType::q4_0, TensorType::q4_1, TensorType::q5_0, TensorType::q5_1,
                                      TensorType::q8_0, TensorType::q2_k, TensorType::q3_k, TensorType::q4_k,
                                      TensorType::q5_k, TensorType::q6_k};

struct Golden {
    std::string name;
    uint32_t blocks = 0, bytes = 0, elements = 0;
    std::string stored;
    std::vector<float> values;
};

std::vector<Golden> readGoldens() {
    const std::string file = testing::readFile(EDGECHAT_SOURCE_DIR "/tests/data/block_goldens.bin");
    size_t at = 8;
    const auto take = [&](void* out, size_t count) {
        ASSERT_LE(at + count, file.size());
        std::memcpy(out, file.data() + at, count);
        at += count;
    };
    EXPECT_EQ(file.substr(0, 8), "ECBLOCK1");
    uint32_t types = 0;
    take(&types, 4);
    std::vector<Golden> goldens(types);
    for (Golden& golden : goldens) {
        char name[9] = {};
        take(name, 8);
        golden.name = name;
        take(&golden.blocks, 4);
        take(&golden.bytes, 4);
        take(&golden.elements, 4);
        golden.stored.resize(size_t{golden.blocks} * golden.bytes);
        take(golden.stored.data(), golden.stored.size());
        golden.values.resize(size_t{golden.blocks} * golden.elements);
        take(golden.values.data(), golden.values.size() * 4);
    }
    EXPECT_EQ(at, file.size());
    return goldens;
}

TEST(GgmlBlocks, valuesAreThoseOfTheGgufPackage) {
    const std::vector<Golden> goldens = readGoldens();
    ASSERT_EQ(goldens.size(), std::size(kBlockTypes));
    for (const TensorType type : kBlockTypes) {
        const auto golden = std::find_if(goldens.begin(), goldens.end(),
                                         [&](const Golden& g) { return g.name == tensorTypeName(type); });
        ASSERT_NE(golden, goldens.end()) << tensorTypeName(type);
        ASSERT_EQ(static_cast<int>(golden->elements), blockElements(type)) << golden->name;
        ASSERT_EQ(static_cast<int>(golden->bytes), blockBytes(type)) << golden->name;
        std::vector<float> values(golden->values.size());
        dequantizeRow(type, golden->stored.data(), static_cast<int64_t>(values.size()), values.data());
        for (size_t block = 0; block < golden->blocks; ++block) {
            const float* expected = golden->values.data() + block * golden->elements;
            float largest = 0;
            for (size_t i = 0; i < golden->elements; ++i) largest = std::max(largest, std::fabs(expected[i]));
            // A compiler may fuse the product and the sum, which rounds once less.
            for (size_t i = 0; i < golden->elements; ++i) {
                ASSERT_NEAR(values[block * golden->elements + i], expected[i], 2e-7f * largest)
                    << golden->name << " block " << block << " element " << i;
            }
        }
    }
}

// Bytes of a block at which ggml keeps its fp16 scales: d, and m or dmin.
const std::pair<TensorType, std::vector<size_t>> kScalePlaces[] = {
    {TensorType::q4_0, {0}},    {TensorType::q4_1, {0, 2}}, {TensorType::q5_0, {0}},
    {TensorType::q5_1, {0, 2}}, {TensorType::q8_0, {0}},    {TensorType::q2_k, {80, 82}},
    {TensorType::q3_k, {108}},  {TensorType::q4_k, {0, 2}}, {TensorType::q5_k, {0, 2}},
    {TensorType::q6_k, {208}}};

TEST(GgmlBlocks, everyScaleMustBeFinite) {
    for (const auto& [type, places] : kScalePlaces) {
        const auto size = static_cast<size_t>(blockBytes(type));
        // All bytes but the scales may be anything.
        std::vector<uint8_t> blocks(3 * size, 0xff);
        for (size_t block = 0; block < 3; ++block) {
            for (const size_t place : places) blocks[block * size + place + 1] = 0x7b;  // 65504, the largest
        }
        EXPECT_TRUE(finiteBlocks(type, blocks.data(), 3)) << tensorTypeName(type);
        for (const size_t place : places) {
            uint8_t& byte = blocks[2 * size + place + 1];
            for (const auto high : {uint8_t{0x7c}, uint8_t{0xfc}, uint8_t{0x7e}}) {  // infinities and NaNs
                byte = high;
                EXPECT_FALSE(finiteBlocks(type, blocks.data(), 3))
                    << tensorTypeName(type) << " byte " << place;
                EXPECT_TRUE(finiteBlocks(type, blocks.data(), 2)) << tensorTypeName(type);
            }
            byte = 0x7b;
        }
    }
}

TEST(GgmlBlocks, floatsAndGroupScalesMustBeFinite) {
    const uint8_t floats[] = {0, 0, 0x7f, 0x7f, 0, 0, 0x80, 0x7f};  // fp32: 3.4e38, infinity
    EXPECT_TRUE(finiteBlocks(TensorType::f32, floats, 1));
    EXPECT_FALSE(finiteBlocks(TensorType::f32, floats, 2));
    const uint8_t halves[] = {0xff, 0x7b, 0, 0x7c};
    EXPECT_TRUE(finiteBlocks(TensorType::f16, halves, 1));
    EXPECT_FALSE(finiteBlocks(TensorType::f16, halves, 2));
    EXPECT_TRUE(finiteBlocks(TensorType::bf16, halves, 2));  // the same bits are 2.7e36
    const uint8_t brain[] = {0x7f, 0x7f, 0xc0, 0xff};
    EXPECT_TRUE(finiteBlocks(TensorType::bf16, brain, 1));
    EXPECT_FALSE(finiteBlocks(TensorType::bf16, brain, 2));
    std::vector<uint8_t> groups(2 * 24, 0xff);  // int4, groups of 32
    for (int byte = 0; byte < 4; ++byte) groups[static_cast<size_t>(byte)] = 0x3f;
    EXPECT_TRUE(finiteBlocks(TensorType::int4, groups.data(), 1, 32));
    EXPECT_FALSE(finiteBlocks(TensorType::int4, groups.data(), 2, 32));
}

// The tests' own encoder, checked with the values above behind it: half a step of the coarsest group.
TEST(GgmlBlocks, encoderOfTheTestsRoundsToTheNearestLevel) {
    std::vector<float> values(512);
    for (size_t i = 0; i < values.size(); ++i) values[i] = std::sin(static_cast<float>(i * i) * 0.37f);
    const std::pair<TensorType, float> steps[] = {
        {TensorType::q4_0, 1 / 8.f},  {TensorType::q4_1, 2 / 15.f},  {TensorType::q5_0, 1 / 16.f},
        {TensorType::q5_1, 2 / 31.f}, {TensorType::q8_0, 1 / 127.f}, {TensorType::q2_k, 2 / 3.f},
        {TensorType::q3_k, 1 / 4.f},  {TensorType::q4_k, 2 / 15.f},  {TensorType::q5_k, 2 / 31.f},
        {TensorType::q6_k, 1 / 32.f}};
    for (const auto& [type, step] : steps) {
        const std::string stored = testing::encodeTensor(type, values);
        ASSERT_EQ(stored.size(),
                  512u / static_cast<size_t>(blockElements(type)) * static_cast<size_t>(blockBytes(type)));
        std::vector<float> read(512);
        dequantizeRow(type, stored.data(), 512, read.data());
        double squares = 0;
        for (size_t i = 0; i < 512; ++i) squares += std::pow(static_cast<double>(read[i] - values[i]), 2);
        // Uniform rounding errors have a root mean square of step / sqrt(12).
        EXPECT_LT(std::sqrt(squares / 512), 0.45 * static_cast<double>(step)) << tensorTypeName(type);
    }
}

TEST(GgmlBlocks, everyTypeOpensAndNonFiniteScalesAreRefusedWhenRead) {
    for (const TensorType type : kBlockTypes) {
        testing::TinyModelOptions options;
        options.layers = 1;
        options.hidden = options.ffn = 256;
        options.headSize = 64;
        options.weights = options.embedding = type;
        testing::GgufWriter writer = testing::tinyModel(options);
        testing::GgufWriter::Tensor* down = writer.tensor("blk.0.ffn_down.weight");
        const size_t row = down->data.size() / 256;
        // The last block of the last row.
        const BlockLayout& layout = blockLayout(type);
        down->data[down->data.size() - static_cast<size_t>(layout.bytes - layout.scalesAt - 1)] = '\x7e';
        const testing::TemporaryFile file(writer.bytes());
        const auto opened = Checkpoint::open(file.path());
        ASSERT_TRUE(opened) << opened.error().message();
        EXPECT_EQ((*opened)->config().quantization, tensorTypeName(type));
        const TensorInfo& tensor = (*opened)->tensors().layers[0].down.weight;
        ASSERT_EQ(tensor.type, type);
        ASSERT_EQ(tensor.rowBytes(), row);
        std::vector<std::byte> rows(255 * row);
        EXPECT_TRUE((*opened)->readRows(tensor, 0, 255, rows.data())) << tensorTypeName(type);
        const auto last = (*opened)->readRows(tensor, 255, 1, rows.data());
        ASSERT_FALSE(last) << tensorTypeName(type);
        EXPECT_EQ(last.error().code, ErrorCode::badInput);
        EXPECT_EQ(last.error().field, "tensor blk.0.ffn_down.weight");
        EXPECT_EQ(last.error().found, "an infinity or a NaN in its scales or values");
    }
}

}  // namespace
}  // namespace edgechat::inference
