// W8A8 models on the CPU backend: what activations of 8 bits cost against the fp32 reference, and that
// results do not depend on threads, chunks or other matrices of the model.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "inference/cpu/cpu_backend.h"
#include "inference/forward.h"
#include "inference/reference/reference_backend.h"
#include "tests/data/int8_packing.h"
#include "tests/data/memory_checkpoint.h"

namespace edgechat::inference {
namespace {

using namespace edgechat::testing;

constexpr int kContext = 1024;

std::vector<int> someTokens(int count, int vocab) {
    std::vector<int> tokens;
    for (int i = 0; i < count; ++i) tokens.push_back((i * 37 + i * i * 11) % vocab);
    return tokens;
}

/// Logits of all tokens, computed in chunks of the given size.
std::vector<float> logits(Backend& backend, const ModelConfig& config, const std::vector<int>& tokens,
                          int chunk) {
    const auto vocab = static_cast<size_t>(config.vocab);
    std::vector<float> all(tokens.size() * vocab);
    for (size_t first = 0; first < tokens.size(); first += static_cast<size_t>(chunk)) {
        const size_t count = std::min(static_cast<size_t>(chunk), tokens.size() - first);
        forward(backend, config, std::span<const int>(tokens).subspan(first, count), static_cast<int>(first),
                static_cast<int>(count), all.data() + first * vocab);
    }
    return all;
}

std::vector<float> cpuLogits(const Checkpoint& checkpoint, const std::vector<int>& tokens, int threads,
                             int chunk, const cpu::Kernels* kernels = nullptr) {
    auto backend = cpu::CpuBackend::load(checkpoint, {threads, kContext, KvKind::fp16, kernels}, {});
    return backend ? logits(**backend, checkpoint.config(), tokens, chunk) : std::vector<float>();
}

bool same(const std::vector<float>& a, const std::vector<float>& b) {
    return !a.empty() && a.size() == b.size() && std::memcmp(a.data(), b.data(), 4 * a.size()) == 0;
}

/// Root mean square of the differences, relative to the logits'.
double relativeError(const std::vector<float>& found, const std::vector<float>& expected) {
    EXPECT_EQ(found.size(), expected.size());
    double differences = 0, squares = 0;
    for (size_t i = 0; i < std::min(found.size(), expected.size()); ++i) {
        differences += std::pow(double{found[i]} - expected[i], 2);
        squares += std::pow(double{expected[i]}, 2);
    }
    return std::sqrt(differences / squares);
}

std::unique_ptr<Checkpoint> open(const HfFolder& model) {
    const TemporaryFolder folder;
    model.writeTo(folder);
    auto checkpoint = Checkpoint::open(folder.path());  // an opened checkpoint keeps its files
    EXPECT_TRUE(checkpoint) << (checkpoint ? "" : checkpoint.error().message());
    return checkpoint ? std::move(*checkpoint) : nullptr;
}

struct Case {
    const char* name;
    std::unique_ptr<Checkpoint> (*open)();
    double largestError;
};

void PrintTo(const Case& model, std::ostream* out) {
    *out << model.name;
}

template <TinyFalcon kForm>
std::unique_ptr<Checkpoint> openFalcon() {
    HfFolder model = tinyFalconFolder(kForm);
    quantizeFolderToInt8(model);
    return open(model);
}

std::unique_ptr<Checkpoint> openLlama() {
    HfFolder model = tinyLlamaFolder();
    quantizeFolderToInt8(model);
    return open(model);
}

// The head too, for which llm-compressor makes an exception unless it is told not to.
std::unique_ptr<Checkpoint> openLlamaWithHead() {
    HfFolder model = tinyLlamaFolder();
    quantizeFolderToInt8(model);
    model.weights.remove("lm_head.weight");
    addInt8(model.weights, "lm_head", randomInt8(40, 64, 99), "F32");
    return open(model);
}

// Matrices that read one operand in its three forms: int8 by token, fp32, and 15 bits in groups.
std::unique_ptr<Checkpoint> openMixedLlama() {
    HfFolder model = tinyLlamaFolder();
    const HfFolder plain = model;
    HfFolder int4 = model;
    quantizeFolder(int4, Int4Form::compressedSymmetric, 32);
    quantizeFolderToInt8(model);
    const auto replace = [&](const std::string& module, const HfFolder& source) {
        for (const char* part : {".weight", ".weight_scale"}) model.weights.remove(module + part);
        for (const auto& tensor : source.weights.tensors) {
            if (tensor.name.starts_with(module + ".")) model.weights.tensors.push_back(tensor);
        }
    };
    replace("model.layers.0.self_attn.k_proj", plain);
    replace("model.layers.0.self_attn.v_proj", int4);
    replace("model.layers.1.mlp.up_proj", plain);
    replace("model.layers.1.mlp.gate_proj", int4);
    replace("model.layers.1.mlp.down_proj", int4);
    return open(model);
}

// The MLP reads what attention's norm gave, here in another form than attention does.
std::unique_ptr<Checkpoint> openMixedFalcon() {
    HfFolder model = tinyFalconFolder(TinyFalcon::multiQuery);
    const std::string module = "transformer.h.0.self_attention.query_key_value";
    const SafetensorsWriter::Tensor plain = model.weights.tensor(module + ".weight");
    quantizeFolderToInt8(model);
    for (const char* part : {".weight", ".weight_scale"}) model.weights.remove(module + part);
    model.weights.tensors.push_back(plain);
    return open(model);
}

// No width is a multiple of 32.
std::unique_ptr<Checkpoint> oddWidths() {
    ModelConfig config = smallConfig();
    config.hidden = 100, config.heads = 5, config.kvHeads = 1, config.headSize = 20;
    config.ffn = 90, config.vocab = 53, config.tiedHead = false;
    MemoryModelOptions options;
    options.weights = options.embedding = TensorType::int8;
    options.linearBiases = true;
    return memoryCheckpoint(config, options);
}

// A code is off by at most half a step of max|x| / 127, on average by a step / sqrt(12). Of a row of 64 to
// 256 numbers the largest is some 2.5 to 4 times their root mean square, so that a product's relative error
// is about 3.2 / 127 / 3.5 = 0.7 %. Four products follow each other in a layer and a gate multiplies two of
// them: 1 to 2 % in the two layers of LLaMA. In the one layer of Falcon, which has no gate and adds about a
// third to the embedding, 0.2 to 0.3 %. Twice that is allowed; a wrong scale, row or sum costs tens of per
// cent.
constexpr double kLlama = 0.03, kFalcon = 0.006;

const Case kCases[] = {{"llama", openLlama, kLlama},
                       {"llamaWithInt8Head", openLlamaWithHead, kLlama},
                       {"mixedLlama", openMixedLlama, kLlama},
                       {"falcon7b", openFalcon<TinyFalcon::multiQuery>, kFalcon},
                       {"falconRw", openFalcon<TinyFalcon::rw>, kFalcon},
                       {"falconGrouped", openFalcon<TinyFalcon::grouped>, kFalcon},
                       {"mixedFalcon", openMixedFalcon, kFalcon},
                       {"oddWidths", oddWidths, kLlama}};

class W8A8 : public ::testing::TestWithParam<Case> {};

INSTANTIATE_TEST_SUITE_P(, W8A8, ::testing::ValuesIn(kCases),
                         [](const auto& info) { return info.param.name; });

TEST_P(W8A8, cpuIsAsFarFromTheReferenceAsActivationsOf8BitsAre) {
    std::unique_ptr<Checkpoint> checkpoint = GetParam().open();
    ASSERT_TRUE(checkpoint);
    const ModelConfig config = checkpoint->config();
    const std::vector<int> tokens = someTokens(150, config.vocab);
    std::vector<std::vector<float>> found;
    for (const cpu::Kernels* kernels : cpu::usableKernels())
        found.push_back(cpuLogits(*checkpoint, tokens, 2, 64, kernels));
    auto reference = reference::ReferenceBackend::load(std::move(checkpoint), 1, kContext, {});
    ASSERT_TRUE(reference);
    const std::vector<float> expected = logits(**reference, config, tokens, 64);
    for (const std::vector<float>& values : found) {
        EXPECT_LT(relativeError(values, expected), GetParam().largestError);
        EXPECT_GT(relativeError(values, expected), 6e-4) << "activations were not quantized";
    }
}

TEST_P(W8A8, givesTheSameBitsForAnyThreadsAndChunks) {
    const std::unique_ptr<Checkpoint> checkpoint = GetParam().open();
    ASSERT_TRUE(checkpoint);
    const std::vector<int> tokens = someTokens(300, checkpoint->config().vocab);
    const std::vector<float> expected = cpuLogits(*checkpoint, tokens, 1, 128);
    for (const int threads : {1, 2, 8}) {
        for (const int chunk : {1, 7, 128}) {
            EXPECT_TRUE(same(cpuLogits(*checkpoint, tokens, threads, chunk), expected))
                << threads << " threads, chunks of " << chunk;
        }
    }
}

TEST_P(W8A8, planKnowsWhatTheBackendTakes) {
    const std::unique_ptr<Checkpoint> checkpoint = GetParam().open();
    ASSERT_TRUE(checkpoint);
    const auto backend = cpu::CpuBackend::load(*checkpoint, {2, kContext, KvKind::fp16, nullptr}, {});
    ASSERT_TRUE(backend);
    const MemoryPlan plan = planMemory(*checkpoint, kContext, KvKind::fp16);
    EXPECT_GE(plan.weights, (*backend)->weightBytes());  // tiles of 16 rows, or of 8
    EXPECT_LE(plan.weights, (*backend)->weightBytes() * 11 / 10);
    EXPECT_GE(plan.scratch, (*backend)->scratchBytes());
}

}  // namespace
}  // namespace edgechat::inference
