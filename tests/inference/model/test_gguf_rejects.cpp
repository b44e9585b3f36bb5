// Every way in which a GGUF file is refused, with what the message says. Each case is the tiny model, which
// opens, with one thing wrong.
#include <gtest/gtest.h>

#include <functional>

#include "inference/model/checkpoint.h"
#include "tests/data/gguf_writer.h"
#include "tests/data/test_files.h"

namespace edgechat::inference {
namespace {

using testing::ggufString;
using testing::GgufWriter;
using testing::littleEndian;
using testing::TemporaryFile;
using testing::tinyFalcon;
using testing::tinyModel;
using testing::tinyTokens;

struct Case {
    const char* name;
    std::function<void(GgufWriter&)> breakIt;
    const char* field;
    const char* found;
    const char* expected;
};

void PrintTo(const Case& wrong, std::ostream* out) {
    *out << wrong.name;
}

GgufWriter::Tensor& tensor(GgufWriter& writer, const char* name) {
    return *writer.tensor(name);
}

const Case kCases[] = {
    // The container's head.
    {"badMagic", [](GgufWriter& w) { w.magic = "GGML"; }, "magic", "\"GGML\"", "\"GGUF\""},
    {"versionZero", [](GgufWriter& w) { w.version = 0; }, "version", "0", "2 or 3"},
    {"versionOne", [](GgufWriter& w) { w.version = 1; }, "version", "1", "2 or 3"},
    {"versionFour", [](GgufWriter& w) { w.version = 4; }, "version", "4", "2 or 3"},
    {"bigEndian", [](GgufWriter& w) { w.version = 3u << 24; }, "version", "a big-endian file",
     "little-endian"},
    {"moreTensorsThanBytes", [](GgufWriter& w) { w.tensorCount = uint64_t{1} << 60; }, "tensor count",
     "1152921504606846976", "at most"},
    {"moreKeysThanBytes", [](GgufWriter& w) { w.pairCount = UINT64_MAX; }, "metadata count",
     "18446744073709551615", "at most"},

    // Keys and values.
    {"emptyKey", [](GgufWriter& w) { w.u32("", 1); }, "metadata key", "an empty key", "a name"},
    {"keyTooLong", [](GgufWriter& w) { w.u32(std::string(65536, 'k'), 1); }, "metadata key",
     "a text of 65536 bytes", "at most 65535"},
    {"keyWithNul", [](GgufWriter& w) { w.u32(std::string("a\0b", 3), 1); }, "metadata key", "NUL", "text"},
    {"keyTwice", [](GgufWriter& w) { w.pairs.push_back(w.pairs.back()); }, "tokenizer.chat_template", "twice",
     "once"},
    {"textLongerThanFile", [](GgufWriter& w) { w.raw("x", 8, littleEndian<uint64_t>(1u << 27) + "abc"); },
     "x", "bytes to the end of the file", "at least 134217728"},
    {"textLongerThanAnyHeader", [](GgufWriter& w) { w.raw("x", 8, littleEndian<uint64_t>(UINT64_MAX)); }, "x",
     "a text of 18446744073709551615 bytes", "at most"},
    {"textWithNul", [](GgufWriter& w) { w.text("x", std::string("a\0b", 3)); }, "x", "NUL", "text"},
    {"unknownValueType", [](GgufWriter& w) { w.raw("x", 13, "a"); }, "x", "value type 13", "0 to 12"},
    {"unknownElementType",
     [](GgufWriter& w) { w.raw("x", 9, littleEndian<uint32_t>(99) + littleEndian<uint64_t>(0)); }, "x",
     "value type 99", "0 to 12"},
    {"arrayLongerThanFile",
     [](GgufWriter& w) { w.raw("x", 9, littleEndian<uint32_t>(4) + littleEndian<uint64_t>(1u << 30)); }, "x",
     "1073741824 elements", "fits into the file"},
    {"arrayOfTextsLongerThanFile",
     [](GgufWriter& w) { w.raw("x", 9, littleEndian<uint32_t>(8) + littleEndian<uint64_t>(UINT64_MAX)); },
     "x", "18446744073709551615 elements", "fits into the file"},
    {"arrayOfArrays",
     [](GgufWriter& w) { w.raw("x", 9, littleEndian<uint32_t>(9) + littleEndian<uint64_t>(0)); }, "x",
     "an array of arrays", "numbers"},
    {"boolOfTwo", [](GgufWriter& w) { w.raw("x", 7, "\x02"); }, "x", "a bool of value 2", "0 or 1"},
    {"boolOfTwoInAnArray",
     [](GgufWriter& w) { w.raw("x", 9, littleEndian<uint32_t>(7) + littleEndian<uint64_t>(1) + "\x02"); },
     "x", "a bool of value 2", "0 or 1"},
    {"alignmentOfOtherType", [](GgufWriter& w) { w.u64("general.alignment", 32); }, "general.alignment",
     "u64", "u32"},
    {"alignmentFour", [](GgufWriter& w) { w.u32("general.alignment", 4); }, "general.alignment", "4",
     "power of two"},
    {"alignmentZero", [](GgufWriter& w) { w.u32("general.alignment", 0); }, "general.alignment", "0",
     "power of two"},
    {"alignmentFortyEight", [](GgufWriter& w) { w.u32("general.alignment", 48); }, "general.alignment", "48",
     "power of two"},

    // The tensor table.
    {"emptyTensorName", [](GgufWriter& w) { w.tensors[0].name = ""; }, "tensor 0", "an empty name", "a name"},
    {"tensorNameTooLong", [](GgufWriter& w) { w.tensors[0].name = std::string(64, 'n'); }, "tensor 0",
     "a text of 64 bytes", "at most 63"},
    {"tensorNameWithNul", [](GgufWriter& w) { w.tensors[0].name = std::string("a\0b", 3); }, "tensor 0",
     "NUL", "text"},
    {"tensorTwice", [](GgufWriter& w) { w.tensors.push_back(w.tensors.back()); }, "tensor output_norm.weight",
     "twice", "once"},
    {"noDimensions", [](GgufWriter& w) { w.tensors[0].dimensions = {}; }, "tensor token_embd.weight",
     "0 dimensions", "1 to 4"},
    {"fiveDimensions",
     [](GgufWriter& w) {
         w.tensors[0].dimensions = {32, 1, 1, 1, 1};
     },
     "tensor token_embd.weight", "5 dimensions", "1 to 4"},
    {"dimensionZero",
     [](GgufWriter& w) {
         w.tensors[0].dimensions = {64, 0};
     },
     "tensor token_embd.weight", "dimension 1 of 0", "1 to 2^40"},
    {"dimensionTooLarge",
     [](GgufWriter& w) {
         w.tensors[0].dimensions = {64, (uint64_t{1} << 40) + 1};
     },
     "tensor token_embd.weight", "dimension 1 of 1099511627777", "1 to 2^40"},
    {"elementsOverflow",
     [](GgufWriter& w) {
         w.tensors[0].dimensions = {uint64_t{1} << 40, 1u << 24};
     },
     "tensor token_embd.weight", "more than 2^64 elements", "fits"},
    {"bytesOverflow",
     [](GgufWriter& w) {
         w.tensors[0].type = 0;
         w.tensors[0].dimensions = {uint64_t{1} << 40, 1u << 23};
     },
     "tensor token_embd.weight", "more than 2^64 bytes", "fits"},
    {"typeIq4Nl", [](GgufWriter& w) { w.tensors[0].type = 20; }, "tensor token_embd.weight",
     "tensor type IQ4_NL", "a file quantized as Q4_K_M, for example"},
    {"typeTq1_0", [](GgufWriter& w) { w.tensors[0].type = 34; }, "tensor token_embd.weight",
     "tensor type TQ1_0", "a file quantized as Q4_K_M, for example"},
    {"typeMxfp4", [](GgufWriter& w) { w.tensors[0].type = 39; }, "tensor token_embd.weight",
     "tensor type MXFP4", "a file quantized as Q4_K_M, for example"},
    {"integerType", [](GgufWriter& w) { w.tensors[0].type = 26; }, "tensor token_embd.weight",
     "tensor type I32", "F32, F16, BF16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0 or Q2_K to Q6_K"},
    {"removedType", [](GgufWriter& w) { w.tensors[0].type = 4; }, "tensor token_embd.weight",
     "tensor type Q4_2", "F32"},
    {"removedRepackedType", [](GgufWriter& w) { w.tensors[0].type = 31; }, "tensor token_embd.weight",
     "tensor type Q4_0_4_4", "F32"},
    {"unknownType", [](GgufWriter& w) { w.tensors[0].type = 1000; }, "tensor token_embd.weight",
     "tensor type number 1000", "F32"},
    {"rowsThatAreNoBlocks",
     [](GgufWriter& w) {
         w.tensors[0].dimensions = {48, 268};
     },
     "tensor token_embd.weight", "rows of 48 elements", "a multiple of 32 for Q8_0"},
    {"rowsThatAreNoSuperBlocks", [](GgufWriter& w) { w.tensors[0].type = 12; }, "tensor token_embd.weight",
     "rows of 64 elements", "a multiple of 256 for Q4_K"},
    {"offsetNotAligned", [](GgufWriter& w) { w.tensors[1].offset = 17; }, "tensor blk.0.attn_norm.weight",
     "offset 17", "a multiple of 32"},
    {"offsetLeavesGap", [](GgufWriter& w) { w.tensors[0].offset = 32; }, "tensor token_embd.weight",
     "offset 32", "0"},
    {"offsetOverlaps", [](GgufWriter& w) { w.tensors[1].offset = 0; }, "tensor blk.0.attn_norm.weight",
     "offset 0", "18240"},
    {"dataBehindTheEnd", [](GgufWriter& w) { w.tensors.back().data.resize(100); },
     "tensor output_norm.weight", "a file of", "is the download complete?"},

    // What the keys say.
    {"noArchitecture", [](GgufWriter& w) { w.remove("general.architecture"); }, "general.architecture",
     "no such key", "a text"},
    {"otherArchitecture", [](GgufWriter& w) { w.text("general.architecture", "qwen2"); },
     "general.architecture", "\"qwen2\"", "\"llama\" (LLaMA, Mistral"},
    {"architectureMistral", [](GgufWriter& w) { w.text("general.architecture", "mistral"); },
     "general.architecture", "\"mistral\"", "or \"falcon\""},
    {"firstOfSplit",
     [](GgufWriter& w) {
         w.raw("split.no", 2, littleEndian<uint16_t>(0));
         w.raw("split.count", 2, littleEndian<uint16_t>(3));
     },
     "split.count", "part 1 of 3", "-00001-of-00003.gguf"},
    {"laterOfSplit",
     [](GgufWriter& w) {
         w.raw("split.no", 2, littleEndian<uint16_t>(1));
         w.raw("split.count", 2, littleEndian<uint16_t>(3));
     },
     "split.no", "part 2 of 3", "-00001-of-00003.gguf"},
    {"moreThanAllParts", [](GgufWriter& w) { w.u32("split.count", 65536); }, "split.count", "65536",
     "0 to 65535"},
    {"experts", [](GgufWriter& w) { w.u32("llama.expert_count", 8); }, "llama.expert_count", "8 experts",
     "dense"},
    {"otherScaledRope",
     [](GgufWriter& w) {
         w.text("llama.rope.scaling.type", "longrope");
         w.f32("llama.rope.scaling.factor", 4);
     },
     "llama.rope.scaling.type", "\"longrope\"", "\"none\", \"linear\" or \"yarn\""},
    {"negativeRopeFactor", [](GgufWriter& w) { w.f32("llama.rope.scaling.factor", -4); },
     "llama.rope.scaling.factor", "-4", "above 0"},
    {"attentionFactorWithoutYarn", [](GgufWriter& w) { w.f32("llama.rope.scaling.attn_factor", 2); },
     "llama.rope.scaling.attn_factor", "2", "1 where the scaling is not \"yarn\""},
    {"yarnOfAnotherBlend",
     [](GgufWriter& w) {
         w.text("llama.rope.scaling.type", "yarn");
         w.f32("llama.rope.scaling.factor", 4);
         w.f32("llama.rope.scaling.yarn_ext_factor", 0.5f);
     },
     "llama.rope.scaling.yarn_ext_factor", "0.5", "1"},
    {"noQuantizationVersion", [](GgufWriter& w) { w.remove("general.quantization_version"); },
     "general.quantization_version", "no such key", "an integer"},
    {"oldQuantizationVersion", [](GgufWriter& w) { w.u32("general.quantization_version", 1); },
     "general.quantization_version", "1", "2"},
    {"missingKey", [](GgufWriter& w) { w.remove("llama.embedding_length"); }, "llama.embedding_length",
     "no such key", "an integer"},
    {"keyOfOtherType", [](GgufWriter& w) { w.text("llama.embedding_length", "64"); },
     "llama.embedding_length", "a value of type string", "an integer"},
    {"negativeCount", [](GgufWriter& w) { w.i32("llama.embedding_length", -64); }, "llama.embedding_length",
     "-64", "1 to"},
    {"noHeads", [](GgufWriter& w) { w.u32("llama.attention.head_count", 0); }, "llama.attention.head_count",
     "0", "1 to"},
    {"kvHeadsThatDoNotDivide", [](GgufWriter& w) { w.u32("llama.attention.head_count_kv", 3); },
     "llama.attention.head_count_kv", "3", "a divisor of the 4 heads"},
    {"noKvHeads", [](GgufWriter& w) { w.u32("llama.attention.head_count_kv", 0); },
     "llama.attention.head_count_kv", "0", "1 to"},
    {"differentHeadsPerLayer",
     [](GgufWriter& w) {
         w.i32s("llama.attention.head_count", {4, 2});
     },
     "llama.attention.head_count", "different values", "the same"},
    {"headsThatDoNotDivideHidden",
     [](GgufWriter& w) {
         w.u32("llama.attention.head_count", 3);
         w.u32("llama.attention.head_count_kv", 3);
     },
     "llama.embedding_length", "64", "a multiple of the 3 heads"},
    {"ropeOfPartOfAHead", [](GgufWriter& w) { w.u32("llama.rope.dimension_count", 8); },
     "llama.rope.dimension_count", "8", "16"},
    {"oddHeadSize",
     [](GgufWriter& w) {
         for (const char* key :
              {"llama.attention.key_length", "llama.attention.value_length", "llama.rope.dimension_count"}) {
             w.u32(key, 15);
         }
     },
     "llama.attention.key_length", "15", "even"},
    {"epsilonOfZero", [](GgufWriter& w) { w.f32("llama.attention.layer_norm_rms_epsilon", 0); },
     "llama.attention.layer_norm_rms_epsilon", "0", "above 0"},
    {"ropeBaseNan", [](GgufWriter& w) { w.f32("llama.rope.freq_base", NAN); }, "llama.rope.freq_base", "nan",
     "above 0"},
    {"moreLayersThanTensors", [](GgufWriter& w) { w.u32("llama.block_count", 4000000000u); },
     "llama.block_count", "4000000000", "1 to 20"},

    // Tensors against the configuration.
    {"layerWithoutTensors", [](GgufWriter& w) { w.u32("llama.block_count", 3); },
     "tensor blk.2.attn_norm.weight", "no such tensor", "[64]"},
    {"tensorsWithoutLayer", [](GgufWriter& w) { w.u32("llama.block_count", 1); },
     "tensor blk.1.attn_k.weight", "does not have", "1 layers"},
    {"missingTensor", [](GgufWriter& w) { w.removeTensor("blk.1.ffn_up.weight"); },
     "tensor blk.1.ffn_up.weight", "no such tensor", "one of shape [96, 64]"},
    {"wrongShape", [](GgufWriter& w) { w.u32("llama.feed_forward_length", 128); },
     "tensor blk.0.ffn_gate.weight", "shape [96, 64]", "[128, 64]"},
    {"transposed",
     [](GgufWriter& w) {
         std::swap(tensor(w, "blk.0.ffn_up.weight").dimensions[0],
                   tensor(w, "blk.0.ffn_up.weight").dimensions[1]);
     },
     "tensor blk.0.ffn_up.weight", "shape [64, 96]", "[96, 64]"},
    {"normThatIsAMatrix",
     [](GgufWriter& w) {
         tensor(w, "output_norm.weight").dimensions = {32, 2};
     },
     "tensor output_norm.weight", "shape [2, 32]", "[64]"},
    {"quantizedNorm",
     [](GgufWriter& w) {
         tensor(w, "output_norm.weight").type = 8;
         tensor(w, "output_norm.weight").data.resize(68);
     },
     "tensor output_norm.weight", "type Q8_0", "F32, F16 or BF16"},
    {"tensorThatNothingAskedFor",
     [](GgufWriter& w) {
         w.tensors.push_back({"blk.0.attn_norm.bias", 0, {64}, std::string(256, '\0'), {}});
     },
     "tensor blk.0.attn_norm.bias", "does not have", "only the tensors"},
    {"biasOfOtherSize",
     [](GgufWriter& w) {
         w.tensors.push_back({"blk.0.attn_k.bias", 0, {64}, std::string(256, '\0'), {}});
     },
     "tensor blk.0.attn_k.bias", "shape [64]", "[32]"},
    {"quantizedBias",
     [](GgufWriter& w) {
         w.tensors.push_back({"blk.0.attn_q.bias", 8, {64}, std::string(68, '\0'), {}});
     },
     "tensor blk.0.attn_q.bias", "type Q8_0", "F32, F16 or BF16"},
    {"ropeFactorZero",
     [](GgufWriter& w) {
         w.tensors.push_back({"rope_freqs.weight", 0, {8}, std::string(32, '\0'), {}});
     },
     "tensor rope_freqs.weight", "0.0", "above 0"},
    {"ropeFactorNan",
     [](GgufWriter& w) {
         w.tensors.push_back({"rope_freqs.weight", 0, {8}, std::string(32, '\xff'), {}});
     },
     "tensor rope_freqs.weight", "nan", "above 0"},
    {"ropeFactorsOfOtherSize",
     [](GgufWriter& w) {
         w.tensors.push_back({"rope_freqs.weight", 0, {16}, std::string(64, '\x3f'), {}});
     },
     "tensor rope_freqs.weight", "shape [16]", "[8]"},
    {"ropeFactorsBesideYarn",
     [](GgufWriter& w) {
         w.tensors.push_back({"rope_freqs.weight", 0, {8}, std::string(32, '\x3f'), {}});
         w.text("llama.rope.scaling.type", "yarn");
         w.f32("llama.rope.scaling.factor", 4);
     },
     "tensor rope_freqs.weight", "beside \"yarn\"", "one of the two"},

    // The vocabulary.
    {"noTokenizer", [](GgufWriter& w) { w.remove("tokenizer.ggml.model"); }, "tokenizer.ggml.model",
     "no such key", "a text"},
    {"noTokens", [](GgufWriter& w) { w.remove("tokenizer.ggml.tokens"); }, "tokenizer.ggml.tokens",
     "no such key", "an array"},
    {"tokensOfOtherType",
     [](GgufWriter& w) {
         w.i32s("tokenizer.ggml.tokens", {1, 2});
     },
     "tokenizer.ggml.tokens", "array of i32", "an array of texts"},
    {"vocabularyOfOtherSize", [](GgufWriter& w) { w.u32("llama.vocab_size", 300); }, "llama.vocab_size",
     "300", "268"},
    {"fewerTokensThanRows",
     [](GgufWriter& w) {
         std::vector<std::string> tokens = tinyTokens();
         tokens.pop_back();
         w.texts("tokenizer.ggml.tokens", tokens);
         w.remove("llama.vocab_size");
     },
     "tensor token_embd.weight", "shape [268, 64]", "[267, 64]"},
    {"tokenTwice",
     [](GgufWriter& w) {
         std::vector<std::string> tokens = tinyTokens();
         tokens[267] = tokens[10];
         w.texts("tokenizer.ggml.tokens", tokens);
     },
     "tokenizer.ggml.tokens", "a second time as token 267", "once"},
    {"fewerTypesThanTokens",
     [](GgufWriter& w) {
         w.i32s("tokenizer.ggml.token_type", {3, 3, 3});
     },
     "tokenizer.ggml.token_type", "3 elements", "each of the 268 tokens"},
    {"typeOutOfRange",
     [](GgufWriter& w) { w.i32s("tokenizer.ggml.token_type", std::vector<int32_t>(268, 7)); },
     "tokenizer.ggml.token_type", "7 for token 0", "1 to 6"},
    {"fewerScoresThanTokens",
     [](GgufWriter& w) {
         w.f32s("tokenizer.ggml.scores", {0, 1});
     },
     "tokenizer.ggml.scores", "2 elements", "each of the 268 tokens"},
    {"scoreNan", [](GgufWriter& w) { w.f32s("tokenizer.ggml.scores", std::vector<float>(268, NAN)); },
     "tokenizer.ggml.scores", "NaN for token 0", "a number"},
    {"sentencePieceWithoutScores", [](GgufWriter& w) { w.text("tokenizer.ggml.model", "llama"); },
     "tokenizer.ggml.scores", "no such key", "an array of floats"},
    {"byteLevelWithoutMerges", [](GgufWriter& w) { w.remove("tokenizer.ggml.merges"); },
     "tokenizer.ggml.merges", "no such key", "an array of texts"},
    {"mergeWithoutSpace", [](GgufWriter& w) { w.texts("tokenizer.ggml.merges", {"he"}); },
     "tokenizer.ggml.merges", "\"he\" as merge 0", "a space"},
    {"mergeWithoutRightPart",
     [](GgufWriter& w) {
         w.texts("tokenizer.ggml.merges", {"h e", "h "});
     },
     "tokenizer.ggml.merges", "\"h \" as merge 1", "a space"},
    {"specialIdOutsideVocabulary", [](GgufWriter& w) { w.u32("tokenizer.ggml.eos_token_id", 268); },
     "tokenizer.ggml.eos_token_id", "268", "0 to 267"},
    {"endOfTurnOutsideVocabulary", [](GgufWriter& w) { w.u32("tokenizer.ggml.eot_token_id", 5000); },
     "tokenizer.ggml.eot_token_id", "5000", "0 to 267"},
    {"flagOfOtherType", [](GgufWriter& w) { w.u32("tokenizer.ggml.add_bos_token", 1); },
     "tokenizer.ggml.add_bos_token", "a value of type u32", "a bool"},
    {"templateOfOtherType", [](GgufWriter& w) { w.u32("tokenizer.chat_template", 1); },
     "tokenizer.chat_template", "a value of type u32", "a text"},
};

// The same with a Falcon model.
const Case kFalconCases[] = {
    {"otherTensorLayout", [](GgufWriter& w) { w.text("falcon.tensor_data_layout", "original"); },
     "falcon.tensor_data_layout", "\"original\"", "\"jploski\""},
    {"epsilonOfTheOtherNorm",
     [](GgufWriter& w) {
         w.remove("falcon.attention.layer_norm_epsilon");
         w.f32("falcon.attention.layer_norm_rms_epsilon", 1e-5f);
     },
     "falcon.attention.layer_norm_epsilon", "no such key", "a number above 0"},
    {"normWithoutBias", [](GgufWriter& w) { w.removeTensor("blk.1.attn_norm.bias"); },
     "tensor blk.1.attn_norm.bias", "no such tensor", "[64]"},
    {"otherKvHeads", [](GgufWriter& w) { w.u32("falcon.attention.head_count_kv", 1); },
     "tensor blk.0.attn_qkv.weight", "shape [128, 64]", "[96, 64]"},
    {"separateQueries",
     [](GgufWriter& w) { w.tensor("blk.0.attn_qkv.weight")->name = "blk.0.attn_q.weight"; },
     "tensor blk.0.attn_qkv.weight", "no such tensor", "[128, 64]"},
    // Falcon-RW's sequential layers.
    {"normBeforeTheMlp",
     [](GgufWriter& w) {
         w.tensors.push_back({"blk.0.ffn_norm.weight", 0, {64}, std::string(256, '\0'), {}});
     },
     "tensor blk.0.ffn_norm.weight", "that a falcon model of this configuration does not have",
     "only the tensors"},
};

void expectRefused(const GgufWriter& writer, const Case& wrong) {
    const TemporaryFile file(writer.bytes());
    const auto opened = Checkpoint::open(file.path());
    ASSERT_FALSE(opened);
    const Error& error = opened.error();
    EXPECT_EQ(error.code, ErrorCode::badInput);
    EXPECT_EQ(error.file, file.path().string());
    EXPECT_NE(error.field.find(wrong.field), std::string::npos) << error.message();
    EXPECT_NE(error.found.find(wrong.found), std::string::npos) << error.message();
    EXPECT_NE(error.expected.find(wrong.expected), std::string::npos) << error.message();
}

class GgufRejects : public ::testing::TestWithParam<Case> {};

TEST_P(GgufRejects, namesFileFieldFoundAndExpected) {
    GgufWriter writer = tinyModel();
    GetParam().breakIt(writer);
    expectRefused(writer, GetParam());
}

INSTANTIATE_TEST_SUITE_P(, GgufRejects, ::testing::ValuesIn(kCases),
                         [](const auto& info) { return info.param.name; });

class FalconRejects : public ::testing::TestWithParam<Case> {};

TEST_P(FalconRejects, namesFileFieldFoundAndExpected) {
    GgufWriter writer = tinyFalcon();
    GetParam().breakIt(writer);
    expectRefused(writer, GetParam());
}

INSTANTIATE_TEST_SUITE_P(, FalconRejects, ::testing::ValuesIn(kFalconCases),
                         [](const auto& info) { return info.param.name; });

TEST(BrokenGguf, everyTruncationOfTheHeaderAndTheData) {
    const std::string whole = tinyModel().bytes();
    const TemporaryFile file;
    for (size_t size = 0; size < whole.size(); size += size < 2000 ? 13 : 997) {
        file.write(whole.substr(0, size));
        ASSERT_FALSE(Checkpoint::open(file.path())) << size;
    }
    file.write(whole.substr(0, whole.size() - 1));
    EXPECT_FALSE(Checkpoint::open(file.path()));
    file.write(whole);
    EXPECT_TRUE(Checkpoint::open(file.path()));
}

TEST(BrokenGguf, whatIsNoFile) {
    const auto folder = Checkpoint::open(std::filesystem::temp_directory_path());
    ASSERT_FALSE(folder);
    EXPECT_EQ(folder.error().found, "a folder without config.json");
    const auto missing = Checkpoint::open("/nonexistent/model.gguf");
    ASSERT_FALSE(missing);
    EXPECT_NE(missing.error().message().find("/nonexistent/model.gguf"), std::string::npos);
    const auto device = Checkpoint::open("/dev/null");
    ASSERT_FALSE(device);
    EXPECT_EQ(device.error().found, "something that is not a file");
}

TEST(BrokenGguf, messagesHideControlCharacters) {
    GgufWriter writer = tinyModel();
    writer.text("general.architecture", "\x1b[31mred\n");
    const TemporaryFile file(writer.bytes());
    const auto opened = Checkpoint::open(file.path());
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().found, "\"?[31mred?\"");
}

}  // namespace
}  // namespace edgechat::inference
