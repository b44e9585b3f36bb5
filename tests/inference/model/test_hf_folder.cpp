// Hugging Face folders that open: tensors by their role, fused projections, tied heads, shards, and what is
// warned about.
#include <gtest/gtest.h>

#include "inference/model/checkpoint.h"
#include "tests/data/hf_folder.h"
#include "tests/data/test_files.h"

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

std::vector<float> storedValues(const HfFolder& model, const std::string& name) {
    for (const SafetensorsWriter::Tensor& tensor : model.weights.tensors) {
        if (tensor.name != name) continue;
        std::vector<float> values;
        for (size_t i = 0; i < tensor.data.size(); i += 2) {
            values.push_back(halfToFloat(static_cast<uint16_t>(
                static_cast<uint8_t>(tensor.data[i]) | static_cast<uint8_t>(tensor.data[i + 1]) << 8)));
        }
        return values;
    }
    return {};
}

std::vector<float> valuesOf(const Checkpoint& checkpoint, const TensorInfo& tensor) {
    const auto values = checkpoint.readVector(tensor);
    EXPECT_TRUE(values) << (values ? "" : values.error().message());
    return values ? *values : std::vector<float>();
}

TEST(HfFolder, llamaTensorsByTheirRole) {
    const HfFolder model = tinyLlamaFolder();
    const auto checkpoint = openOrFail(model);
    ASSERT_TRUE(checkpoint);
    EXPECT_TRUE(checkpoint->warnings().empty());
    EXPECT_EQ(checkpoint->config().quantization, "F16");
    EXPECT_EQ(checkpoint->tokenizer(), nullptr);
    EXPECT_EQ(checkpoint->allTensors().size(), model.weights.tensors.size());
    // 2 * 40*64 + 64 + 2 * (2*64 + 2*64*64 + 2*32*64 + 3*128*64)
    EXPECT_EQ(checkpoint->config().parameters, 79168u);
    const LayerTensors& layer = checkpoint->tensors().layers[1];
    const std::string prefix = "model.layers.1.";
    const std::pair<const TensorInfo*, const char*> roles[] = {
        {&layer.attentionNorm.weight, "input_layernorm.weight"},
        {&layer.query.weight, "self_attn.q_proj.weight"},
        {&layer.key.weight, "self_attn.k_proj.weight"},
        {&layer.value.weight, "self_attn.v_proj.weight"},
        {&layer.output.weight, "self_attn.o_proj.weight"},
        {&layer.mlpNorm->weight, "post_attention_layernorm.weight"},
        {&layer.gate->weight, "mlp.gate_proj.weight"},
        {&layer.up.weight, "mlp.up_proj.weight"},
        {&layer.down.weight, "mlp.down_proj.weight"}};
    for (const auto& [tensor, name] : roles)
        EXPECT_EQ(valuesOf(*checkpoint, *tensor), storedValues(model, prefix + name)) << name;
    ASSERT_TRUE(checkpoint->tensors().head);
    EXPECT_EQ(valuesOf(*checkpoint, checkpoint->tensors().head->weight),
              storedValues(model, "lm_head.weight"));
}

TEST(HfFolder, bodyWithoutPrefixAndBuffersOfOldVersions) {
    HfFolder model = tinyLlamaFolder();
    for (auto& tensor : model.weights.tensors) {
        if (tensor.name.starts_with("model.")) tensor.name = tensor.name.substr(6);
    }
    model.addFloats("layers.0.self_attn.rotary_emb.inv_freq", {8});
    const auto checkpoint = openOrFail(model);
    ASSERT_TRUE(checkpoint);
    EXPECT_TRUE(checkpoint->warnings().empty());
    EXPECT_EQ(checkpoint->config().parameters, 79168u);
}

TEST(HfFolder, llamaBiases) {
    HfFolder model = tinyLlamaFolder(1);
    model.config["attention_bias"] = model.config["mlp_bias"] = true;
    const std::pair<const char*, uint64_t> biases[] = {{"self_attn.q_proj", 64}, {"self_attn.k_proj", 32},
                                                       {"self_attn.v_proj", 32}, {"self_attn.o_proj", 64},
                                                       {"mlp.gate_proj", 128},   {"mlp.up_proj", 128},
                                                       {"mlp.down_proj", 64}};
    for (const auto& [module, size] : biases)
        model.addFloats(std::string("model.layers.0.") + module + ".bias", {size});
    const auto checkpoint = openOrFail(model);
    ASSERT_TRUE(checkpoint);
    const LayerTensors& layer = checkpoint->tensors().layers[0];
    ASSERT_TRUE(layer.value.bias && layer.down.bias);
    EXPECT_EQ(valuesOf(*checkpoint, *layer.value.bias),
              storedValues(model, "model.layers.0.self_attn.v_proj.bias"));
    EXPECT_EQ(valuesOf(*checkpoint, *layer.down.bias),
              storedValues(model, "model.layers.0.mlp.down_proj.bias"));
}

