// The layouts of 4-bit weights: each is packed as the tool that writes it does and must come back as the same
// matrix, whatever rows are asked for.
#include <gtest/gtest.h>

#include <cstring>

#include "inference/model/checkpoint.h"
#include "inference/model/int4_rows.h"
#include "tests/data/hf_folder.h"
#include "tests/data/test_files.h"

namespace edgechat::inference {
namespace {

using namespace testing;

struct Layout {
    const char* name;
    Int4Form form;
    int groupSize;
    const char* quantization;
};

const Layout kLayouts[] = {
    {"gemm32", Int4Form::gemm, 32, "AWQ INT4 g32"},
    {"gemm64", Int4Form::gemm, 64, "AWQ INT4 g64"},
    {"gemmByRow", Int4Form::gemm, -1, "AWQ INT4 by row"},
    {"gemv32", Int4Form::gemv, 32, "AWQ INT4 g32"},
    {"gemv64", Int4Form::gemv, 64, "AWQ INT4 g64"},
    {"gemvFast32", Int4Form::gemvFast, 32, "AWQ INT4 g32"},
    {"gemvFast64", Int4Form::gemvFast, 64, "AWQ INT4 g64"},
    {"scaledZeros64", Int4Form::gemvFastScaledZeros, 64, "AWQ INT4 g64"},
    {"compressed32", Int4Form::compressed, 32, "INT4 g32 (compressed-tensors)"},
    {"compressedByRow", Int4Form::compressed, -1, "INT4 by row (compressed-tensors)"},
    {"compressedSymmetric64", Int4Form::compressedSymmetric, 64, "INT4 g64 (compressed-tensors)"},
};

class Int4Layouts : public ::testing::TestWithParam<Layout> {};

std::vector<float> valuesOf(const Checkpoint& checkpoint, const TensorInfo& tensor) {
    const auto values = checkpoint.readVector(tensor);
    EXPECT_TRUE(values) << (values ? "" : values.error().message());
    return values ? *values : std::vector<float>();
}

// The layouts of "gemv_fast" store -scale * zero rounded to fp16, and what they mean is code * scale + that.
float valueOf(const Int4Matrix& matrix, Int4Form form, int n, int k) {
    if (form != Int4Form::gemvFast && form != Int4Form::gemvFastScaledZeros) return matrix.value(n, k);
    const int group = k / matrix.groupSize;
    const float scale = matrix.scale(n, group);
    const float offset = halfToFloat(floatToHalf(-scale * static_cast<float>(matrix.zero(n, group))));
    return scale * static_cast<float>(matrix.code(n, k)) + offset;
}

void expectMatrix(const Checkpoint& checkpoint, const TensorInfo& tensor, const Int4Matrix& expected,
                  Int4Form form) {
    ASSERT_EQ(tensor.type, TensorType::int4);
    ASSERT_EQ(tensor.rows, expected.rows);
    ASSERT_EQ(tensor.columns, expected.columns);
    EXPECT_EQ(tensor.groupSize, expected.groupSize);
    const std::vector<float> values = valuesOf(checkpoint, tensor);
    ASSERT_EQ(values.size(), static_cast<size_t>(expected.rows * expected.columns));
    for (int n = 0; n < expected.rows; ++n) {
        for (int k = 0; k < expected.columns; ++k) {
            ASSERT_NEAR(values[static_cast<size_t>(n * expected.columns + k)], valueOf(expected, form, n, k),
                        2e-6f * expected.scale(n, k / expected.groupSize))
                << tensor.name << " output " << n << " input " << k;
        }
    }
}

TEST_P(Int4Layouts, everyWeightOfALlamaModel) {
    HfFolder model = tinyLlamaFolder();
    const auto matrices = quantizeFolder(model, GetParam().form, GetParam().groupSize);
    const TemporaryFolder folder;
    model.writeTo(folder);
    const auto checkpoint = Checkpoint::open(folder.path());
    ASSERT_TRUE(checkpoint) << checkpoint.error().message();
    EXPECT_EQ((*checkpoint)->config().quantization, GetParam().quantization);
    EXPECT_TRUE((*checkpoint)->warnings().empty()) << (*checkpoint)->warnings()[0];
    for (int i = 0; i < 2; ++i) {
        const LayerTensors& layer = (*checkpoint)->tensors().layers[static_cast<size_t>(i)];
        const std::string prefix = "model.layers." + std::to_string(i) + ".";
        expectMatrix(**checkpoint, layer.query.weight, matrices.at(prefix + "self_attn.q_proj"),
                     GetParam().form);
        expectMatrix(**checkpoint, layer.key.weight, matrices.at(prefix + "self_attn.k_proj"),
                     GetParam().form);
        expectMatrix(**checkpoint, layer.value.weight, matrices.at(prefix + "self_attn.v_proj"),
                     GetParam().form);
        expectMatrix(**checkpoint, layer.output.weight, matrices.at(prefix + "self_attn.o_proj"),
                     GetParam().form);
        expectMatrix(**checkpoint, layer.gate->weight, matrices.at(prefix + "mlp.gate_proj"),
                     GetParam().form);
        expectMatrix(**checkpoint, layer.up.weight, matrices.at(prefix + "mlp.up_proj"), GetParam().form);
        expectMatrix(**checkpoint, layer.down.weight, matrices.at(prefix + "mlp.down_proj"), GetParam().form);
    }
}

TEST_P(Int4Layouts, rowsDoNotDependOnHowManyAreReadAtOnce) {
    HfFolder model = tinyLlamaFolder(1);
    quantizeFolder(model, GetParam().form, GetParam().groupSize);
    const TemporaryFolder folder;
    model.writeTo(folder);
    const auto checkpoint = Checkpoint::open(folder.path());
    ASSERT_TRUE(checkpoint) << checkpoint.error().message();
    const TensorInfo& tensor = (*checkpoint)->tensors().layers[0].gate->weight;
    std::vector<std::byte> whole(tensor.bytes);
    ASSERT_TRUE((*checkpoint)->readRows(tensor, 0, tensor.rows, whole.data()));
    for (const int64_t chunk : {1, 3, 7, 8, 20, 127}) {
        std::vector<std::byte> pieces(tensor.bytes);
        for (int64_t row = 0; row < tensor.rows; row += chunk) {
            ASSERT_TRUE((*checkpoint)
                            ->readRows(tensor, row, std::min(chunk, tensor.rows - row),
                                       pieces.data() + static_cast<uint64_t>(row) * tensor.rowBytes()));
        }
        EXPECT_EQ(pieces, whole) << chunk << " rows at a time";
    }
}

INSTANTIATE_TEST_SUITE_P(, Int4Layouts, ::testing::ValuesIn(kLayouts),
                         [](const auto& info) { return info.param.name; });

// specs: codes 0 to 7 in columns 0 to 7 make the word 0x75316420.
TEST(AwqGemm, nibbleOrderOfTheReference) {
    HfFolder model = tinyLlamaFolder(1);
    quantizeFolder(model, Int4Form::gemm, 64);
    auto& codes = model.weights.tensor("model.layers.0.self_attn.q_proj.qweight");
    for (size_t i = 0; i < codes.data.size(); i += 4) codes.data.replace(i, 4, littleEndian(0x75316420u));
    const TemporaryFolder folder;
    model.writeTo(folder);
    const auto checkpoint = Checkpoint::open(folder.path());
    ASSERT_TRUE(checkpoint) << checkpoint.error().message();
    const TensorInfo& query = (*checkpoint)->tensors().layers[0].query.weight;
    std::vector<std::byte> row(query.rowBytes());
    for (int64_t n = 0; n < 16; ++n) {
        ASSERT_TRUE((*checkpoint)->readRows(query, n, 1, row.data()));
        EXPECT_EQ(static_cast<int>(row[8]), (n % 8) * 17) << "output " << n;
    }
}

// More outputs than a cache line of words has, not a whole number of lines, and inputs that end in the middle
// of what is transposed at once. The words are filled one code after the other.
TEST(AwqGemm, linesAndBandsThatAreNotFull) {
    constexpr int kRows = 264, kColumns = 160, kGroupSize = 32;
    const auto code = [](int n, int k) { return static_cast<uint32_t>((n * 7 + k * 5 + n * k) % 16); };
    const auto zero = [](int n, int group) { return static_cast<uint32_t>((n + 3 * group) % 16); };
    constexpr int kOutputOfNibble[] = {0, 2, 4, 6, 1, 3, 5, 7};
    const auto words = [&](int lines, const auto& value) {
        std::string bytes;
        for (int line = 0; line < lines; ++line) {
            for (int first = 0; first < kRows; first += 8) {
                uint32_t word = 0;
                for (int nibble = 0; nibble < 8; ++nibble)
                    word |= value(first + kOutputOfNibble[nibble], line) << (4 * nibble);
                bytes += littleEndian(word);
            }
        }
        return bytes;
    };
    const std::string codes = words(kColumns, code), zeros = words(kColumns / kGroupSize, zero);
    std::string scales;
    for (int i = 0; i < kColumns / kGroupSize * kRows; ++i) scales += halfBytes(0.5f);
    const TemporaryFile stored(codes + zeros + scales);
    const auto file = DataFile::open(stored.path(), "weights");
    ASSERT_TRUE(file);
    const auto part = [&](const char* type, uint64_t lines, uint64_t width, uint64_t offset, uint64_t bytes) {
        return StoredTensor{"t", type, {lines, width}, offset, bytes, *file};
    };
    const auto source =
        awqGemmRows({part("I32", kColumns, kRows / 8, 0, codes.size()),
                     part("F16", kColumns / kGroupSize, kRows, codes.size() + zeros.size(), scales.size()),
                     part("I32", kColumns / kGroupSize, kRows / 8, codes.size(), zeros.size())},
                    {kRows, kColumns, kGroupSize});
    constexpr int kBlock = 8 + kGroupSize / 2, kRowBytes = kColumns / kGroupSize * kBlock;
    std::vector<uint8_t> rows(kRows * kRowBytes);
    ASSERT_TRUE(source->read(0, kRows, reinterpret_cast<std::byte*>(rows.data())));
    for (int n = 0; n < kRows; ++n) {
        for (int k = 0; k < kColumns; ++k) {
            const uint8_t* block = rows.data() + n * kRowBytes + k / kGroupSize * kBlock;
            float written;
            std::memcpy(&written, block + 4, sizeof written);
            ASSERT_EQ(block[8 + k % kGroupSize / 2] >> (k % 2 * 4) & 15, static_cast<int>(code(n, k)))
                << "output " << n << " input " << k;
            ASSERT_EQ(written, static_cast<float>(zero(n, k / kGroupSize))) << "output " << n;
        }
    }
    // The same from rows in the middle of words and lines.
    std::vector<uint8_t> some(150 * kRowBytes);
    ASSERT_TRUE(source->read(101, 150, reinterpret_cast<std::byte*>(some.data())));
    EXPECT_EQ(some, std::vector<uint8_t>(rows.begin() + 101 * kRowBytes, rows.begin() + 251 * kRowBytes));
}

TEST(Int4Falcon, fusedMatrixIsSplitAndTheActivationScaleFound) {
    HfFolder model = tinyFalconFolder(TinyFalcon::grouped);
    const auto matrices = quantizeFolder(model, Int4Form::gemm, 32);
    model.addFloats("transformer.h.0.mlp.act.scales", {256});
    const TemporaryFolder folder;
    model.writeTo(folder);
    const auto checkpoint = Checkpoint::open(folder.path());
    ASSERT_TRUE(checkpoint) << checkpoint.error().message();
    const LayerTensors& layer = (*checkpoint)->tensors().layers[0];
    ASSERT_TRUE(layer.activationScale);
    EXPECT_EQ(layer.activationScale->columns, 256);
    // Two groups of two query heads, a key and a value, 16 rows each: key 1 begins at row (4 + 2) * 16.
    const Int4Matrix& fused = matrices.at("transformer.h.0.self_attention.query_key_value");
    const std::vector<float> keys = valuesOf(**checkpoint, layer.key.weight);
    const std::vector<float> queries = valuesOf(**checkpoint, layer.query.weight);
    for (int k = 0; k < 64; ++k) {
        EXPECT_EQ(keys[static_cast<size_t>(64 * 16 + k)], fused.value(96, k));
        EXPECT_EQ(queries[static_cast<size_t>(64 * 32 + k)], fused.value(64, k));
    }
    // The divisor that AWQ adds does not count.
    EXPECT_EQ((*checkpoint)->config().parameters, 40u * 64 + 128 * 64 + 64 * 64 + 2 * 256 * 64 + 6 * 64);
}

TEST(Int4Scales, wideTypesAreRead) {
    HfFolder model = tinyLlamaFolder(1);
    const auto matrices = quantizeFolder(model, Int4Form::compressed, 32);
    const std::string module = "model.layers.0.mlp.up_proj";
    auto& scales = model.weights.tensor(module + ".weight_scale");
    scales.dtype = "F32";
    scales.data.clear();
    for (const float scale : matrices.at(module).scales)
        scales.data += littleEndian(std::bit_cast<uint32_t>(scale));
    const TemporaryFolder folder;
    model.writeTo(folder);
    const auto checkpoint = Checkpoint::open(folder.path());
    ASSERT_TRUE(checkpoint) << checkpoint.error().message();
    expectMatrix(**checkpoint, (*checkpoint)->tensors().layers[0].up.weight, matrices.at(module),
                 Int4Form::compressed);
}

// A scale is checked when its row is read; the message names tensor, output and group.
void expectBadScale(uint16_t bits, const char* found) {
    HfFolder model = tinyLlamaFolder(1);
    quantizeFolder(model, Int4Form::gemm, 32);
    auto& scales = model.weights.tensor("model.layers.0.self_attn.k_proj.scales");  // [2, 32]
    scales.data.replace((32 + 5) * 2, 2, littleEndian(bits));
    const TemporaryFolder folder;
    model.writeTo(folder);
    const auto checkpoint = Checkpoint::open(folder.path());
    ASSERT_TRUE(checkpoint) << checkpoint.error().message();
    const TensorInfo& key = (*checkpoint)->tensors().layers[0].key.weight;
    std::vector<std::byte> rows(key.bytes);
    EXPECT_TRUE((*checkpoint)->readRows(key, 0, 5, rows.data()));
    const auto read = (*checkpoint)->readRows(key, 0, 32, rows.data());
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().code, ErrorCode::badInput);
    EXPECT_EQ(read.error().field, "tensor model.layers.0.self_attn.k_proj.scales");
    EXPECT_EQ(read.error().found, std::string(found) + " for output 5, group 1");
    EXPECT_EQ(read.error().file, (folder.path() / "model.safetensors").string());
}

TEST(Int4Scales, notANumber) {
    expectBadScale(0x7e00, "nan");
}
TEST(Int4Scales, infinite) {
    expectBadScale(0x7c00, "inf");
}
TEST(Int4Scales, negative) {
    expectBadScale(0xbc00, "-1.000000");
}
TEST(Int4Scales, zeroForDifferentCodes) {
    expectBadScale(0, "0.000000");
}

TEST(Int4Scales, zeroForEqualCodesIsAGroupOfZeros) {
    HfFolder model = tinyLlamaFolder(1);
    quantizeFolder(model, Int4Form::compressed, 32);
    const std::string module = "model.layers.0.self_attn.k_proj";
    model.weights.tensor(module + ".weight_scale").data.replace(0, 2, std::string(2, '\0'));
    model.weights.tensor(module + ".weight_packed").data.replace(0, 16, std::string(16, '\x33'));
    const TemporaryFolder folder;
    model.writeTo(folder);
    const auto checkpoint = Checkpoint::open(folder.path());
    ASSERT_TRUE(checkpoint) << checkpoint.error().message();
    const std::vector<float> values = valuesOf(**checkpoint, (*checkpoint)->tensors().layers[0].key.weight);
    for (size_t k = 0; k < 32; ++k) EXPECT_EQ(values[k], 0.0f);
}

TEST(Int4Scales, zeroPointThatIsNoWholeNumber) {
    HfFolder model = tinyLlamaFolder(1);
    quantizeFolder(model, Int4Form::gemvFast, 32);
    const std::string module = "model.layers.0.self_attn.k_proj";
    model.weights.tensor(module + ".scales").data.replace(0, 2, halfBytes(0.5f));
    model.weights.tensor(module + ".qzeros").data.replace(0, 2, halfBytes(-1.75f));
    const TemporaryFolder folder;
    model.writeTo(folder);
    const auto checkpoint = Checkpoint::open(folder.path());
    ASSERT_TRUE(checkpoint) << checkpoint.error().message();
    const TensorInfo& key = (*checkpoint)->tensors().layers[0].key.weight;
    std::vector<std::byte> rows(key.bytes);
    const auto read = (*checkpoint)->readRows(key, 0, 1, rows.data());
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().found, "a zero point of 3.500000 for output 0, group 0");
}

}  // namespace
}  // namespace edgechat::inference
