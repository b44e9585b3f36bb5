// Every way in which a Hugging Face folder is refused, with what the message says: its files, its index, and
// the forms of quantized weights that it may hold. Each case is a folder that opens, with one thing wrong.
#include <gtest/gtest.h>

#include <functional>

#include "inference/model/checkpoint.h"
#include "tests/data/int8_packing.h"

namespace edgechat::inference {
namespace {

using namespace testing;
using nlohmann::json;

struct Case {
    const char* name;
    std::function<void(HfFolder&)> breakIt;
    const char* file;  // "": the folder itself
    const char* field;
    const char* found;
    const char* expected;
};

void PrintTo(const Case& wrong, std::ostream* out) {
    *out << wrong.name;
}

// Opens the broken folder; files whose content is "absent" are removed.
void expectRefused(const HfFolder& model, const Case& wrong) {
    const TemporaryFolder folder;
    model.writeTo(folder);
    for (const auto& [name, content] : model.files) {
        if (content == "absent") std::filesystem::remove(folder.path() / name);
    }
    const auto opened = Checkpoint::open(folder.path());
    ASSERT_FALSE(opened);
    const Error& error = opened.error();
    EXPECT_EQ(error.code, ErrorCode::badInput);
    EXPECT_EQ(error.file, *wrong.file ? (folder.path() / wrong.file).string() : folder.path().string());
    EXPECT_NE(error.field.find(wrong.field), std::string::npos) << error.message();
    EXPECT_NE(error.found.find(wrong.found), std::string::npos) << error.message();
    EXPECT_NE(error.expected.find(wrong.expected), std::string::npos) << error.message();
}

std::function<void(HfFolder&)> filesInstead(std::map<std::string, std::string> files,
                                            bool keepConfig = true) {
    return [=](HfFolder& f) {
        f.files = files;
        f.files["model.safetensors"] = "absent";
        if (!keepConfig) f.files["config.json"] = "absent";
    };
}

std::function<void(HfFolder&)> index(const std::string& text) {
    return filesInstead({{"model.safetensors.index.json", text}});
}

constexpr const char* kIndexFile = "model.safetensors.index.json";

const Case kFolders[] = {
    {"noConfig", filesInstead({}, false), "", "", "a folder without config.json", "config.json"},
    {"ggufAndNoConfig", filesInstead({{"x.gguf", "GGUF"}}, false), "", "", "x.gguf and no config.json",
     "the GGUF file itself: open "},
    {"adapter", filesInstead({{"adapter_config.json", "{}"}}, false), "", "", "an adapter (LoRA)", "merge"},
    {"originalForm", filesInstead({{"params.json", "{}"}}, false), "", "", "params.json",
     "Hugging Face's form"},
    {"configIsNoJson", [](HfFolder& f) { f.files["config.json"] = "{"; }, "config.json", "",
     "something that is not JSON", "a JSON file"},
    {"configWithNulBehindIt",
     [](HfFolder& f) { f.files["config.json"] = f.config.dump() + std::string("\0x", 2); }, "config.json", "",
     "something that is not JSON", "a JSON file"},
    {"noWeights", filesInstead({}), "", "", "a folder without weights", "model.safetensors"},
    {"pickleOnly", filesInstead({{"pytorch_model.bin", "x"}, {"training_args.bin", "x"}}), "", "",
     "pytorch_model.bin, weights as a Python pickle", "safe_serialization=True"},
    {"pickleShards",
     filesInstead({{"pytorch_model-00001-of-00002.bin", "x"}, {"pytorch_model.bin.index.json", "{}"}}), "",
     "", "a Python pickle", "safetensors"},
    {"ptFile", filesInstead({{"model.pt", "x"}}), "", "", "model.pt, weights as a Python pickle",
     "safetensors"},
    {"pthFile", filesInstead({{"consolidated.00.pth", "x"}}), "", "", "consolidated.00.pth", "safetensors"},
    {"looseShards", filesInstead({{"a.safetensors", "x"}, {"b.safetensors", "x"}}), "", "",
     "2 safetensors files (a.safetensors, ...) and no model.safetensors.index.json", "download it"},
    {"otherName", filesInstead({{"a.safetensors", "x"}}), "", "", "a.safetensors alone", "rename"},
    {"consolidatedAlone", filesInstead({{"consolidated.safetensors", "x"}}), "", "", "Mistral's own form",
     "model.safetensors"},
    {"ggufBesideConfig", filesInstead({{"x.gguf", "GGUF"}}), "", "", "x.gguf and no model.safetensors",
     "the GGUF file itself"},
    {"indexAndNoShard",
     [](HfFolder& f) {
         f.files["model.safetensors"] = "absent";
         f.files[kIndexFile] = R"({"weight_map":{"t":"missing.safetensors"}})";
     },
     "missing.safetensors", "", "No such file", "is the download complete?"},

    // The index.
    {"indexIsNoJson", index("x"), kIndexFile, "", "not JSON", "a JSON file"},
    {"indexIsAnArray", index("[]"), kIndexFile, "", "an array", "weight_map"},
    {"indexWithoutMap", index("{}"), kIndexFile, "weight_map", "no such key", "tensor to file"},
    {"emptyMap", index(R"({"weight_map":{}})"), kIndexFile, "weight_map", "no tensors", "tensor to file"},
    {"mapIsAText", index(R"({"weight_map":"x"})"), kIndexFile, "weight_map", "\"x\"", "an object"},
    {"mapKeyTwice", index(R"({"weight_map":{"t":"a.safetensors","t":"a.safetensors"}})"), kIndexFile, "t",
     "twice", "once"},
    {"emptyTensorName", index(R"({"weight_map":{"":"a.safetensors"}})"), kIndexFile, "weight_map",
     "an empty name", "a name"},
    {"shardIsANumber", index(R"({"weight_map":{"t":1}})"), kIndexFile, "weight_map.t", "1", "a file's name"},
    {"shardInAFolder", index(R"({"weight_map":{"t":"x/a.safetensors"}})"), kIndexFile, "weight_map.t",
     "x/a.safetensors", "the bare name"},
    {"shardAbsolute", index(R"({"weight_map":{"t":"/etc/a.safetensors"}})"), kIndexFile, "weight_map.t",
     "/etc/a.safetensors", "the bare name"},
    {"shardWithBackslash", index(R"({"weight_map":{"t":"x\\a.safetensors"}})"), kIndexFile, "weight_map.t",
     "a.safetensors", "the bare name"},
    {"shardAbove", index(R"({"weight_map":{"t":"..safetensors"}})"), kIndexFile, "weight_map.t",
     "..safetensors", "the bare name"},
    {"shardOfOtherKind", index(R"({"weight_map":{"t":"pytorch_model.bin"}})"), kIndexFile, "weight_map.t",
     "pytorch_model.bin", ".safetensors file"},
    {"tooManyShards",
     [](HfFolder& f) {
         json map;
         for (int i = 0; i < 257; ++i) map[std::to_string(i)] = std::to_string(i) + ".safetensors";
         index(json{{"weight_map", map}}.dump())(f);
     },
     kIndexFile, "weight_map", "more files", "at most 256"},
    {"missingShard", index(R"({"weight_map":{"t":"a.safetensors"}})"), "a.safetensors", "", "No such file",
     "is the download complete?"},
    {"listedTensorNotInItsShard",
     [](HfFolder& f) {
         SafetensorsWriter shard;
         shard.add("u", "U8", {1}, "x");
         filesInstead({{"a.safetensors", shard.bytes()},
                       {kIndexFile, R"({"weight_map":{"t":"a.safetensors","u":"a.safetensors"}})"}})(f);
     },
     "a.safetensors", "tensor t", "no such tensor", "the index places here"},
    {"tensorInTwoShards",
     [](HfFolder& f) {
         SafetensorsWriter shard, other;
         shard.add("t", "U8", {1}, "x");
         other.add("t", "U8", {1}, "x");
         other.add("u", "U8", {1}, "x");
         filesInstead({{"a.safetensors", shard.bytes()},
                       {"b.safetensors", other.bytes()},
                       {kIndexFile, R"({"weight_map":{"t":"a.safetensors","u":"b.safetensors"}})"}})(f);
     },
     "b.safetensors", "tensor t", "in this shard too", "in a.safetensors alone"},

    // Tensors against the configuration.
    {"missingTensor", [](HfFolder& f) { f.weights.remove("model.layers.1.mlp.up_proj.weight"); }, "",
     "tensor model.layers.1.mlp.up_proj.weight", "no such tensor", "[128, 64]"},
    {"missingHead", [](HfFolder& f) { f.weights.remove("lm_head.weight"); }, "", "tensor lm_head.weight",
     "no such tensor", "[40, 64]"},
    {"wrongShape", [](HfFolder& f) { f.config["intermediate_size"] = 96; }, "model.safetensors",
     "mlp.gate_proj.weight", "shape [128, 64]", "[96, 64]"},
    {"eightBitWeight",
     [](HfFolder& f) {
         auto& tensor = f.weights.tensor("model.layers.0.mlp.up_proj.weight");
         tensor.dtype = "F8_E4M3";
         tensor.data.resize(tensor.data.size() / 2);
     },
     "model.safetensors", "mlp.up_proj.weight", "dtype F8_E4M3", "F16, BF16 or F32"},
    {"biasThatIsNotDeclared", [](HfFolder& f) { f.addFloats("model.layers.0.self_attn.q_proj.bias", {64}); },
     "model.safetensors", "self_attn.q_proj.bias", "does not have", "only the tensors"},
    {"declaredBiasMissing", [](HfFolder& f) { f.config["attention_bias"] = true; }, "",
     "model.layers.0.self_attn.q_proj.bias", "no such tensor", "[64]"},
    {"normOfQueries", [](HfFolder& f) { f.addFloats("model.layers.0.self_attn.q_norm.weight", {16}); },
     "model.safetensors", "q_norm.weight", "does not have", "only the tensors"},
    {"thirdLayer", [](HfFolder& f) { f.addFloats("model.layers.2.input_layernorm.weight", {64}); },
     "model.safetensors", "model.layers.2.input_layernorm.weight", "does not have", "its 2 layers"},
    {"biasOfTheHead", [](HfFolder& f) { f.addFloats("lm_head.bias", {40}); }, "model.safetensors",
     "lm_head.bias", "does not have", "head"},
};

class FolderRejects : public ::testing::TestWithParam<Case> {};

TEST_P(FolderRejects, namesFileFieldFoundAndExpected) {
    HfFolder model = tinyLlamaFolder();
    GetParam().breakIt(model);
    expectRefused(model, GetParam());
}

INSTANTIATE_TEST_SUITE_P(, FolderRejects, ::testing::ValuesIn(kFolders),
                         [](const auto& info) { return info.param.name; });

constexpr const char* kModule = "model.layers.0.self_attn.q_proj";  // [64, 64], groups of 32
constexpr const char* kWeights = "model.safetensors";

SafetensorsWriter::Tensor& part(HfFolder& folder, const char* name) {
    return folder.weights.tensor(std::string(kModule) + name);
}
std::function<void(HfFolder&)> reshaped(const char* name, std::vector<uint64_t> shape) {
    return [=](HfFolder& f) { part(f, name).shape = shape; };
}
std::function<void(HfFolder&)> scheme(const char* key, json value) {
    return [=](HfFolder& f) { f.config["quantization_config"][key] = value; };
}

// specs: the reject list of importing AWQ.
const Case kAwq[] = {
    {"threeBits", scheme("bits", 3), "config.json", "quantization_config.bits", "3", "4 bits"},
    {"eightBits", scheme("bits", 8), "config.json", "quantization_config.bits", "8", "4 bits"},
    {"unknownVersion", scheme("version", "gemm2"), "config.json", "version", "\"gemm2\"", "\"gemv_fast\""},
    {"marlinVersion", scheme("version", "marlin"), "config.json", "version",
     "\"marlin\", a form for one kind", "F16 or BF16"},
    {"exllamaVersion", scheme("version", "exllamav2"), "config.json", "version", "\"exllamav2\"",
     "AWQ (gemm"},
    {"groupOfZero", scheme("group_size", 0), "config.json", "group_size", "0", "-1"},
    {"notConvertedIsAText", scheme("modules_to_not_convert", "lm_head"), "config.json",
     "modules_to_not_convert", "\"lm_head\"", "an array of texts"},
    {"gptq", scheme("quant_method", "gptq"), "config.json", "quant_method", "\"gptq\"",
     "EdgeChat quantizes itself"},
    {"bitsandbytes", scheme("quant_method", "bitsandbytes"), "config.json", "quant_method",
     "\"bitsandbytes\"", "AWQ (gemm"},
    {"fp8", scheme("quant_method", "fp8"), "config.json", "quant_method", "\"fp8\"", "compressed-tensors"},
    {"hqq", scheme("quant_method", "hqq"), "config.json", "quant_method", "\"hqq\"", "AWQ"},
    {"exl2", scheme("quant_method", "exl2"), "config.json", "quant_method", "\"exl2\"", "AWQ"},
    {"noMethod", [](HfFolder& f) { f.config["quantization_config"].erase("quant_method"); }, "config.json",
     "quant_method", "no such key", "AWQ"},
    {"twoConfigurationsThatDiffer",
     [](HfFolder& f) {
         f.files["quant_config.json"] =
             R"({"zero_point":true,"q_group_size":128,"w_bit":4,"version":"GEMM"})";
     },
     "quant_config.json", "", "gemm with groups of 128", "gemm with groups of 32"},
    {"oldConfigurationOfThreeBits",
     [](HfFolder& f) { f.files["quant_config.json"] = R"({"q_group_size":32,"w_bit":3,"version":"GEMM"})"; },
     "quant_config.json", "w_bit", "3", "4 bits"},
    {"codesOfOtherType", [](HfFolder& f) { part(f, ".qweight").dtype = "F32"; }, kWeights, "q_proj.qweight",
     "dtype F32", "I32 or I16"},
    {"zerosOfOtherType", [](HfFolder& f) { part(f, ".qzeros").dtype = "U32"; }, kWeights, "q_proj.qzeros",
     "dtype U32", "I32"},
    {"scalesOfOtherType", [](HfFolder& f) { part(f, ".scales").dtype = "I16"; }, kWeights, "q_proj.scales",
     "dtype I16", "F16, BF16 or F32"},
    {"groupsThatDoNotDivideTheInputs",
     [](HfFolder& f) {
         part(f, ".scales") = {std::string(kModule) + ".scales", "F16", {3, 64}, std::string(384, '<'), {}};
     },
     kWeights, "q_proj.scales", "scales for 3 groups", "divides the 64 inputs"},
    {"outputsThatAreNoMultipleOfEight",
     [](HfFolder& f) {
         f.config["vocab_size"] = 40;
         f.config["intermediate_size"] = 100;
         f.weights.remove("model.layers.0.mlp.gate_proj.qweight");
         f.weights.add("model.layers.0.mlp.gate_proj.qweight", "I32", {64, 12},
                       std::string(64 * 12 * 4, 'x'));
     },
     kWeights, "gate_proj.qweight", "for 100 outputs", "a multiple of 8"},
    {"zerosOfOtherShape", reshaped(".qzeros", {8, 2}), kWeights, "q_proj.qzeros", "shape [8, 2]", "[2, 8]"},
    {"scalesOfOtherShape", reshaped(".scales", {64, 2}), kWeights, "q_proj.scales", "shape [64, 2]",
     "[groups, 64]"},
    {"codesOfOtherShape", reshaped(".qweight", {128, 4}), kWeights, "q_proj.qweight", "shape [128, 4]",
     "[64, 8] of AWQ gemm for a matrix of [64, 64]"},
    {"shapeAgainstTheConfiguration",
     [](HfFolder& f) {
         f.config["num_attention_heads"] = 8;
         f.config["head_dim"] = 16;
     },
     kWeights, "q_proj.qweight", "shape [64, 8]", "[64, 16] of AWQ gemm for a matrix of [128, 64]"},
    {"plainWeightToo",
     [](HfFolder& f) {
         f.addFloats(std::string(kModule) + ".weight", {64, 64});
     },
     kWeights, "q_proj.qweight", "a quantized and a plain weight", "one of the two"},
    {"noZeros", [](HfFolder& f) { f.weights.remove(std::string(kModule) + ".qzeros"); }, kWeights,
     "q_proj.qweight", "qweight without qzeros", "qweight, qzeros and scales"},
    {"noScales", [](HfFolder& f) { f.weights.remove(std::string(kModule) + ".scales"); }, kWeights,
     "q_proj.qweight", "qweight without scales", "qweight, qzeros and scales"},
    {"noCodes", [](HfFolder& f) { f.weights.remove(std::string(kModule) + ".qweight"); }, "", "q_proj.weight",
     "no such tensor", "[64, 64]"},
    {"gptqLayout", reshaped(".qweight", {8, 64}), kWeights, "q_proj.qweight", "shape [8, 64]",
     "this is GPTQ"},
    {"gptqOrder",
     [](HfFolder& f) { f.weights.add(std::string(kModule) + ".g_idx", "I32", {64}, std::string(256, '\0')); },
     kWeights, "q_proj.g_idx", "which GPTQ stores", "AWQ repository"},
    {"marlinLayout",
     [](HfFolder& f) {
         part(f, ".qweight").shape = {4, 128};
         f.weights.remove(std::string(kModule) + ".qzeros");
     },
     kWeights, "q_proj.qweight", "shape [4, 128]", "this is marlin"},
    {"headAbsentAndNotTied", [](HfFolder& f) { f.weights.remove("lm_head.weight"); }, "", "lm_head.weight",
     "no such tensor", "[40, 64]"},
    {"pickleOnly", filesInstead({{"pytorch_model.bin", "x"}}), "", "", "a Python pickle", "safetensors"},
};

class AwqRejects : public ::testing::TestWithParam<Case> {};

TEST_P(AwqRejects, namesFileFieldFoundAndExpected) {
    HfFolder model = tinyLlamaFolder(1);
    quantizeFolder(model, Int4Form::gemm, 32);
    GetParam().breakIt(model);
    expectRefused(model, GetParam());
}

INSTANTIATE_TEST_SUITE_P(, AwqRejects, ::testing::ValuesIn(kAwq),
                         [](const auto& info) { return info.param.name; });

std::function<void(HfFolder&)> groupScheme(const char* key, json value) {
    return [=](HfFolder& f) { f.config["quantization_config"]["config_groups"]["group_0"][key] = value; };
}
std::function<void(HfFolder&)> weightScheme(const char* key, json value) {
    return [=](HfFolder& f) {
        f.config["quantization_config"]["config_groups"]["group_0"]["weights"][key] = value;
    };
}

const Case kCompressed[] = {
    {"otherFormat", scheme("format", "float-quantized"), "config.json", "quantization_config.format",
     "\"float-quantized\"", "\"pack-quantized\" or \"int-quantized\""},
    {"sparse", scheme("sparsity_config", json{{"format", "sparse-24-bitmask"}}), "config.json",
     "sparsity_config.format", "sparse-24", "\"dense\""},
    {"quantizedCache", scheme("kv_cache_scheme", json{{"num_bits", 8}}), "config.json", "kv_cache_scheme",
     "KV cache", "weights alone"},
    {"quantizedActivations", groupScheme("input_activations", json{{"num_bits", 8}}), "config.json",
     "config_groups.group_0.input_activations", "quantized activations", "W4A16"},
    {"eightBits", weightScheme("num_bits", 8), "config.json", "weights.num_bits", "8", "4 bits"},
    {"floats", weightScheme("type", "float"), "config.json", "weights.type", "\"float\"", "\"int\""},
    {"strategy", weightScheme("strategy", "block"), "config.json", "weights.strategy", "\"block\"",
     "\"group\""},
    {"orderOfGroups", weightScheme("actorder", "group"), "config.json", "weights.actorder", "\"group\"",
     "neighbouring inputs"},
    {"storedOrder",
     [](HfFolder& f) {
         f.weights.add(std::string(kModule) + ".weight_g_idx", "I32", {64}, std::string(256, '\0'));
     },
     kWeights, "q_proj.weight_g_idx", "the group of each input", "neighbouring inputs"},
    {"codesOfOtherType", [](HfFolder& f) { part(f, ".weight_packed").dtype = "U32"; }, kWeights,
     "q_proj.weight_packed", "dtype U32", "I32"},
    {"codesOfOtherShape", reshaped(".weight_packed", {32, 16}), kWeights, "q_proj.weight_packed",
     "shape [32, 16]", "[64, 8] for a matrix of [64, 64]"},
    {"scalesOfOtherShape", reshaped(".weight_scale", {2, 64}), kWeights, "q_proj.weight_scale",
     "shape [2, 64]", "[64, groups]"},
    {"zerosOfOtherShape", reshaped(".weight_zero_point", {2, 8}), kWeights, "q_proj.weight_zero_point",
     "I32 of shape [2, 8]", "I32 of shape [8, 2]"},
    {"otherShapeSaid",
     [](HfFolder& f) {
         part(f, ".weight_shape").data = littleEndian<int64_t>(64) + littleEndian<int64_t>(65);
     },
     kWeights, "q_proj.weight_shape", "[64, 65]", "[64, 64]"},
    {"noScales", [](HfFolder& f) { f.weights.remove(std::string(kModule) + ".weight_scale"); }, kWeights,
     "q_proj.weight_packed", "codes without weight_scale", "both"},
};

class CompressedTensorsRejects : public ::testing::TestWithParam<Case> {};

TEST_P(CompressedTensorsRejects, namesFileFieldFoundAndExpected) {
    HfFolder model = tinyLlamaFolder(1);
    quantizeFolder(model, Int4Form::compressed, 32);
    GetParam().breakIt(model);
    expectRefused(model, GetParam());
}

INSTANTIATE_TEST_SUITE_P(, CompressedTensorsRejects, ::testing::ValuesIn(kCompressed),
                         [](const auto& info) { return info.param.name; });

std::function<void(HfFolder&)> inputScheme(const char* key, json value) {
    return [=](HfFolder& f) {
        f.config["quantization_config"]["config_groups"]["group_0"]["input_activations"][key] = value;
    };
}
std::function<void(HfFolder&)> addedPart(const char* name, const char* dtype, std::vector<uint64_t> shape,
                                         size_t bytes) {
    return [=](HfFolder& f) {
        f.weights.add(std::string(kModule) + name, dtype, shape, std::string(bytes, '\0'));
    };
}

const Case kInt8[] = {
    {"otherFormat", scheme("format", "naive-quantized"), "config.json", "quantization_config.format",
     "\"naive-quantized\"", "\"int-quantized\""},
    {"otherFormatOfAGroup", groupScheme("format", "pack-quantized"), "config.json", "group_0.format",
     "\"pack-quantized\"", "\"int-quantized\""},
    {"quantizedCache", scheme("kv_cache_scheme", json{{"num_bits", 8}}), "config.json", "kv_cache_scheme",
     "KV cache", "null"},
    {"noGroups", scheme("config_groups", json::object()), "config.json", "config_groups", "no scheme",
     "W8A8: 8 bits by token, dynamic"},
    {"weightsAlone", groupScheme("input_activations", nullptr), "config.json", "group_0.input_activations",
     "no such key", "8 bits by token (W8A8)"},
    {"noWeights", groupScheme("weights", nullptr), "config.json", "group_0.weights", "no such key",
     "8 bits by channel"},
    {"quantizedOutputs", groupScheme("output_activations", json{{"num_bits", 8}}), "config.json",
     "group_0.output_activations", "quantized outputs", "null"},
    {"fourBits", weightScheme("num_bits", 4), "config.json", "weights.num_bits", "4", "8"},
    {"floats", weightScheme("type", "float"), "config.json", "weights.type", "\"float\"", "\"int\""},
    {"byTensor", weightScheme("strategy", "tensor"), "config.json", "weights.strategy", "\"tensor\"",
     "\"channel\""},
    {"byGroup", weightScheme("strategy", "group"), "config.json", "weights.strategy", "\"group\"",
     "\"channel\""},
    {"asymmetric", weightScheme("symmetric", false), "config.json", "weights.symmetric", "false", "true"},
    {"dynamicWeights", weightScheme("dynamic", true), "config.json", "weights.dynamic", "true", "false"},
    {"inputsOfFourBits", inputScheme("num_bits", 4), "config.json", "input_activations.num_bits", "4", "8"},
    {"inputsAsFloats", inputScheme("type", "float"), "config.json", "input_activations.type", "\"float\"",
     "\"int\""},
    {"inputsByTensor", inputScheme("strategy", "tensor"), "config.json", "input_activations.strategy",
     "\"tensor\"", "\"token\""},
    {"asymmetricInputs", inputScheme("symmetric", false), "config.json", "input_activations.symmetric",
     "false", "true"},
    {"staticInputs", inputScheme("dynamic", false), "config.json", "input_activations.dynamic", "false",
     "true"},
    {"inputsDynamicInGroups", inputScheme("dynamic", "local"), "config.json", "input_activations.dynamic",
     "\"local\"", "true"},
    {"configurationOfFourBits",
     [](HfFolder& f) {
         HfFolder int4 = tinyLlamaFolder(1);
         quantizeFolder(int4, Int4Form::compressed, 32);
         f.config["quantization_config"] = int4.config["quantization_config"];
     },
     kWeights, "q_proj.weight", "the configuration does not say int-quantized", "F16, BF16 or F32"},
    {"zeroPoints", addedPart(".weight_zero_point", "I8", {64, 1}, 64), kWeights, "q_proj.weight_zero_point",
     "zero points", "symmetric"},
    {"storedInputScale", addedPart(".input_scale", "F32", {1}, 4), kWeights, "q_proj.input_scale",
     "a fixed scale", "dynamic"},
    {"storedOrder", addedPart(".weight_g_idx", "I32", {64}, 256), kWeights, "q_proj.weight_g_idx",
     "the group of each input", "a scale for each output"},
    {"noScales", [](HfFolder& f) { f.weights.remove(std::string(kModule) + ".weight_scale"); }, kWeights,
     "q_proj.weight", "I8 codes without weight_scale", "both"},
    {"noCodes", [](HfFolder& f) { f.weights.remove(std::string(kModule) + ".weight"); }, "", "q_proj.weight",
     "no such tensor", "[64, 64]"},
    {"codesOfOtherShape", reshaped(".weight", {32, 128}), kWeights, "q_proj.weight", "shape [32, 128]",
     "[64, 64]"},
    {"codesWithoutSign", [](HfFolder& f) { part(f, ".weight").dtype = "U8"; }, kWeights, "q_proj.weight",
     "dtype U8", "F16, BF16 or F32"},
    {"scalesOfOtherShape", reshaped(".weight_scale", {1, 64}), kWeights, "q_proj.weight_scale",
     "shape [1, 64]", "[64, 1]: one scale for each output"},
    {"scalesByGroup",
     [](HfFolder& f) {
         part(f, ".weight_scale") = {
             std::string(kModule) + ".weight_scale", "F16", {64, 2}, std::string(256, '<'), {}};
     },
     kWeights, "q_proj.weight_scale", "shape [64, 2]", "[64, 1]"},
    {"scalesOfOtherType", [](HfFolder& f) { part(f, ".weight_scale").dtype = "I16"; }, kWeights,
     "q_proj.weight_scale", "dtype I16", "F16, BF16 or F32"},
};

class Int8Rejects : public ::testing::TestWithParam<Case> {};

TEST_P(Int8Rejects, namesFileFieldFoundAndExpected) {
    HfFolder model = tinyLlamaFolder(1);
    quantizeFolderToInt8(model);
    GetParam().breakIt(model);
    expectRefused(model, GetParam());
}

INSTANTIATE_TEST_SUITE_P(, Int8Rejects, ::testing::ValuesIn(kInt8),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace edgechat::inference