// transformers 4.51.3, FalconAttention._split_heads, by hand for 4 query heads of 16: where head h's rows
// begin in the fused matrix.
struct FalconCase {
    const char* name;
    TinyFalcon form;
    int kvHeads;
    std::vector<int64_t> query, key, value;
};

const FalconCase kFalcons[] = {
    {"multiQuery", TinyFalcon::multiQuery, 1, {0, 16, 32, 48}, {64}, {80}},
    {"perHead", TinyFalcon::rw, 4, {0, 48, 96, 144}, {16, 64, 112, 160}, {32, 80, 128, 176}},
    {"grouped", TinyFalcon::grouped, 2, {0, 16, 64, 80}, {32, 96}, {48, 112}},
    {"groupedOneNorm", TinyFalcon::groupedOneNorm, 2, {0, 16, 64, 80}, {32, 96}, {48, 112}},
};

class HfFalcon : public ::testing::TestWithParam<FalconCase> {};

TEST_P(HfFalcon, fusedProjectionIsSplit) {
    const HfFolder model = tinyFalconFolder(GetParam().form);
    const auto checkpoint = openOrFail(model);
    ASSERT_TRUE(checkpoint);
    EXPECT_EQ(checkpoint->config().kvHeads, GetParam().kvHeads);
    EXPECT_FALSE(checkpoint->tensors().head);
    const LayerTensors& layer = checkpoint->tensors().layers[0];
    const std::string module = "transformer.h.0.self_attention.query_key_value";
    const std::vector<float> fused = storedValues(model, module + ".weight");
    const std::vector<float> bias = storedValues(model, module + ".bias");
    const auto compare = [&](const LinearTensors& part, const std::vector<int64_t>& begins) {
        std::vector<float> expected, expectedBias;
        for (const int64_t begin : begins) {
            expected.insert(expected.end(), fused.begin() + begin * 64, fused.begin() + (begin + 16) * 64);
            if (!bias.empty())
                expectedBias.insert(expectedBias.end(), bias.begin() + begin, bias.begin() + begin + 16);
        }
        EXPECT_EQ(valuesOf(*checkpoint, part.weight), expected) << part.weight.name;
        ASSERT_EQ(part.bias.has_value(), !bias.empty());
        if (!part.bias) return;
        EXPECT_EQ(part.bias->rows, 1);
        EXPECT_EQ(part.bias->columns, static_cast<int64_t>(expectedBias.size()));
        EXPECT_EQ(valuesOf(*checkpoint, *part.bias), expectedBias);
    };
    compare(layer.query, GetParam().query);
    compare(layer.key, GetParam().key);
    compare(layer.value, GetParam().value);
}

TEST_P(HfFalcon, norms) {
    const HfFolder model = tinyFalconFolder(GetParam().form);
    const auto checkpoint = openOrFail(model);
    ASSERT_TRUE(checkpoint);
    const LayerTensors& layer = checkpoint->tensors().layers[0];
    const bool two = GetParam().form == TinyFalcon::grouped, sequential = GetParam().form == TinyFalcon::rw;
    ASSERT_TRUE(layer.attentionNorm.bias);
    EXPECT_EQ(
        valuesOf(*checkpoint, *layer.attentionNorm.bias),
        storedValues(model, two ? "transformer.h.0.ln_attn.bias" : "transformer.h.0.input_layernorm.bias"));
    ASSERT_EQ(layer.mlpNorm.has_value(), two || sequential);
    if (layer.mlpNorm) {
        EXPECT_EQ(valuesOf(*checkpoint, layer.mlpNorm->weight),
                  storedValues(model, two ? "transformer.h.0.ln_mlp.weight"
                                          : "transformer.h.0.post_attention_layernorm.weight"));
    }
    EXPECT_EQ(checkpoint->config().parallelResidual, !sequential);
    EXPECT_FALSE(layer.gate);
}

INSTANTIATE_TEST_SUITE_P(, HfFalcon, ::testing::ValuesIn(kFalcons),
                         [](const auto& info) { return info.param.name; });

