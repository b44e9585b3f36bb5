// W8A8 folders that open: every weight by its role, whatever rows are asked for, and scales that are none.
#include <gtest/gtest.h>

#include "inference/model/checkpoint.h"
#include "tests/data/int8_packing.h"

namespace edgechat::inference {
namespace {

using namespace testing;

std::unique_ptr<Checkpoint> openOrFail(const HfFolder& model) {
    const TemporaryFolder folder;
    model.writeTo(folder);
    auto opened = Checkpoint::open(folder.path());
    EXPECT_TRUE(opened) << (opened ? "" : opened.error().message());
    return opened ? std::move(*opened) : nullptr;
}

std::vector<float> valuesOf(const Checkpoint& checkpoint, const TensorInfo& tensor) {
    const auto values = checkpoint.readVector(tensor);
    EXPECT_TRUE(values) << (values ? "" : values.error().message());
    return values ? *values : std::vector<float>();
}

/// @param rows  the matrix' row of each of the tensor's
void expectRows(const Checkpoint& checkpoint, const TensorInfo& tensor, const Int8Matrix& expected,
                const std::vector<int>& rows) {
    ASSERT_EQ(tensor.type, TensorType::int8);
    ASSERT_EQ(tensor.rows, static_cast<int64_t>(rows.size()));
    ASSERT_EQ(tensor.columns, expected.columns);
    EXPECT_EQ(tensor.groupSize, expected.columns);
    EXPECT_EQ(tensor.bytes, rows.size() * (4 + static_cast<size_t>(expected.columns)));
    const std::vector<float> values = valuesOf(checkpoint, tensor);
    ASSERT_EQ(values.size(), rows.size() * static_cast<size_t>(expected.columns));
    for (size_t n = 0; n < rows.size(); ++n) {
        for (int k = 0; k < expected.columns; ++k) {
            ASSERT_EQ(values[n * static_cast<size_t>(expected.columns) + static_cast<size_t>(k)],
                      expected.value(rows[n], k))
                << tensor.name << " output " << n << " input " << k;
        }
    }
}

/// Runs of rows, one after the other.
std::vector<int> rowsFrom(const std::vector<int>& begins, int run) {
    std::vector<int> rows;
    for (const int begin : begins) {
        for (int i = 0; i < run; ++i) rows.push_back(begin + i);
    }
    return rows;
}

void expectMatrix(const Checkpoint& checkpoint, const TensorInfo& tensor, const Int8Matrix& expected) {
    expectRows(checkpoint, tensor, expected, rowsFrom({0}, expected.rows));
}

TEST(Int8Folder, everyWeightOfALlamaModel) {
    for (const char* family : {"llama", "mistral"}) {
        HfFolder model = tinyLlamaFolder();
        model.config["model_type"] = family;
        model.config.erase("architectures");
        const auto matrices = quantizeFolderToInt8(model);
        const auto checkpoint = openOrFail(model);
        ASSERT_TRUE(checkpoint);
        EXPECT_EQ(checkpoint->config().quantization, "W8A8 INT8 by row");
        EXPECT_TRUE(checkpoint->warnings().empty());
        EXPECT_EQ(checkpoint->config().parameters, 79168u) << "as of the plain model: scales do not count";
        EXPECT_EQ(checkpoint->tensors().head->weight.type, TensorType::f16);
        for (int i = 0; i < 2; ++i) {
            const LayerTensors& layer = checkpoint->tensors().layers[static_cast<size_t>(i)];
            const std::string prefix = "model.layers." + std::to_string(i) + ".";
            expectMatrix(*checkpoint, layer.query.weight, matrices.at(prefix + "self_attn.q_proj"));
            expectMatrix(*checkpoint, layer.key.weight, matrices.at(prefix + "self_attn.k_proj"));
            expectMatrix(*checkpoint, layer.value.weight, matrices.at(prefix + "self_attn.v_proj"));
            expectMatrix(*checkpoint, layer.output.weight, matrices.at(prefix + "self_attn.o_proj"));
            expectMatrix(*checkpoint, layer.gate->weight, matrices.at(prefix + "mlp.gate_proj"));
            expectMatrix(*checkpoint, layer.up.weight, matrices.at(prefix + "mlp.up_proj"));
            expectMatrix(*checkpoint, layer.down.weight, matrices.at(prefix + "mlp.down_proj"));
        }
    }
}

// transformers 4.51.3, FalconAttention._split_heads, by hand for 4 query heads of 16.
TEST(Int8Folder, fusedMatrixOfFalconIsSplit) {
    struct Case {
        TinyFalcon form;
        std::vector<int> query, key, value;
    };
    for (const Case& falcon : {Case{TinyFalcon::multiQuery, {0, 16, 32, 48}, {64}, {80}},
                               {TinyFalcon::rw, {0, 48, 96, 144}, {16, 64, 112, 160}, {32, 80, 128, 176}},
                               {TinyFalcon::grouped, {0, 16, 64, 80}, {32, 96}, {48, 112}}}) {
        HfFolder model = tinyFalconFolder(falcon.form);
        const auto matrices = quantizeFolderToInt8(model);
        const auto checkpoint = openOrFail(model);
        ASSERT_TRUE(checkpoint);
        EXPECT_EQ(checkpoint->config().quantization, "W8A8 INT8 by row");
        const LayerTensors& layer = checkpoint->tensors().layers[0];
        const Int8Matrix& fused = matrices.at("transformer.h.0.self_attention.query_key_value");
        expectRows(*checkpoint, layer.query.weight, fused, rowsFrom(falcon.query, 16));
        expectRows(*checkpoint, layer.key.weight, fused, rowsFrom(falcon.key, 16));
        expectRows(*checkpoint, layer.value.weight, fused, rowsFrom(falcon.value, 16));
        expectMatrix(*checkpoint, layer.down.weight, matrices.at("transformer.h.0.mlp.dense_4h_to_h"));
    }
}

TEST(Int8Folder, rowsDoNotDependOnHowManyAreReadAtOnce) {
    HfFolder model = tinyLlamaFolder(1);
    quantizeFolderToInt8(model);
    const auto checkpoint = openOrFail(model);
    ASSERT_TRUE(checkpoint);
    const TensorInfo& tensor = checkpoint->tensors().layers[0].down.weight;
    std::vector<std::byte> whole(tensor.bytes);
    ASSERT_TRUE(checkpoint->readRows(tensor, 0, tensor.rows, whole.data()));
    for (const int64_t chunk : {1, 3, 7, 20, 63}) {
        std::vector<std::byte> pieces(tensor.bytes);
        for (int64_t row = 0; row < tensor.rows; row += chunk) {
            ASSERT_TRUE(checkpoint->readRows(tensor, row, std::min(chunk, tensor.rows - row),
                                             pieces.data() + static_cast<uint64_t>(row) * tensor.rowBytes()));
        }
        EXPECT_EQ(pieces, whole) << chunk << " rows at a time";
    }
}

TEST(Int8Folder, scalesOfEveryTypeAndAsAVector) {
    HfFolder model = tinyLlamaFolder(1);
    auto matrices = quantizeFolderToInt8(model);
    const std::string wide = "model.layers.0.mlp.up_proj", brain = "model.layers.0.mlp.gate_proj";
    auto& scales = model.weights.tensor(wide + ".weight_scale");
    scales.dtype = "F32", scales.shape = {128}, scales.data.clear();
    for (float& scale : matrices.at(wide).scales) {
        scale += 1e-7f;  // which fp16 cannot hold
        scales.data += littleEndian(std::bit_cast<uint32_t>(scale));
    }
    auto& brainScales = model.weights.tensor(brain + ".weight_scale");
    brainScales.dtype = "BF16", brainScales.data.clear();
    for (float& scale : matrices.at(brain).scales) {
        const auto bits = static_cast<uint16_t>(std::bit_cast<uint32_t>(scale) >> 16);
        scale = std::bit_cast<float>(static_cast<uint32_t>(bits) << 16);
        brainScales.data += littleEndian(bits);
    }
    const auto checkpoint = openOrFail(model);
    ASSERT_TRUE(checkpoint);
    expectMatrix(*checkpoint, checkpoint->tensors().layers[0].up.weight, matrices.at(wide));
    expectMatrix(*checkpoint, checkpoint->tensors().layers[0].gate->weight, matrices.at(brain));
}

TEST(Int8Folder, withoutConfigurationIsInferred) {
    HfFolder model = tinyLlamaFolder(1);
    quantizeFolderToInt8(model);
    model.config.erase("quantization_config");
    const auto checkpoint = openOrFail(model);
    ASSERT_TRUE(checkpoint);
    EXPECT_TRUE(checkpoint->warnings().empty());
    EXPECT_EQ(checkpoint->config().quantization, "W8A8 INT8 by row");
}

TEST(Int8Folder, headOfInt8AndModulesThatStayedAsTheyWere) {
    HfFolder model = tinyLlamaFolder(1);
    quantizeFolderToInt8(model);
    const std::string key = "model.layers.0.self_attn.k_proj";
    for (const char* part : {".weight", ".weight_scale"}) model.weights.remove(key + part);
    model.addFloats(key + ".weight", {32, 64});
    model.weights.remove("lm_head.weight");
    const Int8Matrix head = randomInt8(40, 64, 7);
    addInt8(model.weights, "lm_head", head, "F32");
    model.config["quantization_config"]["ignore"] = {key};
    const auto checkpoint = openOrFail(model);
    ASSERT_TRUE(checkpoint);
    EXPECT_TRUE(checkpoint->warnings().empty());
    EXPECT_EQ(checkpoint->tensors().layers[0].key.weight.type, TensorType::f16);
    expectMatrix(*checkpoint, checkpoint->tensors().head->weight, head);
}

// A scale is checked when its row is read; the message names tensor and output.
TEST(Int8Scales, thoseThatAreNoneAreRefused) {
    for (const auto& [bits, found] : {std::pair<uint16_t, const char*>{0x7e00, "nan"},
                                      {0x7c00, "inf"},
                                      {0xbc00, "-1.000000"},
                                      {0, "0.000000"}}) {
        HfFolder model = tinyLlamaFolder(1);
        quantizeFolderToInt8(model);
        auto& scales = model.weights.tensor("model.layers.0.self_attn.k_proj.weight_scale");
        scales.data.replace(5 * 2, 2, littleEndian(bits));
        const auto checkpoint = openOrFail(model);
        ASSERT_TRUE(checkpoint);
        const TensorInfo& key = checkpoint->tensors().layers[0].key.weight;
        std::vector<std::byte> rows(key.bytes);
        EXPECT_TRUE(checkpoint->readRows(key, 0, 5, rows.data()));
        const auto read = checkpoint->readRows(key, 2, 30, rows.data());
        ASSERT_FALSE(read);
        EXPECT_EQ(read.error().code, ErrorCode::badInput);
        EXPECT_EQ(read.error().field, "tensor model.layers.0.self_attn.k_proj.weight_scale");
        EXPECT_EQ(read.error().found, std::string(found) + " for output 5");
    }
}

}  // namespace
}  // namespace edgechat::inference
