// config.json of every family: what it comes to, and what is refused. Expected values are those of
// transformers 4.51.3's configuration classes and of the models' own descriptions.
#include <gtest/gtest.h>

#include <functional>

#include "inference/model/hf_config.h"
#include "tests/data/hf_folder.h"

namespace edgechat::inference {
namespace {

using nlohmann::json;
using testing::TinyFalcon;
using testing::tinyFalconFolder;
using testing::tinyLlamaFolder;

HfConfig readOrFail(const json& values) {
    auto config = readHfConfig(values, "config.json");
    EXPECT_TRUE(config) << (config ? "" : config.error().message());
    return config ? *config : HfConfig();
}

// meta-llama/Llama-3.2-1B-Instruct
TEST(HfConfig, llama3) {
    const HfConfig read = readOrFail(json::parse(R"({
        "architectures": ["LlamaForCausalLM"], "attention_bias": false, "bos_token_id": 128000,
        "eos_token_id": [128001, 128008, 128009], "head_dim": 64, "hidden_act": "silu", "hidden_size": 2048,
        "intermediate_size": 8192, "max_position_embeddings": 131072, "mlp_bias": false, "model_type": "llama",
        "num_attention_heads": 32, "num_hidden_layers": 16, "num_key_value_heads": 8, "pretraining_tp": 1,
        "rms_norm_eps": 1e-05, "rope_scaling": {"factor": 32.0, "high_freq_factor": 4.0, "low_freq_factor": 1.0,
        "original_max_position_embeddings": 8192, "rope_type": "llama3"}, "rope_theta": 500000.0,
        "tie_word_embeddings": true, "torch_dtype": "bfloat16", "vocab_size": 128256})"));
    const ModelConfig& config = read.model;
    EXPECT_EQ(config.architecture, "llama");
    EXPECT_EQ(config.layers, 16);
    EXPECT_EQ(config.hidden, 2048);
    EXPECT_EQ(config.heads, 32);
    EXPECT_EQ(config.kvHeads, 8);
    EXPECT_EQ(config.headSize, 64);
    EXPECT_EQ(config.ffn, 8192);
    EXPECT_EQ(config.vocab, 128256);
    EXPECT_EQ(config.context, 131072);
    EXPECT_EQ(config.norm, NormKind::rms);
    EXPECT_EQ(config.normEps, 1e-5f);
    EXPECT_TRUE(config.gatedMlp);
    EXPECT_FALSE(config.parallelResidual);
    EXPECT_EQ(config.ropeBase, 500000.0f);
    EXPECT_EQ(config.ropePairs, RopePairs::halves);
    EXPECT_EQ(config.ropeScaling.kind, RopeScalingKind::llama3);
    EXPECT_EQ(config.ropeScaling.factor, 32.0f);
    EXPECT_EQ(config.ropeScaling.lowFrequencyFactor, 1.0f);
    EXPECT_EQ(config.ropeScaling.highFrequencyFactor, 4.0f);
    EXPECT_EQ(config.ropeScaling.originalContext, 8192);
    EXPECT_TRUE(config.tiedHead);
    EXPECT_EQ(config.slidingWindow, 0);
}

TEST(HfConfig, llamaDefaultsForAbsentAndNullKeys) {
    const HfConfig read = readOrFail(json::parse(R"({"model_type": "llama", "hidden_size": 96,
        "intermediate_size": 64, "num_attention_heads": 3, "num_hidden_layers": 1, "vocab_size": 7,
        "rope_scaling": null, "head_dim": null, "num_key_value_heads": null})"));
    EXPECT_EQ(read.model.kvHeads, 3);
    EXPECT_EQ(read.model.headSize, 32);
    EXPECT_EQ(read.model.ropeBase, 10000.0f);
    EXPECT_EQ(read.model.normEps, 1e-6f);
    EXPECT_EQ(read.model.context, 2048);
    EXPECT_EQ(read.model.activation, Activation::silu);
    EXPECT_FALSE(read.model.tiedHead);
    EXPECT_FALSE(read.attentionBias);
    EXPECT_FALSE(read.mlpBias);
}

TEST(HfConfig, mistralWindow) {
    json values = tinyLlamaFolder().config;
    values["model_type"] = "mistral";
    values["architectures"] = {"MistralForCausalLM"};
    EXPECT_EQ(readOrFail(values).model.slidingWindow, 4096);  // MistralConfig's default
    values["sliding_window"] = 24;
    EXPECT_EQ(readOrFail(values).model.slidingWindow, 24);
    EXPECT_EQ(readOrFail(values).model.architecture, "mistral");
    values["use_sliding_window"] = false;
    EXPECT_EQ(readOrFail(values).model.slidingWindow, 0);
    values.erase("use_sliding_window");
    values["sliding_window"] = nullptr;
    EXPECT_EQ(readOrFail(values).model.slidingWindow, 0);
    values["head_dim"] = 128;  // Mistral Nemo: not hidden / heads
    EXPECT_EQ(readOrFail(values).model.headSize, 128);
    values.erase("num_key_value_heads");
    values["num_attention_heads"] = 32;
    EXPECT_EQ(readOrFail(values).model.kvHeads, 8);  // MistralConfig's default
}

TEST(HfConfig, architectureWithoutModelType) {
    json values = tinyLlamaFolder().config;
    values.erase("model_type");
    EXPECT_EQ(readOrFail(values).model.architecture, "llama");
    values["architectures"] = {"LLaMAForCausalLM"};
    EXPECT_EQ(readOrFail(values).model.architecture, "llama");
}

TEST(HfConfig, remoteCodeIsNotAskedFor) {
    json values = tinyLlamaFolder().config;
    values["auto_map"] = {{"AutoModelForCausalLM", "modeling.MyModel"}};
    EXPECT_EQ(readOrFail(values).model.architecture, "llama");
}

TEST(HfConfig, biasesAndExactGelu) {
    json values = tinyLlamaFolder().config;
    values["attention_bias"] = values["mlp_bias"] = true;
    values["hidden_act"] = "gelu";
    const HfConfig read = readOrFail(values);
    EXPECT_TRUE(read.attentionBias);
    EXPECT_TRUE(read.mlpBias);
    EXPECT_EQ(read.model.activation, Activation::gelu);
}

// RoPE: the older keys, the oldest spelling of the kind, and transformers 5's.
TEST(HfConfig, ropeScalings) {
    json values = tinyLlamaFolder().config;
    values["rope_scaling"] = {{"type", "linear"}, {"factor", 4}};
    EXPECT_EQ(readOrFail(values).model.ropeScaling.kind, RopeScalingKind::linear);
    EXPECT_EQ(readOrFail(values).model.ropeScaling.factor, 4.0f);
    values["rope_scaling"] = {{"rope_type", "dynamic"}, {"factor", 2.5}};
    EXPECT_EQ(readOrFail(values).model.ropeScaling.kind, RopeScalingKind::dynamic);
    EXPECT_EQ(readOrFail(values).model.ropeScaling.originalContext, 256);
    values["rope_scaling"] = {{"rope_type", "default"}};
    EXPECT_EQ(readOrFail(values).model.ropeScaling.kind, RopeScalingKind::none);
    values.erase("rope_scaling");
    values.erase("rope_theta");
    values["rope_parameters"] = {{"rope_type", "linear"}, {"factor", 3.0}, {"rope_theta", 77.0}};
    EXPECT_EQ(readOrFail(values).model.ropeScaling.factor, 3.0f);
    EXPECT_EQ(readOrFail(values).model.ropeBase, 77.0f);
}

TEST(HfConfig, yarn) {
    json values = tinyLlamaFolder().config;
    values["rope_scaling"] = {
        {"rope_type", "yarn"}, {"factor", 4.0}, {"original_max_position_embeddings", 64}};
    RopeScaling rope = readOrFail(values).model.ropeScaling;
    EXPECT_EQ(rope.kind, RopeScalingKind::yarn);
    EXPECT_EQ(rope.factor, 4.0f);
    EXPECT_EQ(rope.originalContext, 64);
    EXPECT_EQ(rope.betaFast, 32.0f);
    EXPECT_EQ(rope.betaSlow, 1.0f);
    EXPECT_FLOAT_EQ(rope.attentionFactor, 1.13862944f);  // 0.1 ln 4 + 1
    EXPECT_TRUE(readOrFail(values).warnings.empty());
    values["rope_scaling"]["mscale"] = 0.707;
    values["rope_scaling"]["mscale_all_dim"] = 1.0;
    EXPECT_FLOAT_EQ(readOrFail(values).model.ropeScaling.attentionFactor,
                    0.96432692f);  // 1.0980110 / 1.1386294
    values["rope_scaling"]["attention_factor"] = 1.5;
    EXPECT_EQ(readOrFail(values).model.ropeScaling.attentionFactor, 1.5f);
    // The contexts' ratio counts where it is said, and the difference is told.
    values["rope_scaling"]["factor"] = 8.0;
    EXPECT_EQ(readOrFail(values).model.ropeScaling.factor, 4.0f);
    EXPECT_EQ(readOrFail(values).warnings.size(), 1u);
    values["rope_scaling"].erase("original_max_position_embeddings");
    EXPECT_EQ(readOrFail(values).model.ropeScaling.factor, 8.0f);
    EXPECT_EQ(readOrFail(values).model.ropeScaling.originalContext, 256);
}

// tiiuae/falcon-7b: num_kv_heads says 71 and means 1, and context and MLP are not said.
TEST(HfConfig, falcon7b) {
    const HfConfig read = readOrFail(json::parse(R"({"alibi": false, "architectures": ["FalconForCausalLM"],
        "bias": false, "hidden_size": 4544, "layer_norm_epsilon": 1e-05, "model_type": "falcon",
        "multi_query": true, "new_decoder_architecture": false, "num_attention_heads": 71,
        "num_hidden_layers": 32, "num_kv_heads": 71, "parallel_attn": true, "vocab_size": 65024})"));
    const ModelConfig& config = read.model;
    EXPECT_EQ(config.architecture, "falcon");
    EXPECT_EQ(config.kvHeads, 1);
    EXPECT_EQ(config.headSize, 64);
    EXPECT_EQ(config.ffn, 18176);
    EXPECT_EQ(config.context, 2048);
    EXPECT_EQ(config.norm, NormKind::layer);
    EXPECT_EQ(config.activation, Activation::gelu);
    EXPECT_FALSE(config.gatedMlp);
    EXPECT_TRUE(config.parallelResidual);
    EXPECT_TRUE(config.tiedHead);
    EXPECT_EQ(config.positions, PositionKind::rope);
    EXPECT_EQ(config.ropePairs, RopePairs::halves);
    EXPECT_EQ(read.falconNorms, FalconNorms::shared);
    EXPECT_FALSE(read.attentionBias);
}

// The first revisions of falcon-7b, falcon-rw-1b and falcon-40b, before transformers knew the family.
TEST(HfConfig, falconOfTheFirstRevisions) {
    const HfConfig seven = readOrFail(json::parse(R"({"alibi": false, "architectures": ["RWForCausalLM"],
        "bias": false, "hidden_size": 4544, "model_type": "RefinedWebModel", "multi_query": true, "n_head": 71,
        "n_layer": 32, "parallel_attn": true, "vocab_size": 65024})"));
    EXPECT_EQ(seven.model.heads, 71);
    EXPECT_EQ(seven.model.layers, 32);
    EXPECT_EQ(seven.model.kvHeads, 1);
    EXPECT_TRUE(seven.model.parallelResidual);

    const HfConfig rw =
        readOrFail(json::parse(R"({"alibi": true, "architectures": ["RWForCausalLM"], "bias": true,
        "hidden_size": 2048, "model_type": "RefinedWebModel", "n_head": 32, "n_layer": 24,
        "vocab_size": 50304})"));
    EXPECT_EQ(rw.model.kvHeads, 32);
    EXPECT_FALSE(rw.model.parallelResidual);
    EXPECT_EQ(rw.model.positions, PositionKind::alibi);
    EXPECT_EQ(rw.falconNorms, FalconNorms::sequential);
    EXPECT_TRUE(rw.attentionBias);
    EXPECT_TRUE(rw.mlpBias);

    const HfConfig forty = readOrFail(json::parse(R"({"alibi": false, "architectures": ["RWForCausalLM"],
        "bias": false, "hidden_size": 8192, "model_type": "RefinedWeb", "n_head": 128, "n_head_kv": 8,
        "n_layer": 60, "vocab_size": 65024})"));
    EXPECT_EQ(forty.model.kvHeads, 8);
    EXPECT_TRUE(forty.model.parallelResidual);
    EXPECT_EQ(forty.falconNorms, FalconNorms::two);
}

// tiiuae/falcon-11B
TEST(HfConfig, falcon11b) {
    const HfConfig read = readOrFail(json::parse(R"({"activation": "gelu", "alibi": false,
        "architectures": ["FalconForCausalLM"], "bias": false, "ff_factor": 4, "ffn_hidden_size": 16384,
        "hidden_size": 4096, "max_position_embeddings": 8192, "model_type": "falcon", "multi_query": true,
        "new_decoder_architecture": true, "num_attention_heads": 32, "num_hidden_layers": 60,
        "num_kv_heads": 8, "num_ln_in_parallel_attn": 1, "parallel_attn": true, "rope_theta": 500042.0,
        "tie_word_embeddings": false, "vocab_size": 65024})"));
    EXPECT_EQ(read.model.kvHeads, 8);
    EXPECT_EQ(read.model.context, 8192);
    EXPECT_EQ(read.model.ropeBase, 500042.0f);
    EXPECT_EQ(read.falconNorms, FalconNorms::shared);
    EXPECT_FALSE(read.model.tiedHead);
}

struct Case {
    const char* name;
    std::function<void(json&)> breakIt;
    const char* field;
    const char* found;
    const char* expected;
};

void PrintTo(const Case& wrong, std::ostream* out) {
    *out << wrong.name;
}

std::function<void(json&)> set(const char* key, json value) {
    return [=](json& values) { values[key] = value; };
}
std::function<void(json&)> rope(json value) {
    return set("rope_scaling", std::move(value));
}

const Case kCases[] = {
    {"otherModelType", set("model_type", "qwen2"), "model_type", "\"qwen2\"", "llama"},
    {"gemma", set("model_type", "gemma2"), "model_type", "\"gemma2\"", "mistral"},
    {"phi3", set("model_type", "phi3"), "model_type", "\"phi3\"", "falcon"},
    {"mixtureOfExperts", set("model_type", "mixtral"), "model_type", "\"mixtral\"", "llama"},
    {"noModelType",
     [](json& v) {
         v.erase("model_type");
         v.erase("architectures");
     },
     "model_type", "no such key", "llama"},
    {"otherArchitecture",
     [](json& v) {
         v.erase("model_type");
         v["architectures"] = {"Qwen2ForCausalLM"};
     },
     "architectures", "Qwen2ForCausalLM", "LlamaForCausalLM"},
    {"noLanguageModel", set("architectures", json::array({"LlamaForSequenceClassification"})),
     "architectures", "LlamaForSequenceClassification", "the language model of llama"},
    {"architecturesAreNoTexts", set("architectures", json::array({1})), "architectures", "an array",
     "an array of texts"},
    {"missingKey", [](json& v) { v.erase("hidden_size"); }, "hidden_size", "no such key", "a whole number"},
    {"numberAsText", set("hidden_size", "64"), "hidden_size", "\"64\"", "a whole number"},
    {"fraction", set("hidden_size", 64.5), "hidden_size", "64.5", "a whole number"},
    {"zeroLayers", set("num_hidden_layers", 0), "num_hidden_layers", "0", "1 to 4096"},
    {"negative", set("hidden_size", -64), "hidden_size", "-64", "1 to 1048576"},
    {"above64Bits", set("hidden_size", UINT64_MAX), "hidden_size", "18446744073709551615", "1 to 1048576"},
    {"tooWide", set("intermediate_size", (1 << 20) + 1), "intermediate_size", "1048577", "1 to 1048576"},
    {"vocabularyTooLarge", set("vocab_size", 1 << 25), "vocab_size", "33554432", "1 to 16777216"},
    {"kvHeadsThatDoNotDivide", set("num_key_value_heads", 3), "num_key_value_heads", "3",
     "a divisor of the 4"},
    {"headsThatDoNotDivide", set("num_attention_heads", 7), "hidden_size", "64", "a multiple of the 7 heads"},
    {"oddHeadSize", set("head_dim", 15), "head_dim", "15", "even"},
    {"headsTooWide", set("head_dim", 1 << 19), "num_attention_heads", "4", "at most 1048576"},
    {"epsilonZero", set("rms_norm_eps", 0), "rms_norm_eps", "0", "above 0"},
    {"epsilonTooSmallForFp32", set("rms_norm_eps", 1e-60), "rms_norm_eps", "1e-60", "above 0"},
    {"ropeBaseOne", set("rope_theta", 1), "rope_theta", "1", "more than 1"},
    {"flagAsNumber", set("attention_bias", 1), "attention_bias", "1", "true or false"},
    {"tanhGelu", set("hidden_act", "gelu_pytorch_tanh"), "hidden_act", "\"gelu_pytorch_tanh\"",
     "the exact form"},
    {"newGelu", set("hidden_act", "gelu_new"), "hidden_act", "\"gelu_new\"", "\"silu\""},
    {"partOfAHead", set("partial_rotary_factor", 0.5), "partial_rotary_factor", "0.5", "all of a head"},
    {"longRope", rope({{"rope_type", "longrope"}, {"factor", 4}}), "rope_scaling.rope_type", "\"longrope\"",
     "\"yarn\""},
    {"oldNameOfLongRope", rope({{"type", "su"}}), "rope_scaling.type", "\"su\"", "\"llama3\""},
    {"scalingIsAText", rope("linear"), "rope_scaling", "\"linear\"", "an object"},
    {"linearWithoutFactor", rope({{"type", "linear"}}), "rope_scaling.factor", "no such key", "above 0"},
    {"llama3WithoutContext",
     rope({{"rope_type", "llama3"}, {"factor", 8}, {"low_freq_factor", 1}, {"high_freq_factor", 4}}),
     "rope_scaling.original_max_position_embeddings", "no such key", "a whole number"},
    {"llama3EqualFactors",
     rope({{"rope_type", "llama3"},
           {"factor", 8},
           {"low_freq_factor", 4},
           {"high_freq_factor", 4},
           {"original_max_position_embeddings", 64}}),
     "rope_scaling.high_freq_factor", "4", "more than low_freq_factor"},
    {"yarnWithSwappedBetas",
     rope({{"rope_type", "yarn"}, {"factor", 2}, {"beta_fast", 1}, {"beta_slow", 32}}),
     "rope_scaling.beta_fast", "1", "at least beta_slow"},
    {"yarnWithoutTruncation", rope({{"rope_type", "yarn"}, {"factor", 2}, {"truncate", false}}),
     "rope_scaling.truncate", "false", "true"},
    {"newRopeParametersOfOtherKind", set("rope_parameters", json{{"rope_type", "mrope"}}),
     "rope_parameters.rope_type", "\"mrope\"", "\"default\""},
};

class HfConfigRejects : public ::testing::TestWithParam<Case> {};

TEST_P(HfConfigRejects, namesFieldFoundAndExpected) {
    json values = tinyLlamaFolder().config;
    GetParam().breakIt(values);
    const auto config = readHfConfig(values, "config.json");
    ASSERT_FALSE(config);
    const Error& error = config.error();
    EXPECT_EQ(error.code, ErrorCode::badInput);
    EXPECT_EQ(error.file, "config.json");
    EXPECT_EQ(error.field, GetParam().field);
    EXPECT_NE(error.found.find(GetParam().found), std::string::npos) << error.message();
    EXPECT_NE(error.expected.find(GetParam().expected), std::string::npos) << error.message();
}

INSTANTIATE_TEST_SUITE_P(, HfConfigRejects, ::testing::ValuesIn(kCases),
                         [](const auto& info) { return info.param.name; });

const Case kFalconCases[] = {
    {"sequentialNewDecoder", set("parallel_attn", false), "parallel_attn", "false",
     "new_decoder_architecture"},
    {"kvHeadsThatDoNotDivide", set("num_kv_heads", 3), "num_kv_heads", "3", "a divisor of the 4"},
    {"threeNorms", set("num_ln_in_parallel_attn", 3), "num_ln_in_parallel_attn", "3", "1 to 2"},
    {"twoNormsOfTheOldDecoder",
     [](json& v) {
         v["new_decoder_architecture"] = false;
         v["num_ln_in_parallel_attn"] = 2;
     },
     "num_ln_in_parallel_attn", "2", "1 without"},
    {"relu", set("activation", "relu"), "activation", "\"relu\"", "\"gelu\""},
    {"headsThatDoNotDivide", set("num_attention_heads", 5), "hidden_size", "64", "a multiple of the 5 heads"},
};

TEST(HfConfig, falconRejects) {
    for (const Case& wrong : kFalconCases) {
        json values = tinyFalconFolder(TinyFalcon::grouped).config;
        wrong.breakIt(values);
        const auto config = readHfConfig(values, "config.json");
        ASSERT_FALSE(config) << wrong.name;
        EXPECT_EQ(config.error().field, wrong.field);
        EXPECT_NE(config.error().found.find(wrong.found), std::string::npos) << config.error().message();
        EXPECT_NE(config.error().expected.find(wrong.expected), std::string::npos)
            << config.error().message();
    }
}

TEST(HfConfig, anArrayIsNoConfiguration) {
    const auto config = readHfConfig(json::array(), "config.json");
    ASSERT_FALSE(config);
    EXPECT_EQ(config.error().found, "an array");
}

}  // namespace
}  // namespace edgechat::inference