// transformers ties Falcon's head to the embedding unless told otherwise and passes over a stored head.
TEST(HfFolder, headStoredBesideATiedEmbedding) {
    HfFolder model = tinyFalconFolder(TinyFalcon::multiQuery);
    auto head = model.weights.tensor("transformer.word_embeddings.weight");
    head.name = "lm_head.weight";
    model.weights.tensors.push_back(head);
    auto checkpoint = openOrFail(model);
    ASSERT_TRUE(checkpoint);
    EXPECT_TRUE(checkpoint->config().tiedHead);
    EXPECT_FALSE(checkpoint->tensors().head);
    EXPECT_TRUE(checkpoint->warnings().empty());
    const uint64_t parameters = checkpoint->config().parameters;

    model.weights.tensor("lm_head.weight").data[7] ^= 1;
    checkpoint = openOrFail(model);
    ASSERT_TRUE(checkpoint);
    EXPECT_FALSE(checkpoint->tensors().head);
    ASSERT_EQ(checkpoint->warnings().size(), 1u);
    EXPECT_NE(checkpoint->warnings()[0].find("output head that is not the embedding"), std::string::npos);
    EXPECT_EQ(checkpoint->config().parameters, parameters);

    model.config["tie_word_embeddings"] = false;
    checkpoint = openOrFail(model);
    ASSERT_TRUE(checkpoint);
    EXPECT_TRUE(checkpoint->tensors().head);
    EXPECT_EQ(checkpoint->config().parameters, parameters + 40 * 64);
}

HfFolder sharded(const HfFolder& model) {
    HfFolder shards = model;
    SafetensorsWriter parts[2];
    nlohmann::json map;
    for (size_t i = 0; i < model.weights.tensors.size(); ++i) {
        parts[i % 2].tensors.push_back(model.weights.tensors[i]);
        map[model.weights.tensors[i].name] =
            "model-0000" + std::to_string(1 + i % 2) + "-of-00002.safetensors";
    }
    shards.files["model-00001-of-00002.safetensors"] = parts[0].bytes();
    shards.files["model-00002-of-00002.safetensors"] = parts[1].bytes();
    shards.files["model.safetensors.index.json"] =
        nlohmann::json{{"metadata", {{"total_size", 1}}}, {"weight_map", map}}.dump();
    return shards;
}

std::unique_ptr<Checkpoint> openShards(HfFolder model, const std::string& extraFile = "") {
    const TemporaryFolder folder;
    model.writeTo(folder);
    std::filesystem::remove(folder.path() / "model.safetensors");
    if (!extraFile.empty()) folder.write(extraFile, "not a weight");
    auto opened = Checkpoint::open(folder.path());
    EXPECT_TRUE(opened) << (opened ? "" : opened.error().message());
    return opened ? std::move(*opened) : nullptr;
}

TEST(HfFolder, shardsOfAnIndexAndNoOtherFile) {
    const HfFolder model = tinyLlamaFolder();
    const auto checkpoint = openShards(sharded(model), "consolidated.safetensors");
    ASSERT_TRUE(checkpoint);
    EXPECT_TRUE(checkpoint->warnings().empty());
    EXPECT_EQ(checkpoint->allTensors().size(), model.weights.tensors.size());
    EXPECT_EQ(valuesOf(*checkpoint, checkpoint->tensors().layers[1].down.weight),
              storedValues(model, "model.layers.1.mlp.down_proj.weight"));
}

TEST(HfFolder, unlistedTensorsOfAShardAreLeftOutWithAWarning) {
    HfFolder model = sharded(tinyLlamaFolder());
    auto index = nlohmann::json::parse(model.files["model.safetensors.index.json"]);
    index["weight_map"].erase("lm_head.weight");
    model.config["tie_word_embeddings"] = true;
    model.files["model.safetensors.index.json"] = index.dump();
    const auto checkpoint = openShards(model);
    ASSERT_TRUE(checkpoint);
    ASSERT_EQ(checkpoint->warnings().size(), 1u);
    EXPECT_NE(checkpoint->warnings()[0].find("holds 1 tensors that the index does not list (lm_head.weight"),
              std::string::npos);
}

TEST(HfFolder, tensorsThatAreNoPartOfTheModelAreNamed) {
    HfFolder model = tinyLlamaFolder();
    model.addFloats("score.weight", {2, 64});
    const auto checkpoint = openOrFail(model);
    ASSERT_TRUE(checkpoint);
    ASSERT_EQ(checkpoint->warnings().size(), 1u);
    EXPECT_NE(checkpoint->warnings()[0].find("(score.weight)"), std::string::npos);
}

// What the configuration files say about AWQ, and whether the tensors may overrule it.
TEST(HfFolder, awqWithoutConfigurationIsInferred) {
    for (const Int4Form form : {Int4Form::gemm, Int4Form::gemvFast, Int4Form::compressed}) {
        HfFolder model = tinyLlamaFolder(1);
        quantizeFolder(model, form, 32);
        model.config.erase("quantization_config");
        const auto checkpoint = openOrFail(model);
        ASSERT_TRUE(checkpoint);
        EXPECT_TRUE(checkpoint->warnings().empty());
        EXPECT_EQ(checkpoint->tensors().layers[0].query.weight.groupSize, 32);
    }
}

TEST(HfFolder, oldQuantConfigFile) {
    HfFolder model = tinyLlamaFolder(1);
    quantizeFolder(model, Int4Form::gemm, 32);
    model.files["quant_config.json"] = R"({"zero_point":true,"q_group_size":32,"w_bit":4,"version":"GEMM"})";
    auto checkpoint = openOrFail(model);  // beside quantization_config, and the same
    ASSERT_TRUE(checkpoint);
    model.config.erase("quantization_config");
    checkpoint = openOrFail(model);
    ASSERT_TRUE(checkpoint);
    EXPECT_TRUE(checkpoint->warnings().empty());
    EXPECT_EQ(checkpoint->config().quantization, "AWQ INT4 g32");
}

TEST(HfFolder, tensorsOverruleGroupSizeVersionAndFlags) {
    HfFolder model = tinyLlamaFolder(1);
    quantizeFolder(model, Int4Form::gemm, 32);
    auto& scheme = model.config["quantization_config"];
    scheme["group_size"] = 128;
    scheme["version"] = "gemv";
    scheme["zero_point"] = false;
    scheme["sym"] = true;
    scheme["modules_to_not_convert"] = {"q_proj"};
    const auto checkpoint = openOrFail(model);
    ASSERT_TRUE(checkpoint);
    ASSERT_EQ(checkpoint->warnings().size(), 2u);
    EXPECT_NE(checkpoint->warnings()[0].find("says AWQ gemv"), std::string::npos);
    EXPECT_NE(checkpoint->warnings()[1].find("says groups of 128, but there are tensors with groups of 32"),
              std::string::npos);
    EXPECT_EQ(checkpoint->tensors().layers[0].query.weight.groupSize, 32);
}

TEST(HfFolder, someModulesStayUnquantizedAndGroupsDiffer) {
    const HfFolder plain = tinyLlamaFolder(1);
    HfFolder model = plain;
    quantizeFolder(model, Int4Form::gemm, 32);
    const std::string key = "model.layers.0.self_attn.k_proj", value = "model.layers.0.self_attn.v_proj";
    for (const std::string& module : {key, value}) {
        for (const char* part : {".qweight", ".qzeros", ".scales"}) model.weights.remove(module + part);
    }
    model.addFloats(key + ".weight", {32, 64});
    addAwqGemm(model.weights, value, randomInt4(32, 64, 64, 9));
    const auto checkpoint = openOrFail(model);
    ASSERT_TRUE(checkpoint);
    const LayerTensors& layer = checkpoint->tensors().layers[0];
    EXPECT_EQ(layer.key.weight.type, TensorType::f16);
    EXPECT_EQ(layer.value.weight.groupSize, 64);
    EXPECT_EQ(layer.query.weight.groupSize, 32);
    EXPECT_EQ(checkpoint->config().quantization, "AWQ INT4 g32");
}

TEST(HfFolder, vocabularyAloneNeedsNoWeights) {
    const TemporaryFolder folder;
    folder.write("config.json", R"({"model_type":"qwen2"})");
    const auto checkpoint = Checkpoint::openVocabulary(folder.path());
    ASSERT_TRUE(checkpoint) << checkpoint.error().message();
    EXPECT_EQ((*checkpoint)->config().architecture, "qwen2");
    EXPECT_EQ((*checkpoint)->config().name, folder.path().filename().string());
}

TEST(HfFolder, fileThatShrinksWhileItIsOpen) {
    const TemporaryFolder folder;
    const HfFolder model = tinyLlamaFolder(1);
    model.writeTo(folder);
    const auto checkpoint = Checkpoint::open(folder.path());
    ASSERT_TRUE(checkpoint);
    std::filesystem::resize_file(folder.path() / "model.safetensors", 5000);
    const TensorInfo& head = (*checkpoint)->tensors().head->weight;
    std::vector<std::byte> rows(head.bytes);
    const auto read = (*checkpoint)->readRows(head, 0, head.rows, rows.data());
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().field, "tensor lm_head.weight");
}

}  // namespace
}  // namespace edgechat::inference
